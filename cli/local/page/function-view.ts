import type { FunctionState } from '../replicas/provider.ts';
import type { FunctionCondition, FunctionView } from './messages.ts';

/** The annotations under which `fn deploy` writes what it deployed; test/page holds them to the room rollout's own. */
export const identityAnnotations = { revision: 'bantam.revision', deploy: 'bantam.deploy' } as const;

/** Memory is told in steps of half a MiB: a function at rest then sends nothing new. */
const memoryStep = 512 << 10;

/** What the page may know of a function: no environment, no names of secrets. `queued` is the number of asynchronous calls that wait for it. */
export function viewFunction(state: FunctionState, queued: number | undefined): FunctionView {
  const { name, deployment, faults, replicas, availableReplicas, createdAt, replicaStates } = state;
  const { annotations, limits } = deployment;
  const schedule = annotations?.['topic']?.trim() === 'cron-function' ? annotations['schedule'] : undefined;
  return {
    name,
    image: deployment.image,
    condition: conditionOf(state),
    faults: faults.map(({ instance, reason }) => ({ instance, reason })),
    replicas,
    availableReplicas,
    createdAt,
    replicaStates: replicaStates.map(({ instance, ready, startedAt, restarts, memoryBytes, pid }) => ({
      instance,
      ready,
      restarts,
      startedAt,
      pid,
      memoryBytes: memoryBytes === undefined ? undefined : roundMemory(memoryBytes),
    })),
    revision: annotations?.[identityAnnotations.revision] || undefined,
    deploy: annotations?.[identityAnnotations.deploy] || undefined,
    memoryLimit: limits?.memory || undefined,
    cpuLimit: limits?.cpu || undefined,
    schedule,
    queued,
  };
}

/** In one word how a function is. Old replicas that still answer do not hide that new ones fail. */
export function conditionOf({
  removing,
  faults,
  replicas,
  availableReplicas,
}: Pick<FunctionState, 'removing' | 'faults' | 'replicas' | 'availableReplicas'>): FunctionCondition {
  if (removing) return 'removing';
  if (faults.length > 0) return 'failing';
  if (replicas === 0) return 'stopped';
  return availableReplicas >= replicas ? 'ready' : 'starting';
}

function roundMemory(bytes: number): number {
  return Math.round(bytes / memoryStep) * memoryStep;
}
