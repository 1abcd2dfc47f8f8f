import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Runtime } from './contract-case.ts';
import { collectOutput } from './output.ts';
import { type Ended, type Replica, type StartOptions, type Target, TargetFailure } from './target.ts';

/** A function as a program of this machine. */
export interface Program {
  readonly runtime: Runtime;
  readonly file: string;
  readonly arguments: readonly string[];
  /** Besides PATH, the ports and the settings of a case nothing is in its environment. */
  readonly environment?: (port: number) => Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** of-watchdog cannot be told another one. */
  readonly metricsPort?: number;
}

/** Starts the program on free ports of loopback, each replica with a folder for temporary files of its own. */
export function openProcessTarget(program: Program): Target {
  return { runtime: program.runtime, start: (options, signal) => startProcess(program, options, signal) };
}

async function startProcess(program: Program, options: StartOptions, signal: AbortSignal): Promise<Replica> {
  signal.throwIfAborted();
  const folder = await mkdtemp(join(tmpdir(), 'bantam-contract-'));
  const asked = options.environment ?? {};
  const freePort = await takeFreePort();
  const freeMetricsPort = program.metricsPort ?? (await takeFreePort());
  const port = asked['port'] ?? String(freePort);
  const metricsPort = asked['metrics_port'] ?? String(freeMetricsPort);
  const secrets =
    options.secrets === undefined ? {} : { secret_mount_path: await writeSecrets(folder, options.secrets) };
  const started = performance.now();
  const child = spawn(program.file, [...program.arguments], {
    cwd: program.cwd ?? folder,
    env: {
      PATH: process.env['PATH'],
      TMPDIR: folder,
      BANTAM_HOST: '127.0.0.1',
      ...secrets,
      ...program.environment?.(freePort),
      ...asked,
      port,
      metrics_port: metricsPort,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true, // a group of its own: what it starts ends with it
  });
  const running = watchOver(child, folder);
  const failed = new Promise<Ended>((_resolve, reject) => {
    child.once('error', (error) => reject(new TargetFailure(`${program.file} cannot be started: ${error.message}`)));
  });
  failed.catch(() => undefined);
  const output = collectOutput(child, signal);
  const ended = Promise.race([
    failed,
    // 'close' and not 'exit': only then has all of its output arrived.
    once(child, 'close').then(([code, name]): Ended => ({ code, signal: name })),
  ]).finally(async () => {
    running();
    taken.delete(freePort);
    taken.delete(freeMetricsPort);
    await rm(folder, { recursive: true, force: true });
  });
  ended.catch(() => undefined);
  const end = (): void => {
    output.resume();
    killGroup(child);
  };
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  await Promise.race([once(child, 'spawn'), failed]);
  return {
    url: `http://127.0.0.1:${port}`,
    metricsUrl: `http://127.0.0.1:${metricsPort}/metrics`,
    signal,
    pid: child.pid,
    started,
    output,
    send: (name) => void child.kill(name),
    ended,
    async end() {
      end();
      await ended;
    },
  };
}

async function writeSecrets(folder: string, secrets: Readonly<Record<string, string>>): Promise<string> {
  const path = join(folder, 'secrets');
  await mkdir(path);
  for (const [name, text] of Object.entries(secrets)) await writeFile(join(path, name), text, { mode: 0o600 });
  return path;
}

/** Below the ports that systems give to outgoing connections: of those one may be gone before the replica listens. */
const firstPort = 15_000;
const portCount = 15_000;
const taken = new Set<number>();

/** An even port that nobody has, nor has had in this process; the next one is likely to be free, too. */
async function takeFreePort(): Promise<number> {
  for (let tries = 0; tries < 200; tries += 1) {
    const port = firstPort + 2 * Math.floor((Math.random() * portCount) / 2);
    if (taken.has(port)) continue;
    const server = createServer().listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
    } catch {
      continue; // somebody has it
    }
    await once(server.close(), 'close');
    taken.add(port);
    return port;
  }
  throw new TargetFailure(`no free port from ${firstPort} to ${firstPort + portCount - 1}`);
}

/** Running replicas and their folders. */
const children = new Map<ChildProcess, string>();

/** Replicas end with this process, however it ends but for SIGKILL. The result takes this one off the list. */
function watchOver(child: ChildProcess, folder: string): () => void {
  if (children.size === 0) process.on('exit', killAll);
  children.set(child, folder);
  return () => {
    killGroup(child); // what the program has left behind
    children.delete(child);
    if (children.size === 0) process.off('exit', killAll);
  };
}

function killAll(): void {
  for (const [child, folder] of children) {
    killGroup(child);
    rmSync(folder, { recursive: true, force: true });
  }
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // All of it has ended already.
  }
}
