import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** A running replica: the built function as a process on a free port of loopback. Disposing of it ends it. */
export interface ReplicaProcess extends AsyncDisposable {
  readonly url: string;
  readonly child: ChildProcess;
  /** All it has written so far. */
  output(): string;
  /** Resolves when a line of its output matches; rejects when it ends before. */
  waitForLine(pattern: RegExp): Promise<string>;
  /** Resolves with its exit code (a number) or the signal that ended it. */
  readonly ended: Promise<number | string>;
}

const running = new Set<ChildProcess>();

/** Starts the tree that a build made: `node app/function.mjs` or `./function`. */
export function startProcess(
  root: string,
  kind: 'ts' | 'go',
  environment: Record<string, string> = {},
): ReplicaProcess {
  const [program, args] =
    kind === 'ts'
      ? [process.execPath, ['--max-semi-space-size=4', '--enable-source-maps', join(root, 'app/function.mjs')]]
      : [join(root, 'function'), []];
  return startCommand(program, args, environment);
}

/** Starts a replica by a command of another program, which may put it into namespaces of its own. */
export function startCommand(
  program: string,
  args: readonly string[],
  environment: Record<string, string> = {},
): ReplicaProcess {
  const child = spawn(program, args, {
    cwd: '/',
    env: { PATH: process.env['PATH'], port: '0', metrics_port: '0', BANTAM_HOST: '127.0.0.1', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  let text = '';
  let url = '';
  const waiting = new Set<() => void>();
  const hear = (chunk: Buffer): void => {
    text += chunk.toString();
    for (const look of waiting) look();
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  // 'close' and not 'exit': only then has all of its output arrived.
  const ended = once(child, 'close').then(([code, signal]): number | string => {
    running.delete(child);
    for (const look of waiting) look();
    return code ?? signal;
  });
  return {
    child,
    ended,
    get url() {
      url ||= `http://127.0.0.1:${/listening on port (\d+)/.exec(text)?.[1]}`;
      return url;
    },
    output: () => text,
    waitForLine: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const line = text.split('\n').find((candidate) => pattern.test(candidate));
          if (line === undefined && running.has(child)) return;
          waiting.delete(look);
          if (line === undefined) reject(new Error(`it ended without a line like ${pattern}:\n${text}`));
          else resolve(line);
        };
        waiting.add(look);
        look();
      }),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** Starts a replica and waits until it answers with its handler. */
export async function startReplica(
  root: string,
  kind: 'ts' | 'go',
  environment: Record<string, string> = {},
): Promise<ReplicaProcess> {
  return await loaded(startProcess(root, kind, environment));
}

/** Waits until a replica answers with its handler. */
export async function loaded(replica: ReplicaProcess): Promise<ReplicaProcess> {
  await replica.waitForLine(/handler loaded/);
  return replica;
}

/** Ends every replica that a test has left running. */
export async function endReplicas(): Promise<void> {
  await Promise.all(
    [...running].map(async (child) => {
      const closed = once(child, 'close');
      child.kill('SIGKILL');
      await closed;
    }),
  );
}
