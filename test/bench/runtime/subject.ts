import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { get } from 'node:http';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { type Contestant, expectedAnswer, type Ports, requestPath } from './contestant.ts';
import { onCore } from './machine.ts';

/** A contestant as a running process. Disposing of it kills it and its children. */
export interface Subject extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  /** Milliseconds from the start of the process to its first 200. */
  readonly firstAnswer: number;
}

export interface StartOptions {
  readonly core: number | undefined;
  readonly signal: AbortSignal;
  /** Folder for temporary files of the process. */
  readonly temporary: string;
}

const patience = 20_000;

/** It runs, but does not do the work that the others do. */
class WrongAnswer extends Error {
  override readonly name = 'WrongAnswer';
}

/**
 * Starts a contestant, all it writes going to /dev/null (as a watchdog writes a line for each request), and asks until it
 * answers. Throws with the end of what it said when it does not.
 */
export async function startSubject(contestant: Contestant, options: StartOptions): Promise<Subject> {
  const ports = await findPorts();
  const began = performance.now();
  const child = spawnContestant(contestant, ports, options, 'ignore');
  const url = `http://127.0.0.1:${ports.port}${requestPath}`;
  try {
    const firstAnswer = (await waitForAnswer(url, child, options.signal)) - began;
    const { pid } = child;
    if (pid === undefined) throw new Error('it has no process number');
    return { url, pid, firstAnswer, [Symbol.asyncDispose]: () => killTree(child) };
  } catch (error) {
    await killTree(child);
    options.signal.throwIfAborted();
    if (error instanceof WrongAnswer) throw error;
    const said = await hearFailure(contestant, options);
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${reason}\n${said}`, { cause: error });
  }
}

function spawnContestant(
  { program, argv, folder, environment }: Contestant,
  ports: Ports,
  options: StartOptions,
  output: 'ignore' | 'pipe',
): ChildProcess {
  const own = environment(ports);
  // A process group of its own, so that a watchdog and its child can be ended together.
  return spawn(...onCore(options.core, program, argv), {
    cwd: folder,
    detached: true,
    stdio: ['ignore', output, output],
    env: { ...own, PATH: own['PATH'] ?? process.env['PATH'], TMPDIR: options.temporary },
  });
}

/**
 * Three different ports that are free on all addresses. They lie below those that systems give to outgoing connections
 * (from 32768 on), or one of the thousands that a load makes could take them before the contestant does.
 */
async function findPorts(): Promise<Ports> {
  const found = new Set<number>();
  for (let tries = 0; found.size < 3; tries += 1) {
    if (tries > 300) throw new Error('there are no free ports between 20000 and 30000');
    const port = randomInt(20_000, 30_000);
    if (await isFree(port)) found.add(port);
  }
  const [port = 0, metrics = 0, inner = 0] = found;
  return { port, metrics, inner };
}

/** Whether a port of this machine can be listened on, on all addresses. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, () => server.close(() => resolve(true)));
  });
}

/** The time (of `performance.now`) of the first 200; throws for a wrong answer, an end, or after 20 s. */
async function waitForAnswer(url: string, child: ChildProcess, signal: AbortSignal): Promise<number> {
  let spawnFailure: Error | undefined;
  child.once('error', (error) => {
    spawnFailure = error;
  });
  for (const end = performance.now() + patience; performance.now() < end; ) {
    signal.throwIfAborted();
    if (spawnFailure !== undefined) throw spawnFailure;
    if (child.exitCode !== null || child.signalCode !== null) throw new Error('it ended before it answered');
    const answer = await ask(url, end - performance.now()).catch(() => undefined);
    if (answer?.status === 200) {
      if (isDeepStrictEqual(answer.body, expectedAnswer)) return answer.at;
      throw new WrongAnswer(`it answers ${JSON.stringify(answer.body)} and not ${JSON.stringify(expectedAnswer)}`);
    }
    await sleep(1);
  }
  throw new Error(`it did not answer 200 within ${patience / 1000} s`);
}

/** Asks once; rejects when nobody listens, the connection breaks, or `limit` milliseconds are over. */
function ask(url: string, limit: number): Promise<{ status: number; at: number; body: unknown }> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent: false, timeout: Math.max(1, limit) }, (response) => {
      const at = performance.now();
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('error', reject);
      response.on('end', () => {
        const status = response.statusCode ?? 0;
        try {
          resolve({ status, at, body: status === 200 ? JSON.parse(text) : text });
        } catch {
          resolve({ status, at, body: text });
        }
      });
    });
    request.on('timeout', () => request.destroy(new Error('no answer in time')));
    request.on('error', reject);
  });
}

/** Starts it once more for at most three seconds, this time listening to what it says. */
async function hearFailure(contestant: Contestant, options: StartOptions): Promise<string> {
  const child = spawnContestant(contestant, await findPorts(), options, 'pipe');
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-4000);
    });
  child.once('error', (error) => {
    said += error.message;
  });
  await Promise.race([once(child, 'close').catch(() => undefined), sleep(3000, undefined, { ref: false })]);
  await killTree(child);
  return said.trim().split('\n').slice(-4).join('\n');
}

async function killTree(child: ChildProcess): Promise<void> {
  if (child.pid === undefined) return;
  const closed = child.exitCode === null && child.signalCode === null ? once(child, 'close') : undefined;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // The whole group has ended already.
  }
  await closed;
}
