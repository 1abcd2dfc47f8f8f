import type { FunctionDeployment } from '../../openfaas/wire.ts';
import type {
  DesiredFunction,
  PreparedImage,
  Provider,
  ReplicaLogLine,
  ReplicaLogQuery,
} from '../replicas/provider.ts';
import type { FunctionRecords } from './function-records.ts';

/** A provider whose functions outlive it. Who answers a client for a change waits for `written` first. */
export interface KeptProvider extends Provider {
  /** Resolves when all changes so far are on the disk; throws BAN-E626 if one could not be written: the client must hear of it. */
  written(): Promise<void>;
}

/**
 * Keeps on the disk what a provider is asked for. A change is made and written at the same time, so that judging and changing stay one step; killed in
 * between, the gateway has answered nobody, and either state is right. Closing the provider forgets nothing: its functions are what the next one starts.
 */
export function keepFunctions(provider: Provider, records: FunctionRecords): KeptProvider {
  let pending: Promise<void> = Promise.resolve();
  const note = (write: Promise<void>): void => {
    // A failure stays until somebody has heard of it; `written` tells it, so nothing is left unhandled.
    pending = Promise.allSettled([pending, write]).then((outcomes) => {
      const failed = outcomes.find((outcome) => outcome.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
    });
    pending.catch(() => undefined);
  };
  return {
    list: () => provider.list(),
    find: (name) => provider.find(name),
    limitations: () => provider.limitations(),
    prepare: async (deployment: FunctionDeployment, signal: AbortSignal): Promise<PreparedImage> =>
      await provider.prepare(deployment, signal),
    settled: async (name, generation, signal) => await provider.settled(name, generation, signal),
    apply(desired: DesiredFunction): void {
      provider.apply(desired);
      note(records.keep(desired));
    },
    async remove(name: string): Promise<void> {
      note(records.forget(name));
      await provider.remove(name);
    },
    endpoints: (name): readonly string[] => provider.endpoints(name),
    logs: (query: ReplicaLogQuery, signal: AbortSignal): AsyncIterable<ReplicaLogLine> => provider.logs(query, signal),
    close: async () => await provider.close(),
    async written() {
      const waiting = pending;
      try {
        await waiting;
      } finally {
        if (pending === waiting) pending = Promise.resolve();
      }
    },
  };
}
