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
    unavailable: undefined,
    answerOwed: false,
    absentSince: undefined,
    refusedInARow: 0,
    silentInARow: 0,
    lastReason: undefined,
  };
  return { state, action: { kind: 'read', after: 0 } };
}

/**
 * Pure heart of the readiness rule. Ready is said only on a status that confirms the deploy id and the number of replicas
 * directly after a full window. The window is emptied by any probe that is not an answer of the wanted deploy id, by a gateway that
 * does not know the function, and by a status without an available replica (what faasd shows of a function that has exited, whatever
 * it answered before). A status that could not be read leaves the window as it is, but an answer must come after it.
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
    return { ...before, counts, window, answerOwed: false, refusedInARow: 0, silentInARow: 0 };
  }
  const empty = { ...withoutWindow(before.counts), tries };
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

function withoutWindow(counts: Counts): Counts {
  return {
    ...counts,
    windowAnswers: 0,
    windowReplicas: 0,
    windowMilliseconds: 0,
    windowStartMilliseconds: undefined,
  };
}

function afterStatus(before: State, seen: Exclude<Observation, { kind: 'probe' }>): State {
  switch (seen.kind) {
    case 'status': {
      const unavailable = unavailabilityOf(seen.replicas, seen.available);
      const known: State = {
        ...before,
        wanted: Math.max(1, seen.replicas),
        available: seen.available,
        statusAt: seen.at,
        absentSince: undefined,
        unavailable,
      };
      return unavailable === undefined ? known : closeWindow(known, unavailable);
    }
    case 'absent':
      return closeWindow(
        {
          ...before,
          statusAt: seen.at,
          absentSince: before.absentSince ?? seen.at,
          available: 0,
          unavailable: undefined,
        },
        'the gateway does not know it',
      );
    case 'unreadable':
      return {
        ...before,
        statusAt: seen.at,
        answerOwed: true,
        lastReason: isFull(before) ? seen.reason : before.lastReason,
      };
  }
}

/** What is said of zero replicas: a provider shows them of what has exited and of what was scaled down, and does not tell which. */
export const noReplica = 'the gateway shows no replica of it: it has exited, or was scaled to zero';

function unavailabilityOf(replicas: number, available: number): string | undefined {
  if (replicas < 1) return noReplica;
  return available < 1 ? `the gateway calls 0 of ${replicas} replicas available` : undefined;
}

/** The reason replaces the last one only where there was a window to close: else the words of the function say more. */
function closeWindow(state: State, reason: string): State {
  return {
    ...state,
    counts: withoutWindow(state.counts),
    window: undefined,
    lastReason: state.window === undefined ? (state.lastReason ?? reason) : reason,
  };
}

function answersNeeded({ rule, wanted }: State): number {
  return rule.answersPerReplica * wanted;
}

/** Whether the window holds enough answers, over a long enough time, of enough replicas. */
function isFull(state: State): boolean {
  const { window, wanted, rule } = state;
  return (
    window !== undefined &&
    window.until - window.since >= rule.window &&
    window.answers >= answersNeeded(state) &&
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
  if (seen.kind === 'status' && isFull(state) && !state.answerOwed)
    return { kind: 'settle', verdict: 'ready', reason: '' };
  if (state.refusedInARow >= 3)
    return {
      kind: 'settle',
      verdict: 'not-ready',
      reason: `something in front of the functions asks for credentials (${state.lastReason})`,
    };
  // A window that is full in the last moment is owed one look at the status.
  const looking = seen.kind === 'probe' && isFull(state);
  if (seen.at - state.startedAt >= rule.timeout && !looking)
    return { kind: 'settle', verdict: 'not-ready', reason: missing(state) };
  return undefined;
}

function missing(state: State): string {
  const { window, wanted, rule, lastReason, unavailable } = state;
  if (unavailable !== undefined)
    return window !== undefined || lastReason === undefined || lastReason === unavailable
      ? unavailable
      : `${lastReason}; ${unavailable}`;
  if (window === undefined) return lastReason ?? 'it was not asked';
  const seconds = ((window.until - window.since) / 1000).toFixed(1);
  if (window.until - window.since < rule.window)
    return `it answered for the last ${seconds} s only${lastReason === undefined ? '' : `; before that: ${lastReason}`}`;
  if (window.answers < answersNeeded(state))
    return `only ${window.answers} of the ${answersNeeded(state)} answers that ${wanted} replica${wanted > 1 ? 's need' : ' needs'} came in ${seconds} s`;
  if (window.replicas.length < wanted) return `${window.replicas.length} of ${wanted} replicas answered`;
  return `the gateway's status could not be read: ${lastReason ?? 'no answer'}`;
}

/** faasd does not know a function that exits at start for moments, again and again: only a lasting absence is a removal. */
export const removedAfter = 3000;

const statusEvery = 1000;
const shortest = 50;
const longest = 250;

/** More at a time would press a Pi, and hold up the answers of whoever really calls the function. */
const mostAtOnce = 8;

function next(state: State, seen: Observation): Action {
  if (
    seen.kind === 'probe' &&
    ((isFull(state) && !state.answerOwed) || seen.at - (state.statusAt ?? Number.NEGATIVE_INFINITY) >= statusEvery)
  )
    return { kind: 'read', after: 0 };
  if (seen.kind === 'unreadable' || seen.kind === 'absent')
    return state.absentSince !== undefined
      ? { kind: 'read', after: longest }
      : { kind: 'probe', after: longest, count: 1 };
  if (state.counts.tries === 0) return { kind: 'probe', after: 0, count: 1 };
  if (state.window !== undefined) return { kind: 'probe', after: shortest, count: atOnce(state) };
  // While it does not answer: often at first, since most starts are quick.
  return { kind: 'probe', after: state.silentInARow < 50 ? 2 * shortest : longest, count: 1 };
}

/** As many as replicas are wanted, as long as answers are needed: one after the other, many slow replicas would take longer than anybody waits. */
function atOnce(state: State): number {
  const owed = answersNeeded(state) - (state.window?.answers ?? 0);
  return Math.max(1, Math.min(mostAtOnce, state.wanted, owed));
}
