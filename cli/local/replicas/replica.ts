import { Interrupted, UserError } from '../../errors.ts';
import type { ContainerEngine, ContainerPlan, EngineLogLine } from '../../tools/container-engine.ts';
import { type CreateOptions, createContainer } from '../docker/create-container.ts';
import { explainEnding } from '../docker/start-failure.ts';
import { askHealth } from './health.ts';
import { pause } from './pause.ts';

/** The rhythm of a replica, in milliseconds unless said otherwise. */
export interface ReplicaTiming {
  /** Between looks until the first health. */
  readonly firstPoll: number;
  /** Between looks afterwards. */
  readonly poll: number;
  /** How long one look may take. */
  readonly probe: number;
  /** How long a start may take until the first health; then the container is killed and started again. */
  readonly start: number;
  /** So many failed looks in a row end a running container. */
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

/** What a replica needs from its surroundings. `changed` is called after every change of `ready`, `stopping` or `fault`. */
export interface ReplicaOptions {
  readonly name: string;
  readonly generation: string;
  readonly engine: ContainerEngine;
  readonly enginePlatform: string;
  /** Called at each (re)creation; may throw a UserError, which becomes the replica's fault. */
  readonly plan: () => ContainerPlan;
  readonly timing: ReplicaTiming;
  readonly create: Omit<CreateOptions, 'signal' | 'note'>;
  readonly changed: () => void;
  readonly announce: (text: string, hint?: string) => void;
}

/**
 * One container kept alive: created, started, watched, restarted with growing pauses, stopped. It never gives up and never throws;
 * what is wrong is its `fault`.
 */
export class Replica {
  readonly name: string;
  readonly generation: string;
  readonly #options: ReplicaOptions;
  readonly #stop = new AbortController();
  readonly #life: Promise<void>;
  #container: string | undefined;
  #address: string | undefined;
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
    return this.#ready ? this.#address : undefined;
  }
  get ready(): boolean {
    return this.#ready;
  }
  get stopping(): boolean {
    return this.#stop.signal.aborted;
  }
  get fault(): string | undefined {
    return this.#fault;
  }

  /** Leaves the endpoints at once, drains (SIGTERM, grace), removes the container. Resolves when it is gone; throws BAN-E202 or E602 if the engine fails. */
  async stop(graceSeconds = this.#options.timing.graceSeconds): Promise<void> {
    this.#ready = false;
    this.#stop.abort();
    this.#options.changed();
    await this.#life;
    if (this.#container === undefined) return;
    await this.#options.engine.containers.stop(this.#container, graceSeconds);
    await this.#options.engine.containers.remove(this.#container);
  }

  /** The container's lines over all its restarts; with `follow` until the replica stops or `signal` aborts. */
  async *logs(
    query: { follow: boolean; since?: number | undefined; tail?: number | undefined },
    signal: AbortSignal,
  ): AsyncGenerator<EngineLogLine, void> {
    let { since, tail } = query;
    let last = '';
    let seen = 0;
    while (!signal.aborted) {
      if (this.#container !== undefined && (seen !== this.#starts || !query.follow)) {
        seen = this.#starts;
        for await (const line of this.#options.engine.containers.logs(
          this.#container,
          { follow: query.follow, since, tail },
          signal,
        )) {
          // A restarted container's log begins with what was read before.
          if (line.timestamp <= last) continue;
          last = line.timestamp;
          yield line;
        }
        if (last !== '') [since, tail] = [Date.parse(last), undefined];
      }
      if (!query.follow || this.stopping) return;
      await pause(this.#options.timing.firstPoll, signal);
    }
  }

  async #live(): Promise<void> {
    const { timing } = this.#options;
    let wait = timing.firstRestart;
    while (!this.stopping) {
      const begun = performance.now();
      try {
        await this.#runOnce();
      } catch (error) {
        if (this.stopping || error instanceof Interrupted) return;
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

  /** From creation to death of the container; always ends with a thrown reason. */
  async #runOnce(): Promise<never> {
    const { engine, plan, create, announce } = this.#options;
    const signal = this.#stop.signal;
    if (this.#container !== undefined && (await engine.containers.inspect(this.#container, signal)) === undefined)
      this.#container = undefined;
    this.#container ??= await createContainer(engine, plan(), { ...create, note: announce, signal });
    await engine.containers.start(this.#container);
    this.#starts += 1;
    const state = await engine.containers.inspect(this.#container, signal);
    // The port of the run before may be another container's by now.
    this.#address =
      state?.running === true && state.hostPort !== undefined ? `http://127.0.0.1:${state.hostPort}` : undefined;
    if (state?.running === true && this.#address === undefined) {
      await engine.containers.stop(this.#container, 0);
      throw new UserError('BAN-E602', `${this.#options.name} runs, but the engine shows no published port of it`);
    }
    return this.#watch(this.#container, this.#address);
  }

  /** Looks at health until the container ends by itself, or ends it after too many failures. */
  async #watch(container: string, address: string | undefined): Promise<never> {
    const { engine, timing } = this.#options;
    const watching = new AbortController();
    const signal = AbortSignal.any([this.#stop.signal, watching.signal]);
    const ended = this.#untilEnded(container, signal).then(() => watching.abort());
    const sick = address === undefined ? await ended : await this.#pollHealth(address, signal);
    if (this.stopping) throw new Interrupted();
    // Health may have noticed the end before the engine told of it; what the engine knows says more.
    if (sick === undefined || (await engine.containers.inspect(container, this.#stop.signal))?.running !== true)
      throw await this.#explain(container);
    watching.abort();
    this.#fail(sick);
    await engine.containers.stop(container, Math.min(timing.graceSeconds, 10));
    throw sick;
  }

  /** Resolves when the container runs no more or `signal` aborts. An engine that goes away for a while is no end: its containers may live on. */
  async #untilEnded(container: string, signal: AbortSignal): Promise<undefined> {
    const { engine, timing } = this.#options;
    while (!signal.aborted) {
      try {
        await engine.containers.wait(container, signal);
        return;
      } catch (error) {
        if (!(error instanceof UserError) || error.code !== 'BAN-E202') return;
      }
      await pause(timing.poll, signal);
    }
  }

  /** Returns why the replica is to be restarted, `undefined` when `signal` aborted. */
  async #pollHealth(address: string, signal: AbortSignal): Promise<UserError | undefined> {
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
              hint: 'a function must answer /_/health on port 8080 soon after its start; a cluster kills it likewise',
            },
          );
        }
      }
      await pause(this.#ready ? timing.poll : timing.firstPoll, signal);
    }
    return undefined;
  }

  async #explain(container: string): Promise<UserError> {
    const { engine, enginePlatform, name, plan } = this.#options;
    const signal = this.#stop.signal;
    const state = await engine.containers.inspect(container, signal);
    if (state === undefined) return new UserError('BAN-E602', `the container of ${name} was removed by somebody else`);
    return explainEnding({
      subject: name,
      state,
      lines: await lastLines(engine, container, signal),
      platform: plan().platform,
      enginePlatform,
    });
  }
}

/** The last ten lines a container wrote. */
export async function lastLines(engine: ContainerEngine, container: string, signal?: AbortSignal): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of engine.containers.logs(container, { tail: 10 }, signal)) lines.push(line.text);
  return lines;
}
