import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/** A replica in namespaces of its own. */
export interface ReplicaInside extends AsyncDisposable {
  readonly url: string;
  readonly child: ChildProcess;
  /** What it has written to stderr so far. */
  output(): string;
  /** Resolves with its exit code (a number) or the signal that ended it. */
  readonly ended: Promise<number | string>;
}

/** Starts a replica through another program, which puts it into namespaces of its own, and waits until it has loaded. */
export async function startProgram(
  program: string,
  args: readonly string[],
  environment: Record<string, string> = {},
): Promise<ReplicaInside> {
  const child = spawn(program, args, {
    env: { PATH: process.env['PATH'], port: '0', metrics_port: '0', BANTAM_HOST: '127.0.0.1', ...environment },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = once(child, 'close').then(([code, signal]): number | string => code ?? signal);
  let said = '';
  const port = await new Promise<string>((resolve, reject) => {
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      const found = /listening on port (\d+)/.exec(said)?.[1];
      if (found !== undefined && said.includes('handler loaded')) resolve(found);
    });
    ended.then(() => reject(new Error(`it ended:\n${said}`)), reject);
  });
  return {
    url: `http://127.0.0.1:${port}`,
    child,
    ended,
    output: () => said,
    async [Symbol.asyncDispose](): Promise<void> {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
