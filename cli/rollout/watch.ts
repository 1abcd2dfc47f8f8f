import { Interrupted, UserError } from '../errors.ts';
import type { Report } from '../events.ts';
import type { Gateway } from '../openfaas/gateway.ts';
import type { ReplicaProbe } from '../replica/probe.ts';
import type { Clock } from './clock.ts';
import { identitiesOf } from './identities.ts';
import type { Action, Counts, Observation, Rule, State, Verdict } from './readiness.ts';
import { beginWatch, step } from './step.ts';

/** The function to watch. */
export interface Watched {
  readonly name: string;
  readonly namespace: string | undefined;
}

/** What a watch needs of the outside. */
export interface WatchPorts {
  readonly gateway: Pick<Gateway, 'read'>;
  readonly probe: ReplicaProbe;
  readonly clock: Clock;
  readonly report: Report;
}

/** Replicas: wanted by the gateway, called available by it, seen answering. */
export interface Replicas {
  readonly wanted: number;
  readonly available: number;
  readonly seen: number;
}

/** How a watch ended. `reason` is empty for ready. */
export interface WatchResult<V extends string = Verdict> {
  readonly verdict: V;
  readonly reason: string;
  readonly counts: Counts;
  readonly replicas: Replicas;
}

/**
 * Probes a function and reads its status until the rule of step.ts comes to a verdict, at the latest after the rule's timeout.
 * Throws BAN-E402 as soon as the gateway refuses the credentials, and Interrupted; other troubles of the gateway are waited out.
 */
export async function watchRollout(
  watched: Watched,
  rule: Rule,
  ports: WatchPorts,
  signal: AbortSignal,
): Promise<WatchResult> {
  const { clock, report } = ports;
  // A signal of its own: many probes of many functions listening on one would look like a leak to Node.
  const own = AbortSignal.any([signal]);
  let { state, action } = beginWatch(rule, clock.now());
  let said = '';
  while (action.kind !== 'settle') {
    if (action.after > 0) await clock.sleep(action.after, signal);
    const seen: readonly Observation[] =
      action.kind === 'probe'
        ? await probeAtOnce(action.count, watched, ports, own)
        : [await readStatus(watched, ports, signal)];
    for (const observation of seen) {
      ({ state, action } = step(state, observation));
      if (action.kind === 'settle') break;
    }
    const text = describe(state);
    if (text !== said) report({ type: 'progress', about: watched.name, text });
    said = text;
  }
  return resultOf(state, action);
}

/** Makes probes side by side and gives them in the order of their answers. None is in flight afterwards: nothing is concluded while an answer may still be old code's. */
async function probeAtOnce(
  count: number,
  watched: Watched,
  ports: WatchPorts,
  signal: AbortSignal,
): Promise<readonly Observation[]> {
  const seen: Observation[] = [];
  const probes = Array.from({ length: count }, async () => {
    const answer = await ports.probe.probe(watched.name, watched.namespace, signal);
    seen.push({ kind: 'probe', at: ports.clock.now(), probe: answer });
  });
  for (const ended of await Promise.allSettled(probes)) if (ended.status === 'rejected') throw ended.reason;
  return seen;
}

/** Reads the status as an observation: only refused credentials and an abort are thrown. */
export async function readStatus(
  watched: Watched,
  ports: Pick<WatchPorts, 'gateway' | 'clock' | 'report'>,
  signal: AbortSignal,
): Promise<Exclude<Observation, { kind: 'probe' }>> {
  try {
    const status = await ports.gateway.read(watched.name, watched.namespace, signal);
    const at = ports.clock.now();
    if (status === undefined) return { kind: 'absent', at };
    return {
      kind: 'status',
      at,
      replicas: status.replicas,
      available: status.availableReplicas,
      deploy: identitiesOf(status).deploy,
      image: status.image,
    };
  } catch (error) {
    if (error instanceof Interrupted || !(error instanceof UserError) || error.code === 'BAN-E402') throw error;
    ports.report({ type: 'trace', about: watched.name, text: error.message });
    return { kind: 'unreadable', at: ports.clock.now(), reason: error.message };
  }
}

function resultOf(state: State, action: Extract<Action, { kind: 'settle' }>): WatchResult {
  const { verdict, reason } = action;
  return {
    verdict,
    reason,
    counts: state.counts,
    replicas: { wanted: state.wanted, available: state.available, seen: state.counts.windowReplicas },
  };
}

function describe(state: State): string {
  if (state.window === undefined)
    return `waiting for the new code: ${state.lastReason ?? state.unavailable ?? 'not asked yet'}`;
  return `the new code answers (${state.window.replicas.length}/${state.wanted} replicas); making sure that nothing else does`;
}
