import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { UserError } from '../../errors.ts';
import { failedWith } from '../../errors.ts';
import type { Node } from '../../oci/node.ts';
import { pause } from '../replicas/pause.ts';
import type { Run } from '../replicas/run.ts';
import { checkProgram } from './check-program.ts';
import { explainEnd, explainStart } from './ending.ts';
import type { Launch } from './launch.ts';
import type { MemoryWatch, Watched } from './memory-watch.ts';
import type { ProcessEntry } from './process-table.ts';
import type { ReplicaLog } from './replica-log.ts';
import type { Sweeper } from './strays.ts';

const loopback = '127.0.0.1';
/** How long the pipes of an ended process may stay open: only somebody out of our sight holds them then. Milliseconds. */
const lastWait = 1000;

/** Starts the program of a launch in a session of its own. `name`: the replica, for messages. Throws BAN-E611. */
export async function startChild(
  name: string,
  { program, named, words, workingDirectory, environment }: Launch,
  machine: Node,
): Promise<ChildProcess> {
  try {
    if (named !== undefined) await checkProgram(name, program, named, machine);
    const child = spawn(program, [...words], {
      cwd: workingDirectory,
      env: { ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      // A session of its own: Ctrl-C is for the gateway, and what belongs to this process can be told from all others.
      detached: true,
    });
    await once(child, 'spawn');
    return child;
  } catch (error) {
    throw explainStart(name, named ?? program, error);
  }
}

/** What one run is made of. */
export interface RunParts {
  readonly name: string;
  readonly child: ChildProcess;
  readonly port: number;
  readonly log: ReplicaLog;
  readonly sweeper: Sweeper;
  /** SIGTERM goes to the whole group, not to the first process alone. */
  readonly signalsGroup: boolean;
}

/** One process and what it starts. */
export class ProcessRun implements Run {
  readonly address: string;
  readonly pid: number;
  /** Resolves when the process and all it started are gone, and their last lines are read. */
  readonly over: Promise<void>;
  readonly #parts: RunParts;
  #exit: { readonly code: number | null; readonly signal: NodeJS.Signals | null } | undefined;
  #outOfMemory: { readonly held: number; readonly limit: number } | undefined;
  #family: readonly ProcessEntry[] = [];
  #watched: Watched | undefined;

  constructor(parts: RunParts) {
    const { child, port } = parts;
    this.#parts = parts;
    this.address = `http://${loopback}:${port}`;
    this.pid = child.pid ?? 0;
    this.over = this.#live();
  }

  get memoryBytes(): number | undefined {
    return this.#watched?.bytes;
  }

  /** Has its memory watched until it is over. */
  watch(memory: MemoryWatch, limit: number | undefined): void {
    this.#watched = memory.watch({
      pid: this.pid,
      limit,
      exceeded: (held) => {
        this.#outOfMemory = { held, limit: limit ?? 0 };
        this.#signal('SIGKILL', true);
      },
    });
    void this.over.then(() => this.#watched?.stop());
  }

  async ended(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const left = new AbortController();
    const aborted = once(signal, 'abort', { signal: left.signal }).catch(() => undefined);
    await Promise.race([this.over, aborted]);
    left.abort();
  }

  async isRunning(): Promise<boolean> {
    // One that has just exited is not over yet, but runs no more.
    return this.#exit === undefined;
  }

  async stop(graceSeconds: number): Promise<void> {
    // Who has left the session and wiped its environment can be told by its parent only while that lives.
    if (this.#exit === undefined) this.#family = await this.#parts.sweeper.family(this.pid);
    this.#signal('SIGTERM', this.#parts.signalsGroup);
    const waiting = new AbortController();
    await Promise.race([this.over, pause(graceSeconds * 1000, waiting.signal)]);
    waiting.abort();
    this.#signal('SIGKILL', true);
    await this.over;
  }

  async explain(): Promise<UserError> {
    await this.over;
    const { name, log } = this.#parts;
    const { code = null, signal = null } = this.#exit ?? {};
    return explainEnd({ subject: name, exitCode: code, signal, outOfMemory: this.#outOfMemory, lines: log.newest(10) });
  }

  async #live(): Promise<void> {
    const { child, log, sweeper, name } = this.#parts;
    const streams = (['stdout', 'stderr'] as const).map(async (stream) => {
      const lines = log.open(stream);
      const pipe = child[stream];
      // Piece by piece: a flood of lines must not keep calls waiting until it is over.
      pipe?.on('data', (chunk: Buffer) => {
        lines.write(chunk);
        pipe.pause();
        setImmediate(() => pipe.resume());
      });
      // A pipe that breaks has ended.
      if (pipe !== null) await once(pipe, 'close').catch(() => undefined);
      lines.end();
    });
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    this.#exit = { code: child.exitCode, signal: child.signalCode };
    await sweeper.sweep(name, this.pid, [...this.#family, ...(this.#watched?.family ?? [])]);
    const waiting = new AbortController();
    await Promise.race([Promise.all(streams), pause(lastWait, waiting.signal)]);
    waiting.abort();
    child.stdout?.destroy();
    child.stderr?.destroy();
    await Promise.all(streams);
  }

  /** Never to a number that may be somebody else's by now: the process has not been waited for until `exit`. */
  #signal(signal: NodeJS.Signals, wholeGroup: boolean): void {
    const { child } = this.#parts;
    if (this.pid === 0 || child.exitCode !== null || child.signalCode !== null) return;
    try {
      process.kill(wholeGroup ? -this.pid : this.pid, signal);
    } catch (error) {
      if (!failedWith(error, 'ESRCH')) throw error;
    }
  }
}
