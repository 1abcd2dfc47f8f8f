import type { FunctionDeployment } from '../../openfaas/wire.ts';

/**
 * One function as the embedded gateway wants it. A new `generation` asks for a rolling update, even if nothing else differs;
 * the same generation with other `replicas` asks for scaling only.
 */
export interface DesiredFunction {
  readonly name: string;
  readonly generation: string;
  /** RFC 3339 time of the creation; updates keep it (as faas-netes does). */
  readonly createdAt: string;
  readonly deployment: FunctionDeployment;
  readonly replicas: number;
  /** `rolling` (the default) starts new replicas before it stops old ones; with `replace` the old ones are gone before a new one starts, as on faasd. */
  readonly strategy?: 'rolling' | 'replace' | undefined;
  /** The image's own environment, where `prepare` told it; faasd shows it among the function's. */
  readonly imageEnvironment?: Readonly<Record<string, string>> | undefined;
}

/** What `prepare` learns of an image. */
export interface PreparedImage {
  /** `Env` of its configuration, `PATH` included; a value keeps its equals signs. */
  readonly environment: Readonly<Record<string, string>>;
}

/** One replica as it is now. */
export interface ReplicaState {
  readonly instance: string;
  readonly generation: string;
  /** Healthy; calls go to it. */
  readonly ready: boolean;
  /** `http://127.0.0.1:49153`, while it is ready. */
  readonly address?: string | undefined;
  /** RFC 3339 time at which its present run began; absent while it does not run (before the first run and between two). */
  readonly startedAt?: string | undefined;
  /** How often it was started again after its first start. */
  readonly restarts: number;
  /** What its processes hold in memory, as last measured; absent where nobody measures. */
  readonly memoryBytes?: number | undefined;
  /** Its process on this machine; absent for containers, and between runs. */
  readonly pid?: number | undefined;
}

/** Why a replica does not answer, in one sentence. */
export interface ReplicaFault {
  readonly instance: string;
  readonly reason: string;
}

/** A function as the provider has it now. `removing` functions are still listed and answer no more. */
export interface FunctionState extends DesiredFunction {
  /** Healthy replicas, old ones included while an update rolls. */
  readonly availableReplicas: number;
  readonly removing: boolean;
  /** What keeps replicas from answering, newest last; empty when all is well. */
  readonly faults: readonly ReplicaFault[];
  /** All replicas there are, stopping ones included, oldest first. */
  readonly replicaStates: readonly ReplicaState[];
}

/** Which log lines of one function are wanted. `since` in milliseconds since 1970, `tail` the newest lines, `instance` one replica. */
export interface ReplicaLogQuery {
  readonly name: string;
  readonly since?: number | undefined;
  readonly tail?: number | undefined;
  readonly follow?: boolean | undefined;
  readonly instance?: string | undefined;
}

/** A line that a replica (or the provider about it) wrote, without newline. `timestamp` is RFC 3339. */
export interface ReplicaLogLine {
  readonly instance: string;
  readonly timestamp: string;
  readonly text: string;
}

/**
 * What runs functions behind the embedded gateway: containers, processes or a simulation. It knows nothing of HTTP status codes or dialects.
 * Faults of images and programs do not throw: the state shows them, and the provider keeps trying until told otherwise.
 */
export interface Provider {
  list(): readonly FunctionState[];
  /** One function of the list; `undefined` if there is none of this name. */
  find(name: string): FunctionState | undefined;
  /** What deployments may ask for and is not enforced here, a sentence each, for `local status`; empty if all is. */
  limitations(): readonly string[];
  /**
   * Brings and checks the image of a deployment, so that starting it needs no registry. For dialects that answer only then.
   * Throws the registry's reason (BAN-E301 to E306, E505) and the provider's own (BAN-E202, E610, E612, E613), `Interrupted`.
   */
  prepare(deployment: FunctionDeployment, signal: AbortSignal): Promise<PreparedImage>;
  /**
   * Resolves when the wanted replicas of that generation have been started (which is not yet healthy) or one of them has failed, and with `replace` the
   * old ones are gone; at once for an unknown function, one that is being removed, and another generation. Throws `Interrupted`.
   */
  settled(name: string, generation: string, signal: AbortSignal): Promise<void>;
  /** Takes a new, changed or scaled function and returns; the work goes on behind it. Refuses (throws) nothing but a closed provider. */
  apply(desired: DesiredFunction): void;
  /** Stops answering at once; resolves when the function's replicas are gone and it is listed no more. Quiet for an unknown name. */
  remove(name: string): Promise<void>;
  /** Base addresses (`http://127.0.0.1:49153`) of the healthy replicas, in a stable order. */
  endpoints(name: string): readonly string[];
  /** Lines in the order of their times; with `follow`, also of replicas that come later, until `signal` aborts. Nothing for an unknown name. */
  logs(query: ReplicaLogQuery, signal: AbortSignal): AsyncIterable<ReplicaLogLine>;
  /** Stops everything and removes all it made. */
  close(): Promise<void>;
}
