import assert from 'node:assert/strict';
import * as v from 'valibot';
import { functionDeploymentSchema, functionStatusSchema } from '../../cli/openfaas/wire.ts';
import type { Probe } from '../../cli/replica/probe.ts';
import { identitiesOf } from '../../cli/rollout/identities.ts';
import { type Observation, readinessRule, type Step } from '../../cli/rollout/readiness.ts';
import { beginWatch, step } from '../../cli/rollout/step.ts';
import {
  type RecordedAnswer,
  type RecordedTimeline,
  recordedProviders,
  recordedTimelines,
} from '../openfaas/recorded.ts';

/**
 * Rollouts recorded from real gateways, watched once more in virtual time. The truth is taken from the recording itself:
 * which deploy id answered, and when the last answer came that was not the new code's.
 */
for (const provider of recordedProviders()) {
  describe(`recorded rollouts of ${provider}`, () => {
    for (const timeline of recordedTimelines(provider)) {
      it(`judges ${timeline.name}`, () => judge(timeline));
    }
  });
}

function judge(timeline: RecordedTimeline): void {
  const wanted =
    v.parse(functionDeploymentSchema, JSON.parse(timeline.request.body ?? '{}')).annotations?.['bantam.deploy'] ?? '';
  const change = timeline.moments.find(({ probe }) => probe === 'change');
  assert.ok(change !== undefined && wanted !== '');
  const calls = timeline.moments
    .filter(({ probe }) => probe === 'function')
    .sort((left, right) => left.atMilliseconds - right.atMilliseconds);
  const end = Math.max(...calls.map(({ untilMilliseconds }) => untilMilliseconds));
  const isNew = (answer: RecordedAnswer): boolean =>
    'status' in answer && answer.status === 200 && answer.headers['x-bantam-deploy'] === wanted;
  const lastOther = Math.max(
    0,
    ...calls.filter(({ answer }) => !isNew(answer)).map(({ untilMilliseconds }) => untilMilliseconds),
  );
  const before = identityBefore(timeline, wanted);
  const { step: last, at } = watch(timeline, wanted, change.untilMilliseconds, end, before);
  const verdict = last.action.kind === 'settle' ? last.action.verdict : 'watching';
  if (verdict === 'ready') {
    // Nothing but the new code answered in the second before the verdict, and (over fresh connections) nothing else ever after.
    assert.ok(at >= change.untilMilliseconds + readinessRule.window);
    const wrong = calls.filter(
      ({ answer, atMilliseconds, untilMilliseconds }) =>
        !isNew(answer) && untilMilliseconds > at - readinessRule.window && atMilliseconds < at,
    );
    assert.deepEqual(wrong, []);
    if (!timeline.keepAlive)
      assert.ok(lastOther <= at, `called ready at ${at}, yet something else answered at ${lastOther}`);
  } else {
    // A verdict is owed wherever the recording holds two quiet seconds of new code at its end.
    assert.ok(
      end - Math.max(lastOther, change.untilMilliseconds) < 2000 + readinessRule.window ||
        lastOther > end - 2000 ||
        !calls.some(({ answer }) => isNew(answer)),
      `${verdict}, although only new code answered from ${lastOther} to ${end}`,
    );
  }
  if (/broken|exits|exiting/.test(timeline.name)) assert.notEqual(verdict, 'ready');
  else if (/good-update$|timeline-create$/.test(timeline.name)) assert.equal(verdict, 'ready');
}

function watch(
  timeline: RecordedTimeline,
  wanted: string,
  from: number,
  end: number,
  before: { deploy: string | undefined } | undefined,
): { step: Step; at: number } {
  const rule = { ...readinessRule, answersPerReplica: 4, deploy: wanted, before };
  let at = from;
  let current = beginWatch(rule, at);
  while (current.action.kind !== 'settle') {
    at += current.action.after + 5;
    if (at > end) break;
    current = step(
      current.state,
      current.action.kind === 'probe'
        ? { kind: 'probe', at, probe: asProbe(answerAt(timeline, 'function', at)) }
        : asStatus(answerAt(timeline, 'status', at), at),
    );
  }
  return { step: current, at };
}

/** What the recording says for a moment: the answer that was given around it, else the last one before it. */
function answerAt(timeline: RecordedTimeline, probe: 'function' | 'status', at: number): RecordedAnswer {
  const moments = timeline.moments
    .filter((moment) => moment.probe === probe)
    .sort((left, right) => left.atMilliseconds - right.atMilliseconds);
  const answer = moments.filter(({ atMilliseconds }) => atMilliseconds <= at).at(-1)?.answer ?? moments[0]?.answer;
  assert.ok(answer !== undefined, `nothing recorded of the ${probe}`);
  return answer;
}

function asProbe(answer: RecordedAnswer): Probe {
  if ('failure' in answer) return { kind: 'not-yet', reason: answer.failure };
  const { 'x-bantam-deploy': deploy, 'x-bantam-replica': replica, 'x-bantam-revision': revision } = answer.headers;
  if (!deploy || !replica) return { kind: 'not-yet', reason: String(answer.status), status: answer.status };
  return {
    kind: 'answer',
    ready: answer.status === 200,
    status: answer.status,
    deploy,
    replica,
    revision: revision ?? '',
  };
}

function asStatus(answer: RecordedAnswer, at: number): Observation {
  if ('failure' in answer) return { kind: 'unreadable', at, reason: answer.failure };
  if (answer.status === 404) return { kind: 'absent', at };
  if (answer.status !== 200) return { kind: 'unreadable', at, reason: String(answer.status) };
  const status = v.parse(functionStatusSchema, JSON.parse(answer.body));
  return {
    kind: 'status',
    at,
    replicas: status.replicas,
    available: status.availableReplicas,
    deploy: identitiesOf(status).deploy,
    image: status.image,
  };
}

function identityBefore(timeline: RecordedTimeline, wanted: string): { deploy: string | undefined } | undefined {
  for (const { probe, answer } of timeline.moments) {
    if (probe !== 'status' || !('status' in answer) || answer.status !== 200) continue;
    const { deploy } = identitiesOf(v.parse(functionStatusSchema, JSON.parse(answer.body)));
    return deploy === wanted ? undefined : { deploy };
  }
  return undefined;
}
