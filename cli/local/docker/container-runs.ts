import { UserError } from '../../errors.ts';
import type { ContainerEngine, ContainerPlan } from '../../tools/container-engine.ts';
import { pause } from '../replicas/pause.ts';
import type { Run, RunLine, RunLogQuery, Runs } from '../replicas/run.ts';
import { type CreateOptions, createContainer } from './create-container.ts';
import { explainEnding } from './start-failure.ts';

/** What the runs of one replica's container need. */
export interface ContainerRunsOptions {
  /** The replica's name, for messages. */
  readonly name: string;
  readonly engine: ContainerEngine;
  readonly enginePlatform: string;
  /** Called at each (re)creation; may throw a UserError. */
  readonly plan: () => ContainerPlan;
  readonly create: Omit<CreateOptions, 'signal'>;
  /** Milliseconds between tries to reach an engine that does not answer. */
  readonly retry: number;
}

/** One container that is started again and again. */
export class ContainerRuns implements Runs {
  readonly #options: ContainerRunsOptions;
  #container: string | undefined;
  #starts = 0;
  #removing = false;

  constructor(options: ContainerRunsOptions) {
    this.#options = options;
  }

  async start(signal: AbortSignal): Promise<Run> {
    const { engine, plan, create, name } = this.#options;
    if (this.#container !== undefined && (await engine.containers.inspect(this.#container, signal)) === undefined)
      this.#container = undefined;
    this.#container ??= await createContainer(engine, plan(), { ...create, signal });
    const container = this.#container;
    await engine.containers.start(container);
    this.#starts += 1;
    const state = await engine.containers.inspect(container, signal);
    // The port of the run before may be another container's by now.
    const address =
      state?.running === true && state.hostPort !== undefined ? `http://127.0.0.1:${state.hostPort}` : undefined;
    if (state?.running === true && address === undefined) {
      await engine.containers.stop(container, 0);
      throw new UserError('BAN-E602', `${name} runs, but the engine shows no published port of it`);
    }
    return {
      address,
      ended: (ending) => this.#untilEnded(container, ending),
      isRunning: async (asking) => (await engine.containers.inspect(container, asking))?.running === true,
      stop: (graceSeconds) => engine.containers.stop(container, graceSeconds),
      explain: (asking) => this.#explain(container, asking),
    };
  }

  async *logs({ follow, ...query }: RunLogQuery, signal: AbortSignal): AsyncGenerator<RunLine, void> {
    let { since, tail } = query;
    let last = '';
    let seen = 0;
    while (!signal.aborted) {
      if (this.#container !== undefined && (seen !== this.#starts || !follow)) {
        seen = this.#starts;
        const lines = this.#options.engine.containers.logs(this.#container, { follow, since, tail }, signal);
        for await (const line of lines) {
          // A restarted container's log begins with what was read before.
          if (line.timestamp <= last) continue;
          last = line.timestamp;
          yield line;
        }
        if (last !== '') [since, tail] = [Date.parse(last), undefined];
      }
      if (!follow || this.#removing) return;
      await pause(100, signal);
    }
  }

  async remove(graceSeconds: number): Promise<void> {
    this.#removing = true;
    if (this.#container === undefined) return;
    await this.#options.engine.containers.stop(this.#container, graceSeconds);
    await this.#options.engine.containers.remove(this.#container);
  }

  /** An engine that goes away for a while is no end: its containers may live on. */
  async #untilEnded(container: string, signal: AbortSignal): Promise<void> {
    const { engine, retry } = this.#options;
    while (!signal.aborted) {
      try {
        await engine.containers.wait(container, signal);
        return;
      } catch (error) {
        if (!(error instanceof UserError) || error.code !== 'BAN-E202') return;
      }
      await pause(retry, signal);
    }
  }

  async #explain(container: string, signal: AbortSignal): Promise<UserError> {
    const { engine, enginePlatform, name, plan } = this.#options;
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
