import { Interrupted, UserError } from '../../errors.ts';
import { askHealth } from './health.ts';
import { pause } from './pause.ts';
import type { ReplicaState } from './provider.ts';
import type { Run, RunLine, RunLogQuery, Runs } from './run.ts';

/** The rhythm of a replica, in milliseconds unless said otherwise. */
export interface ReplicaTiming {
  /** Between looks until the first health. */
  readonly firstPoll: number;
  /** Between looks afterwards. */
  readonly poll: number;
  /** How long one look may take. */
  readonly probe: number;
  /** How long a start may take until the first health; then the run is killed and another one started. */
  readonly start: number;
  /** So many failed looks in a row end a run. */
  readonly failures: number;
  /** Wait before the first and before any later restart; it doubles in between, and starts anew after `steady` in health. */
  readonly firstRestart: number;
  readonly longestRestart: number;
  readonly steady: number;
  /** Seconds between SIGTERM and SIGKILL. */
  readonly graceSeconds: number;
}

/** As faas-netes probes (every 2 s, 1 s each, 3 failures; about 8 s to open the port), except that the first health is seen at once. */
export const defaultTiming: ReplicaTiming = {
  firstPoll: 100,
  poll: 2000,
  probe: 1000,
  start: 8000,
  failures: 3,
  firstRestart: 500,
  longestRestart: 30_000,
  steady: 60_000,
  graceSeconds: 30,
};

/** What a replica needs from its surroundings. `changed` is called after every change of `started`, `ready`, `stopping` or `fault`. */
export interface ReplicaOptions {
  readonly name: string;
  readonly generation: string;
  readonly runs: Runs;
  readonly timing: ReplicaTiming;
  /** Waits for a place among the starts that may go on at once; what it returns gives the place back. */
  readonly admit?: ((signal: AbortSignal) => Promise<() => void>) | undefined;
  readonly changed: () => void;
  readonly announce: (text: string, hint?: string) => void;
}

/**
 * One function's program kept alive: started, watched, restarted with growing pauses, stopped. It never gives up and never throws;
 * what is wrong is its `fault`.
 */
export class Replica {
  readonly name: string;
  readonly generation: string;
  readonly #options: ReplicaOptions;
  readonly #stop = new AbortController();
  readonly #life: Promise<void>;
  #run: Run | undefined;
  #startedAt: string | undefined;
  #fault: string | undefined;
  #ready = false;
  #starts = 0;

  constructor(options: ReplicaOptions) {
    this.name = options.name;
    this.generation = options.generation;
    this.#options = options;
    this.#life = this.#live();
  }

  /** Where it answers while `ready`. */
  get address(): string | undefined {
    return this.#ready ? this.#run?.address : undefined;
  }
  get ready(): boolean {
    return this.#ready;
  }
  /** Whether its program was started at least once. */
  get started(): boolean {
    return this.#starts > 0;
  }
  get stopping(): boolean {
    return this.#stop.signal.aborted;
  }
  get fault(): string | undefined {
    return this.#fault;
  }
  get state(): ReplicaState {
    const { name, generation, ready } = this;
    return {
      instance: name,
      generation,
      ready,
      address: this.address,
      startedAt: this.#startedAt,
      restarts: Math.max(0, this.#starts - 1),
      memoryBytes: this.#run?.memoryBytes,
      pid: this.#run?.pid,
    };
  }

  /** Leaves the endpoints at once, drains (SIGTERM, grace), removes what was made for it. Resolves when it is gone; throws what `Runs.remove` throws. */
  async stop(graceSeconds = this.#options.timing.graceSeconds): Promise<void> {
    this.#ready = false;
    this.#stop.abort();
    this.#options.changed();
    await this.#life;
    await this.#options.runs.remove(graceSeconds);
  }

  /** The lines of all its runs; with `follow` until the replica is gone or `signal` aborts. */
  logs(query: RunLogQuery, signal: AbortSignal): AsyncIterable<RunLine> {
    return this.#options.runs.logs(query, signal);
  }

  async #live(): Promise<void> {
    const { timing } = this.#options;
    let wait = timing.firstRestart;
    while (!this.stopping) {
      const begun = performance.now();
      try {
        await this.#runOnce();
      } catch (error) {
        if (this.stopping) return;
        [this.#run, this.#startedAt] = [undefined, undefined];
        this.#fail(error);
      }
      wait = performance.now() - begun > timing.steady ? timing.firstRestart : wait;
      await pause(wait, this.#stop.signal);
      wait = Math.min(wait * 2, timing.longestRestart);
    }
  }

  #fail(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.#ready = false;
    if (this.#fault !== reason) this.#options.announce(reason, error instanceof UserError ? error.hint : undefined);
    this.#fault = reason;
    this.#options.changed();
  }

  /** From start to end of a run; always ends with a thrown reason. */
  async #runOnce(): Promise<never> {
    const { runs, admit, changed } = this.#options;
    const signal = this.#stop.signal;
    const leave = (await admit?.(signal)) ?? (() => undefined);
    // A start that hangs must not keep all others from theirs.
    const timer = setTimeout(leave, longestPlace);
    try {
      if (this.stopping) throw new Interrupted();
      this.#run = await runs.start(signal);
      this.#starts += 1;
      this.#startedAt = new Date().toISOString();
      changed();
      return await this.#watch(this.#run, leave);
    } finally {
      clearTimeout(timer);
      leave();
    }
  }

  /** Looks at health until the run ends by itself, or ends it after too many failures. `healthy` is called at the first health. */
  async #watch(run: Run, healthy: () => void): Promise<never> {
    const watching = new AbortController();
    const signal = AbortSignal.any([this.#stop.signal, watching.signal]);
    const ended = run.ended(signal).then(() => watching.abort());
    const sick =
      run.address === undefined
        ? await ended.then(() => undefined)
        : await this.#pollHealth(run.address, healthy, signal);
    if (this.stopping) throw new Interrupted();
    // Health may have noticed the end first; what is known of the end says more.
    if (sick === undefined || !(await run.isRunning(this.#stop.signal))) throw await run.explain(this.#stop.signal);
    watching.abort();
    this.#fail(sick);
    await run.stop(Math.min(this.#options.timing.graceSeconds, 10));
    throw sick;
  }

  /** Returns why the replica is to be restarted, `undefined` when `signal` aborted. */
  async #pollHealth(address: string, healthy: () => void, signal: AbortSignal): Promise<UserError | undefined> {
    const { timing, name } = this.#options;
    const deadline = performance.now() + timing.start;
    let failures = 0;
    while (!signal.aborted) {
      const health = await askHealth(address, timing.probe, signal);
      if (signal.aborted) return undefined;
      if (health.healthy) {
        failures = 0;
        if (!this.#ready) {
          this.#ready = true;
          this.#fault = undefined;
          healthy();
          this.#options.changed();
        }
      } else {
        failures += 1;
        if (this.#ready && failures >= timing.failures)
          return new UserError('BAN-E603', `${name} failed ${failures} health checks in a row: ${health.reason}`);
        if (!this.#ready && performance.now() > deadline) {
          return new UserError(
            'BAN-E603',
            `${name} was not healthy within ${timing.start / 1000} s of its start: ${health.reason}`,
            {
              hint: 'a function must answer /_/health on its port (8080, or what the variable port says) soon after its start; a cluster kills it likewise',
            },
          );
        }
      }
      await pause(this.#ready ? timing.poll : timing.firstPoll, signal);
    }
    return undefined;
  }
}

/** How long a start keeps its place from others, in milliseconds: it is processors that starts compete for, and a slow one waits for something else. */
const longestPlace = 3000;
