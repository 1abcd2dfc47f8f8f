import type {
  DesiredFunction,
  FunctionState,
  PreparedImage,
  Provider,
  ReplicaLogLine,
  ReplicaLogQuery,
} from '../../cli/local/replicas/provider.ts';

/** A provider whose functions are put on stage by a test: their states, where they answer, what they write. */
export class StagedProvider implements Provider {
  readonly states = new Map<string, FunctionState>();
  address = '';
  limits: readonly string[] = [];
  /** Readers of logs that wait for the next line. */
  get followers(): number {
    return this.#waiting.size;
  }
  readonly #lines: (ReplicaLogLine & { readonly name: string })[] = [];
  readonly #waiting = new Set<() => void>();
  #minute = 0;

  /** Puts a function on stage, ready with one replica unless told otherwise. */
  stage(name: string, more: Partial<FunctionState> = {}): FunctionState {
    const instance = `${name}-3f2a91c0-x7k2p`;
    const state: FunctionState = {
      name,
      generation: '3f2a91c0aabbccdd',
      createdAt: '2026-01-02T03:04:05Z',
      deployment: {
        service: name,
        image: `registry.lan:5000/${name}:1.0`,
        annotations: { 'bantam.revision': '3f2a91c0', 'bantam.deploy': '0123456789abcdef' },
        limits: { memory: '64Mi' },
      },
      replicas: 1,
      availableReplicas: 1,
      removing: false,
      faults: [],
      replicaStates: [
        {
          instance,
          generation: '3f2a91c0aabbccdd',
          ready: true,
          startedAt: new Date(Date.now() - 125_000).toISOString(),
          restarts: 0,
          memoryBytes: 34 << 20,
          pid: 4711,
        },
      ],
      ...more,
    };
    this.states.set(name, state);
    return state;
  }

  /** A line in a function's log; each a second later than the one before. */
  write(name: string, text: string, instance = `${name}-3f2a91c0-x7k2p`): void {
    this.#minute += 1;
    const timestamp = new Date(Date.UTC(2026, 0, 2, 3, 4, 5) + this.#minute * 1000).toISOString();
    this.#lines.push({ name, instance, timestamp, text });
    for (const wake of [...this.#waiting]) wake();
  }

  list(): readonly FunctionState[] {
    return [...this.states.values()];
  }

  find(name: string): FunctionState | undefined {
    return this.states.get(name);
  }

  limitations(): readonly string[] {
    return this.limits;
  }

  async prepare(): Promise<PreparedImage> {
    return { environment: {} };
  }

  async settled(): Promise<void> {}

  /** Takes it over at once: all replicas wanted are there. */
  apply(desired: DesiredFunction): void {
    const before = this.states.get(desired.name) ?? this.stage(desired.name);
    const [pattern] = before.replicaStates;
    const replicaStates = Array.from({ length: desired.replicas }, (_, index) => ({
      ...pattern,
      instance: `${desired.name}-3f2a91c0-0000${index}`,
      generation: desired.generation,
      ready: true,
      restarts: 0,
    }));
    this.states.set(desired.name, { ...before, ...desired, availableReplicas: desired.replicas, replicaStates });
  }

  async remove(name: string): Promise<void> {
    this.states.delete(name);
  }

  endpoints(name: string): readonly string[] {
    return (this.states.get(name)?.availableReplicas ?? 0) > 0 ? [this.address] : [];
  }

  async *logs(query: ReplicaLogQuery, signal: AbortSignal): AsyncGenerator<ReplicaLogLine, void> {
    let next = Math.max(0, this.#lines.length - (query.tail ?? this.#lines.length));
    while (!signal.aborted) {
      for (; next < this.#lines.length; next += 1) {
        const line = this.#lines[next];
        if (line !== undefined && line.name === query.name && Date.parse(line.timestamp) >= (query.since ?? 0))
          yield line;
      }
      if (query.follow !== true) return;
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#waiting.delete(wake);
          signal.removeEventListener('abort', wake);
          resolve();
        };
        this.#waiting.add(wake);
        signal.addEventListener('abort', wake, { once: true });
      });
    }
  }

  async close(): Promise<void> {}
}
