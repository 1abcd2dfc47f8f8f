import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { UserError } from '../../../cli/errors.ts';
import type { DesiredFunction, ReplicaState } from '../../../cli/local/replicas/provider.ts';
import { defaultTiming } from '../../../cli/local/replicas/replica.ts';
import { ReplicaProvider } from '../../../cli/local/replicas/replica-provider.ts';
import type { Run, Runs } from '../../../cli/local/replicas/run.ts';

const program = fileURLToPath(new URL('replica-program.mjs', import.meta.url));

/** Whether a replica accepts for a while after SIGTERM, as bantam's runtimes do, or closes its port at once. */
export type Manner = 'as-runtimes' | 'at-once';

/** The provider as it is, whose replicas are real processes of a small program; and what these saw. */
export class ReplicaProcesses implements AsyncDisposable {
  readonly provider: ReplicaProvider;
  /** Call ids by the process that saw them. */
  readonly seen = new Map<number, string[]>();

  constructor(manner: Manner) {
    this.provider = new ReplicaProvider({
      makeRuns: (desired) => this.#makeRuns(desired.generation, manner),
      timing: { ...defaultTiming, firstPoll: 20, poll: 500, start: 30_000, firstRestart: 50, graceSeconds: 10 },
      report: () => undefined,
      closeGraceSeconds: 1,
      limitations: () => [],
      prepare: async () => ({ environment: {} }),
      clear: async () => undefined,
    });
  }

  /** Asks for a function in a version with so many replicas, and waits until exactly these are ready. Gives them. */
  async roll(name: string, generation: string, replicas: number): Promise<readonly ReplicaState[]> {
    const desired: DesiredFunction = {
      name,
      generation,
      createdAt: '2026-11-22T00:00:00Z',
      deployment: { service: name, image: 'none' },
      replicas,
    };
    this.provider.apply(desired);
    for (;;) {
      const states = this.provider.find(name)?.replicaStates ?? [];
      if (states.length === replicas && states.every((state) => state.ready && state.generation === generation))
        return states;
      await wait(5);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.provider.close();
  }

  #makeRuns(generation: string, manner: Manner): Runs {
    let child: ChildProcess | undefined;
    return {
      start: async () => {
        child = spawn(process.execPath, [program, generation, manner], { stdio: ['ignore', 'pipe', 'inherit'] });
        return await this.#begun(child);
      },
      logs: async function* () {},
      remove: async (graceSeconds) => stop(child, graceSeconds),
    };
  }

  async #begun(child: ChildProcess): Promise<Run> {
    const { pid, stdout } = child;
    if (pid === undefined || stdout === null) throw new UserError('BAN-E611', 'no process');
    const ids: string[] = [];
    this.seen.set(pid, ids);
    const lines = createInterface(stdout);
    const port = await new Promise<string>((resolve) => {
      lines.on('line', (line) => {
        const [kind, value = ''] = line.split(' ');
        if (kind === 'port') resolve(value);
        else ids.push(value);
      });
    });
    const gone = hasEnded(child) ? Promise.resolve() : once(child, 'exit').then(() => undefined);
    return {
      address: `http://127.0.0.1:${port}`,
      pid,
      ended: async (signal) => {
        const left = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
        await Promise.race([gone, left]);
      },
      isRunning: async () => !hasEnded(child),
      stop: (graceSeconds) => stop(child, graceSeconds),
      explain: async () => new UserError('BAN-E611', 'it ended'),
    };
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function stop(child: ChildProcess | undefined, graceSeconds: number): Promise<void> {
  if (child === undefined || hasEnded(child)) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), graceSeconds * 1000);
  await gone;
  clearTimeout(late);
}
