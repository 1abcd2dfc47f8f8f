import { Interrupted } from '../errors.ts';
import type { Counts, Rule } from './readiness.ts';
import { removedAfter } from './step.ts';
import { readStatus, type Watched, type WatchPorts, type WatchResult } from './watch.ts';

/** What the weaker proof rests on: the gateway's status only, or also a path of the function that the user named. Neither tells old code from new. */
export type WeakProof = 'status' | 'probe-path';

/** What is expected of the status, and which path may be asked. */
export interface ForeignWatch {
  /** As it was sent; undefined where nothing was sent. */
  readonly image: string | undefined;
  /** `x-bantam.probe`; without it the function is never called. */
  readonly path: string | undefined;
}

/** faasd calls a function that exits at start available for about a second: the window must be longer. */
const settlingWindow = 3000;
const pause = 300;

/**
 * Watches a function that cannot name itself: for 3 s without a break the status must show the deploy id (where annotations come back),
 * the image and all replicas as available, and the named path must answer 2xx. The best verdict is `unproven`. Throws as watchRollout.
 */
export async function watchForeign(
  watched: Watched,
  expected: ForeignWatch,
  rule: Rule,
  ports: WatchPorts,
  signal: AbortSignal,
): Promise<WatchResult<'unproven' | 'not-ready' | 'superseded'>> {
  const startedAt = ports.clock.now();
  const notYet: Record<string, number> = {};
  let replicas = { wanted: 1, available: 0, seen: 0 };
  let since: number | undefined;
  let first: number | undefined;
  let last = startedAt;
  let good = 0;
  let inWindow = 0;
  let tries = 0;
  let absentSince: number | undefined;
  let said = '';
  for (;;) {
    const seen = await readStatus(watched, ports, signal);
    tries++;
    absentSince = seen.kind === 'absent' ? (absentSince ?? seen.at) : undefined;
    let reason = '';
    if (seen.kind === 'unreadable') reason = seen.reason;
    else if (seen.kind === 'absent') reason = 'the gateway does not know it';
    else {
      replicas = { wanted: Math.max(1, seen.replicas), available: seen.available, seen: 0 };
      if (rule.annotationsReturned && seen.deploy !== rule.deploy) {
        if (rule.before === undefined || seen.deploy !== rule.before.deploy)
          return result(
            'superseded',
            seen.deploy === undefined
              ? 'something other than bantam deployed it meanwhile'
              : `deploy ${seen.deploy} took its place`,
          );
        reason = 'the gateway still shows the deployment before';
      } else if (expected.image !== undefined && seen.image !== expected.image)
        reason = `the gateway shows the image ${seen.image}`;
      else if (seen.replicas < 1 || seen.available < seen.replicas)
        reason = `${seen.available} of ${replicas.wanted} replicas are available`;
    }
    if (absentSince !== undefined && seen.at - absentSince >= removedAfter)
      return result('superseded', 'somebody removed it meanwhile');
    if (reason === '' && expected.path !== undefined) {
      const answer = await ports.probe.ask(watched.name, watched.namespace, expected.path, signal);
      if (answer.kind === 'not-yet') reason = `${expected.path}: ${answer.reason}`;
    }
    last = ports.clock.now();
    if (reason === '') {
      good++;
      inWindow++;
      since ??= last;
      first ??= last;
      if (last - since >= settlingWindow) return result('unproven', 'accepted; nothing proves which code answers');
    } else {
      notYet[reason] = (notYet[reason] ?? 0) + 1;
      inWindow = 0;
      since = undefined;
    }
    const text = reason === '' ? 'the gateway calls it available; waiting whether it stays so' : `waiting: ${reason}`;
    if (text !== said) ports.report({ type: 'progress', about: watched.name, text });
    said = text;
    if (last - startedAt >= rule.timeout)
      return result('not-ready', reason === '' ? 'it was available for too short a time' : reason);
    if (signal.aborted) throw new Interrupted();
    await ports.clock.sleep(pause, signal);
  }

  function result<V extends string>(verdict: V, reason: string): WatchResult<V> {
    const counts: Counts = {
      tries,
      answers: good,
      otherAnswers: 0,
      notYet,
      windowReplicas: 0,
      windowAnswers: inWindow,
      windowMilliseconds: since === undefined ? 0 : Math.round(last - since),
      firstAnswerMilliseconds: first === undefined ? undefined : Math.round(first - startedAt),
      windowStartMilliseconds: since === undefined ? undefined : Math.round(since - startedAt),
    };
    return { verdict, reason, counts, replicas };
  }
}
