import { scheduleOf } from '../../stack/schedule.ts';
import type { AsyncCalls } from '../async/async-calls.ts';
import type { Schedules } from '../async/schedules.ts';
import type { RegistryUsage } from '../registry/server.ts';
import type { Provider } from '../replicas/provider.ts';
import type { LocalStatus } from './local-status.ts';

/** What a status is read from. */
export interface StatusSources {
  readonly fixed: Pick<LocalStatus, 'instance' | 'pid' | 'version' | 'startedAt' | 'dialect' | 'provider'>;
  readonly provider: Pick<Provider, 'list' | 'limitations'>;
  readonly calls: Pick<AsyncCalls, 'depth' | 'queued'>;
  readonly schedules: Pick<Schedules, 'next'>;
  readonly registryUsage: () => RegistryUsage;
}

/** How a local gateway is now: no environment, no names of secrets. */
export function readStatus({ fixed, provider, calls, schedules, registryUsage }: StatusSources): LocalStatus {
  const { repositories, blobs, bytes, quotaBytes } = registryUsage();
  return {
    ...fixed,
    limitations: [...provider.limitations()],
    registry: { repositories, blobs, bytes, ...(quotaBytes === undefined ? {} : { quotaBytes }) },
    queue: calls.depth(),
    functions: provider.list().map((state): LocalStatus['functions'][number] => {
      const { annotations } = state.deployment;
      const expression = scheduleOf(annotations);
      const next = schedules.next(state.name)?.toISOString();
      return {
        name: state.name,
        image: state.deployment.image,
        revision: annotations?.['bantam.revision'],
        deployId: annotations?.['bantam.deploy'],
        createdAt: state.createdAt,
        replicas: state.replicas,
        availableReplicas: state.availableReplicas,
        removing: state.removing,
        queued: calls.queued(state.name),
        ...(expression === undefined ? {} : { schedule: { expression, ...(next === undefined ? {} : { next }) } }),
        replicaStates: state.replicaStates.map(
          ({ instance, ready, address, startedAt, restarts, memoryBytes, pid }) => ({
            instance,
            ready,
            address,
            startedAt,
            restarts,
            memoryBytes,
            pid,
          }),
        ),
        faults: state.faults.map(({ instance, reason }) => ({ instance, reason })),
      };
    }),
  };
}
