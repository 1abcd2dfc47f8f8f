/**
 * Rollouts seen from outside: one change is sent while the status and the function are asked every 200 ms, and what each
 * answered when is written down. Equal answers that follow each other are one entry with its first and last moment.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { type Deployment, deployment, type ImageNames } from './exchanges.ts';
import { type Answer, type Call, callGateway, type Gateway, keptAlive } from './gateway-call.ts';

/** What is asked in a timeline: the change itself, the function's status, the function's `/_/ready`. */
export type Probe = 'change' | 'status' | 'function';

/** `times` equal answers of one probe between two moments, counted from just before the change was sent. */
export interface Moment {
  readonly atMilliseconds: number;
  readonly untilMilliseconds: number;
  readonly times: number;
  readonly probe: Probe;
  readonly answer: Answer;
}

/** One rollout to watch. */
export interface Timeline {
  readonly name: string;
  /** Deployed and answering before it begins; absent for a creation. */
  readonly before?: Deployment;
  /** Asked of scale-function after that, for the providers that obey. */
  readonly replicas?: number;
  readonly method: 'POST' | 'PUT';
  readonly change: Deployment;
  /** Ask the function over one kept connection; otherwise each try opens its own. */
  readonly keepAlive?: boolean;
  /**
   * Ask the function also while the change is under way. Off where it disturbs: a gateway that scales from zero starts
   * the half-made container itself. Without it the function is asked once the change has been answered.
   */
  readonly asksDuringChange: boolean;
  /** How long to watch after the change was answered. */
  readonly watchMilliseconds: number;
}

/** The rollouts to watch. `during` is what `asksDuringChange` is for this provider. */
export function timelines(images: ImageNames, during: boolean): Timeline[] {
  const one = images.tagged('one');
  const two = images.tagged('two');
  const missing = images.tagged('not-there');
  const change = (service: string, image: string) => deployment(service, image, 'd2');
  const before = (service: string) => deployment(service, one, 'd1');
  const usual = { method: 'PUT', asksDuringChange: during } as const;
  return [
    {
      name: 'timeline-create',
      method: 'POST',
      change: change('rec-t-create', two),
      asksDuringChange: during,
      watchMilliseconds: 12_000,
    },
    {
      name: 'timeline-create-slow',
      method: 'POST',
      change: change('rec-t-slow', images.tagged('slow')),
      asksDuringChange: during,
      watchMilliseconds: 16_000,
    },
    {
      name: 'timeline-create-exits',
      method: 'POST',
      change: change('rec-t-exits', images.tagged('exits')),
      asksDuringChange: during,
      watchMilliseconds: 15_000,
    },
    {
      ...usual,
      name: 'timeline-good-update',
      before: before('rec-t-good'),
      change: change('rec-t-good', two),
      watchMilliseconds: 14_000,
    },
    {
      ...usual,
      name: 'timeline-good-update-keep-alive',
      before: before('rec-t-kept'),
      change: change('rec-t-kept', two),
      keepAlive: true,
      watchMilliseconds: 14_000,
    },
    {
      ...usual,
      name: 'timeline-good-update-two-replicas',
      before: before('rec-t-two'),
      replicas: 2,
      change: change('rec-t-two', two),
      watchMilliseconds: 20_000,
    },
    {
      ...usual,
      name: 'timeline-good-update-two-replicas-keep-alive',
      before: before('rec-t-two-kept'),
      replicas: 2,
      change: change('rec-t-two-kept', two),
      keepAlive: true,
      watchMilliseconds: 20_000,
    },
    {
      ...usual,
      name: 'timeline-slow-update',
      before: before('rec-t-slow-update'),
      change: change('rec-t-slow-update', images.tagged('slow')),
      watchMilliseconds: 18_000,
    },
    {
      ...usual,
      name: 'timeline-broken-update',
      before: before('rec-t-broken'),
      change: change('rec-t-broken', missing),
      watchMilliseconds: 20_000,
    },
    {
      ...usual,
      name: 'timeline-exiting-update',
      before: before('rec-t-exiting'),
      change: change('rec-t-exiting', images.tagged('exits')),
      watchMilliseconds: 20_000,
    },
    {
      ...usual,
      name: 'timeline-invoked-while-updating',
      before: before('rec-t-invoked'),
      change: change('rec-t-invoked', two),
      asksDuringChange: true,
      watchMilliseconds: 15_000,
    },
  ];
}

const interval = 200;
const tryLimit = 2_000;

/** Sends the change and watches; `before` must be answering already. */
export async function watchRollout(gateway: Gateway, timeline: Timeline): Promise<Moment[]> {
  const moments: Moment[] = [];
  const started = performance.now();
  const now = () => Math.round(performance.now() - started);
  const over = new AbortController();
  const statusCall: Call = { method: 'GET', path: `/system/function/${timeline.change.service}` };
  const functionCall: Call = {
    method: 'GET',
    path: `/function/${timeline.change.service}/_/ready`,
    credentials: 'none',
  };
  const status = watch('status', statusCall, false, over.signal);
  const function_ = timeline.asksDuringChange
    ? watch('function', functionCall, timeline.keepAlive === true, over.signal)
    : undefined;

  await wait(600);
  const body = JSON.stringify(timeline.change);
  const sent = now();
  const answer = await callGateway(
    gateway,
    { method: timeline.method, path: '/system/functions', body, headers: { 'content-type': 'application/json' } },
    120_000,
  );
  moments.push({ atMilliseconds: sent, untilMilliseconds: now(), times: 1, probe: 'change', answer });
  const late = function_ ?? watch('function', functionCall, timeline.keepAlive === true, over.signal);
  await wait(timeline.watchMilliseconds);
  over.abort();
  await Promise.all([status, late]);
  return moments.sort((a, b) => a.atMilliseconds - b.atMilliseconds);

  async function watch(probe: Probe, call: Call, keep: boolean, signal: AbortSignal): Promise<void> {
    let last: { key: string; index: number } | undefined;
    while (!signal.aborted) {
      const at = now();
      const answer = await callGateway(gateway, call, tryLimit, keep ? keptAlive : undefined);
      const key = sameness(answer);
      const open = last === undefined ? undefined : moments[last.index];
      if (last?.key === key && open !== undefined) {
        moments[last.index] = { ...open, untilMilliseconds: now(), times: open.times + 1 };
      } else {
        moments.push({ atMilliseconds: at, untilMilliseconds: now(), times: 1, probe, answer });
        last = { key, index: moments.length - 1 };
      }
      const rest = interval - (now() - at);
      if (rest > 0) await wait(rest);
    }
  }
}

/** Two answers are equal when all but the numbers of the call itself are. */
function sameness(answer: Answer): string {
  if (!('status' in answer)) return answer.failure;
  const { 'x-call-id': _id, 'x-start-time': _time, 'x-duration-seconds': _duration, ...headers } = answer.headers;
  return JSON.stringify([answer.status, headers, answer.body]);
}
