import type { Probe } from '../replica/probe.ts';
import type { Action, Counts, Observation, Rule, State, Step } from './readiness.ts';

/** The beginning of a watch at the time `at`: the gateway is asked first how many replicas it wants. */
export function beginWatch(rule: Rule, at: number): Step {
  const counts: Counts = {
    tries: 0,
    answers: 0,
    otherAnswers: 0,
    notYet: {},
    windowReplicas: 0,
    windowAnswers: 0,
    windowMilliseconds: 0,
    firstAnswerMilliseconds: undefined,
    windowStartMilliseconds: undefined,
  };
  const state: State = {
    rule,
    startedAt: at,
    counts,
    window: undefined,
    wanted: 1,
    available: 0,
    statusAt: undefined,
    absentSince: undefined,
    refusedInARow: 0,
    silentInARow: 0,
    lastReason: 'not asked yet',
  };
  return { state, action: { kind: 'read', after: 0 } };
}

/**
 * Pure heart of the readiness rule. Ready is said only on a status that confirms the deploy id and the number of replicas
 * directly after a full window; any observation but an answer of the wanted deploy id empties the window.
 */
export function step(before: State, observation: Observation): Step {
  const seen = isStale(before.rule, observation)
    ? { kind: 'unreadable' as const, at: observation.at, reason: 'the gateway still shows the deployment before' }
    : observation;
  const state = seen.kind === 'probe' ? afterProbe(before, seen.at, seen.probe) : afterStatus(before, seen);
  const settled = settle(state, seen);
  return { state, action: settled ?? next(state, seen) };
}

function isStale(rule: Rule, seen: Observation): boolean {
  return (
    seen.kind === 'status' &&
    rule.annotationsReturned &&
    seen.deploy !== rule.deploy &&
    rule.before !== undefined &&
    seen.deploy === rule.before.deploy
  );
}

function afterProbe(before: State, at: number, probe: Probe): State {
  const tries = before.counts.tries + 1;
  if (probe.kind === 'answer' && probe.deploy === before.rule.deploy && probe.ready) {
    const replicas = before.window?.replicas ?? [];
    const window = {
      since: before.window?.since ?? at,
      until: at,
      answers: (before.window?.answers ?? 0) + 1,
      replicas: replicas.includes(probe.replica) ? replicas : [...replicas, probe.replica],
    };
    const counts: Counts = {
      ...before.counts,
      tries,
      answers: before.counts.answers + 1,
      windowAnswers: window.answers,
      windowReplicas: window.replicas.length,
      windowMilliseconds: Math.round(window.until - window.since),
      windowStartMilliseconds: Math.round(window.since - before.startedAt),
      firstAnswerMilliseconds: before.counts.firstAnswerMilliseconds ?? Math.round(at - before.startedAt),
    };
    return { ...before, counts, window, refusedInARow: 0, silentInARow: 0 };
  }
  const empty = {
    ...before.counts,
    tries,
    windowAnswers: 0,
    windowReplicas: 0,
    windowMilliseconds: 0,
    windowStartMilliseconds: undefined,
  };
  if (probe.kind === 'answer' && probe.deploy !== before.rule.deploy) {
    const counts: Counts = { ...empty, otherAnswers: before.counts.otherAnswers + 1 };
    return {
      ...before,
      counts,
      window: undefined,
      refusedInARow: 0,
      silentInARow: 0,
      lastReason: `other code still answers (deploy ${probe.deploy})`,
    };
  }
  const reason = probe.kind === 'answer' ? `it calls itself not ready (${probe.status})` : probe.reason;
  const refused = probe.kind === 'not-yet' && (probe.status === 401 || probe.status === 403);
  const counts: Counts = {
    ...empty,
    notYet: { ...before.counts.notYet, [reason]: (before.counts.notYet[reason] ?? 0) + 1 },
  };
  return {
    ...before,
    counts,
    window: undefined,
    refusedInARow: refused ? before.refusedInARow + 1 : 0,
    silentInARow: before.silentInARow + 1,
    lastReason: reason,
  };
}

function afterStatus(before: State, seen: Exclude<Observation, { kind: 'probe' }>): State {
  switch (seen.kind) {
    case 'status':
      return {
        ...before,
        wanted: Math.max(1, seen.replicas),
        available: seen.available,
        statusAt: seen.at,
        absentSince: undefined,
      };
    case 'absent':
      return { ...before, statusAt: seen.at, absentSince: before.absentSince ?? seen.at, available: 0 };
    case 'unreadable':
      return { ...before, statusAt: seen.at, lastReason: isFull(before) ? seen.reason : before.lastReason };
  }
}

/** Whether the window holds enough answers, over a long enough time, of enough replicas. */
function isFull(state: State): boolean {
  const { window, wanted, rule } = state;
  return (
    window !== undefined &&
    window.until - window.since >= rule.window &&
    window.answers >= rule.answersPerReplica * wanted &&
    window.replicas.length >= wanted
  );
}

function settle(state: State, seen: Observation): Action | undefined {
  const { rule } = state;
  if (seen.kind === 'status' && rule.annotationsReturned && seen.deploy !== rule.deploy) {
    return {
      kind: 'settle',
      verdict: 'superseded',
      reason:
        seen.deploy === undefined
          ? 'something other than bantam deployed it meanwhile'
          : `deploy ${seen.deploy} took its place`,
    };
  }
  if (state.absentSince !== undefined && seen.at - state.absentSince >= removedAfter)
    return { kind: 'settle', verdict: 'superseded', reason: 'somebody removed it meanwhile' };
  if (seen.kind === 'status' && isFull(state)) return { kind: 'settle', verdict: 'ready', reason: '' };
  if (state.refusedInARow >= 3)
    return {
      kind: 'settle',
      verdict: 'not-ready',
      reason: `something in front of the functions asks for credentials (${state.lastReason})`,
    };
  if (seen.at - state.startedAt >= rule.timeout)
    return { kind: 'settle', verdict: 'not-ready', reason: missing(state) };
  return undefined;
}

function missing(state: State): string {
  const { window, wanted, lastReason } = state;
  if (window === undefined) return lastReason;
  if (window.replicas.length < wanted) return `${window.replicas.length} of ${wanted} replicas answered`;
  if (isFull(state)) return `the gateway's status could not be read: ${lastReason}`;
  return `it answered for ${Math.round(window.until - window.since)} ms only (before: ${lastReason})`;
}

/** faasd does not know a function that exits at start for moments, again and again: only a lasting absence is a removal. */
export const removedAfter = 3000;

const statusEvery = 1000;
const shortest = 50;
const longest = 250;

function next(state: State, seen: Observation): Action {
  if (seen.kind === 'probe' && (isFull(state) || seen.at - (state.statusAt ?? Number.NEGATIVE_INFINITY) >= statusEvery))
    return { kind: 'read', after: 0 };
  if (seen.kind === 'unreadable' || seen.kind === 'absent')
    return { kind: state.absentSince !== undefined ? 'read' : 'probe', after: longest };
  if (state.counts.tries === 0) return { kind: 'probe', after: 0 };
  if (state.window !== undefined) return { kind: 'probe', after: shortest };
  // While it does not answer: often at first, since most starts are quick.
  return { kind: 'probe', after: state.silentInARow < 50 ? 2 * shortest : longest };
}
