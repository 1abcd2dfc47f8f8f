import type { Report } from '../../events.ts';
import type { FunctionDeployment } from '../../openfaas/wire.ts';
import { FunctionRollout } from './function-rollout.ts';
import { newReplicaName } from './names.ts';
import type {
  DesiredFunction,
  FunctionState,
  PreparedImage,
  Provider,
  ReplicaLogLine,
  ReplicaLogQuery,
} from './provider.ts';
import { Replica, type ReplicaOptions, type ReplicaTiming } from './replica.ts';
import { functionLogs } from './replica-logs.ts';
import type { Runs } from './run.ts';

/** Who a new replica is: its name, and how to say something about it. */
export interface ReplicaIdentity {
  readonly name: string;
  readonly announce: (text: string, hint?: string) => void;
}

/** What makes a provider out of one way to run programs. */
export interface ProviderParts {
  readonly makeRuns: (desired: DesiredFunction, replica: ReplicaIdentity) => Runs;
  readonly timing: ReplicaTiming;
  readonly admit?: ReplicaOptions['admit'];
  readonly report: Report;
  /** Seconds that functions get to end when the provider closes. */
  readonly closeGraceSeconds: number;
  readonly limitations: () => readonly string[];
  readonly prepare: (deployment: FunctionDeployment, signal: AbortSignal) => Promise<PreparedImage>;
  /** Removes what is left when no function is. */
  readonly clear: () => Promise<void>;
}

/** The provider of a way to run programs: functions by name, each with its rollout. */
export class ReplicaProvider implements Provider {
  readonly #parts: ProviderParts;
  readonly #functions = new Map<string, FunctionRollout>();
  #closing: Promise<void> | undefined;

  constructor(parts: ProviderParts) {
    this.#parts = parts;
  }

  list(): readonly FunctionState[] {
    return [...this.#functions.values()].map((rollout) => rollout.state);
  }

  find(name: string): FunctionState | undefined {
    return this.#functions.get(name)?.state;
  }

  limitations(): readonly string[] {
    return this.#parts.limitations();
  }

  prepare(deployment: FunctionDeployment, signal: AbortSignal): Promise<PreparedImage> {
    return this.#parts.prepare(deployment, signal);
  }

  async settled(name: string, generation: string, signal: AbortSignal): Promise<void> {
    await this.#functions.get(name)?.settled(generation, signal);
  }

  apply(desired: DesiredFunction): void {
    if (this.#closing !== undefined) throw new Error('the provider is closed');
    const rollout = this.#functions.get(desired.name);
    if (rollout !== undefined) rollout.apply(desired);
    else
      this.#functions.set(
        desired.name,
        new FunctionRollout(desired, {
          makeReplica: this.#makeReplica,
          announce: this.#warn,
          failed: this.#stopFailed,
        }),
      );
  }

  async remove(name: string): Promise<void> {
    const rollout = this.#functions.get(name);
    await rollout?.remove();
    this.#functions.delete(name);
  }

  endpoints(name: string): readonly string[] {
    return this.#functions.get(name)?.endpoints ?? [];
  }

  async *logs(query: ReplicaLogQuery, signal: AbortSignal): AsyncGenerator<ReplicaLogLine, void> {
    const rollout = this.#functions.get(query.name);
    if (rollout !== undefined) yield* functionLogs(rollout, query, signal);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { closeGraceSeconds, clear } = this.#parts;
    await Promise.all([...this.#functions.values()].map((rollout) => rollout.remove(closeGraceSeconds)));
    this.#functions.clear();
    await clear();
  }

  readonly #makeReplica = (
    desired: DesiredFunction,
    events: { changed: () => void; announce: (instance: string, text: string, hint?: string) => void },
  ): Replica => {
    const { makeRuns, timing, admit } = this.#parts;
    const name = newReplicaName(desired.name, desired.generation);
    const announce = (text: string, hint?: string): void => events.announce(name, text, hint);
    return new Replica({
      name,
      generation: desired.generation,
      runs: makeRuns(desired, { name, announce }),
      timing,
      admit,
      changed: events.changed,
      announce,
    });
  };

  readonly #warn = (about: string, text: string, hint?: string): void => {
    this.#parts.report({ type: 'warning', about, text, ...(hint === undefined ? {} : { hint }) });
  };

  readonly #stopFailed = (error: unknown): void => {
    this.#parts.report({ type: 'warning', text: error instanceof Error ? error.message : String(error) });
  };
}
