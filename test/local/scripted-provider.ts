import assert from 'node:assert/strict';
import type {
  DesiredFunction,
  FunctionState,
  PreparedImage,
  Provider,
  ReplicaLogLine,
  ReplicaLogQuery,
} from '../../cli/local/replicas/provider.ts';

/** A provider in memory that a test moves by hand; it refuses what a gateway must never ask. */
export class ScriptedProvider implements Provider {
  readonly applied: DesiredFunction[] = [];
  readonly addresses = new Map<string, string[]>();
  lines: ReplicaLogLine[] = [];
  queries: ReplicaLogQuery[] = [];
  followersLeft = 0;
  closed = 0;
  limited: readonly string[] = [];
  readonly #states = new Map<string, FunctionState>();
  readonly #removals = new Map<string, () => void>();

  list(): readonly FunctionState[] {
    return [...this.#states.values()];
  }

  find(name: string): FunctionState | undefined {
    return this.#states.get(name);
  }

  limitations(): readonly string[] {
    return this.limited;
  }

  async prepare(): Promise<PreparedImage> {
    return { environment: {} };
  }

  async settled(): Promise<void> {}

  apply(desired: DesiredFunction): void {
    const before = this.#states.get(desired.name);
    assert.ok(before?.removing !== true, `${desired.name} is being removed and must not be applied`);
    assert.match(desired.generation, /^[0-9a-f]{16}$/);
    if (before !== undefined && desired.strategy !== 'replace') assert.equal(desired.createdAt, before.createdAt);
    this.applied.push(desired);
    this.#states.set(desired.name, {
      ...desired,
      availableReplicas: before?.availableReplicas ?? 0,
      removing: false,
      faults: [],
      replicaStates: [],
    });
  }

  remove(name: string): Promise<void> {
    const state = this.#states.get(name);
    assert.ok(state !== undefined && !state.removing, `${name} cannot be removed now`);
    this.#states.set(name, { ...state, removing: true });
    return new Promise((resolve) => this.#removals.set(name, resolve));
  }

  /** Lets a removal end. */
  finishRemoval(name: string): void {
    const finish = this.#removals.get(name);
    assert.ok(finish !== undefined, `${name} is not being removed`);
    this.#states.delete(name);
    finish();
  }

  /** Says how many replicas are healthy. */
  available(name: string, availableReplicas: number): void {
    const state = this.#states.get(name);
    assert.ok(state !== undefined);
    this.#states.set(name, { ...state, availableReplicas });
  }

  endpoints(name: string): readonly string[] {
    return this.addresses.get(name) ?? [];
  }

  async *logs(query: ReplicaLogQuery, signal: AbortSignal): AsyncGenerator<ReplicaLogLine, void> {
    this.queries.push(query);
    yield* this.lines;
    if (query.follow !== true) return;
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    this.followersLeft += 1;
  }

  async close(): Promise<void> {
    this.closed += 1;
  }
}
