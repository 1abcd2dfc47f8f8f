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
