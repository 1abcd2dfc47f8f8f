/** A replica as the rolling update sees it. */
export interface ReplicaView {
  readonly name: string;
  readonly generation: string;
  readonly ready: boolean;
  readonly stopping: boolean;
}

/** What to do next: how many new replicas to start and which to stop. */
export interface RolloutStep {
  readonly start: number;
  readonly stop: readonly string[];
}

/**
 * Decides the next step of a rolling update as a Kubernetes Deployment with maxUnavailable 0 and maxSurge 1 does (what faas-netes asks for):
 * never fewer ready replicas than wanted because of a step, never more than one above the wanted number, and old replicas stay
 * for as long as the new ones do not become ready. Old ones that are not ready serve nobody and go at once.
 * With `replace` all old ones go first, and nothing new starts before they are gone.
 */
export function nextStep(
  replicas: readonly ReplicaView[],
  generation: string,
  wanted: number,
  strategy: 'rolling' | 'replace' = 'rolling',
): RolloutStep {
  const living = replicas.filter((replica) => !replica.stopping);
  const current = living.filter((replica) => replica.generation === generation);
  const old = living.filter((replica) => replica.generation !== generation);
  const goesAtOnce = (replica: ReplicaView): boolean => !replica.ready || wanted === 0 || strategy === 'replace';
  const sick = old.filter(goesAtOnce);
  const serving = old.filter((replica) => !goesAtOnce(replica));

  const ready = current.filter((replica) => replica.ready).length + serving.length;
  const retired = serving.slice(0, Math.max(0, ready - wanted));
  // Those that are not ready go first when fewer are wanted.
  const surplus = [...current]
    .sort((left, right) => Number(left.ready) - Number(right.ready))
    .slice(0, Math.max(0, current.length - wanted));

  const room = Math.max(0, wanted + 1 - (current.length + serving.length));
  const waits = strategy === 'replace' && replicas.some((replica) => replica.generation !== generation);
  const missing = waits ? 0 : Math.max(0, wanted - current.length);
  return {
    start: Math.min(missing, serving.length === 0 ? missing : room),
    stop: [...sick, ...retired, ...surplus].map((replica) => replica.name),
  };
}
