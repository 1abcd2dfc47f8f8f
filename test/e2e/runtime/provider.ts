import { call } from './calls.ts';

/** A replica as a provider sees it. */
export interface Routed {
  readonly url: string;
  /** Set while it is told to end: until when calls are still sent to it, in milliseconds of `performance.now`. */
  routedUntil?: number | undefined;
  /** When it surely had its SIGTERM; the routing does not look at it. */
  signalledAt?: number | undefined;
}

/** Who gets calls. */
export interface Routing {
  /** One of the replicas that are routed to, by chance; undefined where there is none. */
  pick(): Routed | undefined;
  /** Waits until this replica is routed to. Throws after half a minute. */
  untilRouted(replica: Routed): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Routes like a provider: to the replicas whose `/_/ready` is 200, looked at every 100 ms (after three misses in a row to one no
 * longer, as a kubelet has it); and to one that is told to end until its `routedUntil`, whatever it says of itself, because a
 * provider's proxy hears of it that much later (docs/adr/0007).
 */
export function routeTo(replicas: readonly Routed[]): Routing {
  const stopping = new AbortController();
  const ready = new Set<Routed>();
  const isRouted = (replica: Routed): boolean =>
    replica.routedUntil === undefined ? ready.has(replica) : performance.now() < replica.routedUntil;
  const watchers = replicas.map(async (replica) => {
    let misses = 0;
    while (!stopping.signal.aborted) {
      const { routedUntil } = replica;
      const isReady = await call(`${replica.url}/_/ready`, { limit: 1000 }).then(
        ({ status }) => status === 200,
        () => false,
      );
      misses = isReady ? 0 : misses + 1;
      // What it said before it was told to end, or started again, is not about the process that runs now.
      if (isReady && routedUntil === replica.routedUntil) ready.add(replica);
      else if (misses === 3 || replica.routedUntil !== undefined) ready.delete(replica);
      await pause(100, stopping.signal);
    }
  });
  return {
    pick() {
      const routed = replicas.filter(isRouted);
      return routed[Math.floor(Math.random() * routed.length)];
    },
    async untilRouted(replica) {
      const deadline = performance.now() + 30_000;
      while (!isRouted(replica)) {
        if (performance.now() > deadline) throw new Error(`${replica.url} was not ready again within 30 s`);
        await pause(20, stopping.signal);
      }
    },
    async stop() {
      stopping.abort();
      await Promise.all(watchers);
    },
  };
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
  });
}
