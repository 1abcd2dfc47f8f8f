import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { faasNetes } from '../../cli/local/dialect/faas-netes.ts';
import { faasd } from '../../cli/local/dialect/faasd.ts';
import { functionStatusSchema } from '../../cli/openfaas/wire.ts';
import { type Answer, type Call, callGateway } from '../recordings/gateway-call.ts';
import { type RecordedProvider, readTimeline } from '../recordings/read-recording.ts';
import { type Timeline, timelines } from '../recordings/timelines.ts';
import { type RecordedGateway, recordedRegistry, startRecordedGateway } from './recorded-gateway.ts';

/** What was seen of a function and of its status, equal looks that follow each other once. */
interface Seen {
  readonly change: string;
  /** Who answered the first call after the change was answered. */
  readonly next?: string | undefined;
  readonly status: readonly string[];
  readonly calls: readonly string[];
}

/** What was seen most often is what remains: rollouts were watched for long, and a function that ends at its start is shown as running now and then. */
interface SeenThere extends Seen {
  readonly mostStatus: string | undefined;
  readonly mostCalls: string | undefined;
}

/** Nobody answers here before the test lets time pass. */
const dialects = { faasd: { ...faasd, firstAnswer: 0 }, 'faas-netes': faasNetes } as const;
const recordedNames = timelines({ tagged: (tag) => `${recordedRegistry}/recorded:${tag}`, digest: () => '' }, true);

for (const provider of ['faasd', 'faas-netes'] as const)
  describe(`a rollout of the embedded gateway as ${provider} beside the recorded one`, () => {
    let folder: string;
    let recorded: RecordedGateway;

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'bantam-timelines-'));
      recorded = await startRecordedGateway(folder, dialects[provider], provider);
    });
    after(async () => {
      await recorded.close();
      await rm(folder, { recursive: true, force: true });
    });

    for (const { name } of recordedNames)
      it(name, async () => {
        const timeline = timelines(recorded.images, true).find((each) => each.name === name);
        assert.ok(timeline !== undefined);
        const theirs = await seenThere(provider, name);
        const ours = await play(recorded, timeline);
        assert.equal(ours.change, theirs.change);
        // A look each 200 ms misses most of what a change passes through: what one rollout did not show, another of its kind did.
        const kind = recordedNames.filter(({ method }) => method === timeline.method);
        const all = await Promise.all(kind.map((each) => seenThere(provider, each.name)));
        assertSeenInOrder(
          ours.status,
          all.map(({ status }) => status),
          'status',
        );
        // Most functions of faasd were not called before their change was answered, which disturbs it.
        const first = timeline.before === undefined ? '404' : 'd1';
        assertSeenInOrder(
          ours.calls,
          all.map(({ calls }) => [first, ...calls]),
          'calls',
        );
        assert.equal(ours.calls.at(-1), theirs.mostCalls, 'who answers in the end');
        if (provider === 'faasd')
          assert.notEqual(ours.next, 'd1', 'old code never answers after the update was answered');
        assert.equal(ours.status.at(-1), theirs.mostStatus, 'what is shown in the end');
        if (provider === 'faasd' && timeline.before !== undefined && !name.includes('broken'))
          assert.ok(ours.status.includes('404'), 'the function is gone for a moment');
      });
  });

/** Asks as the recording did: before the change, at each of its steps, once it is answered, and after a while. */
async function play({ gateway, provider }: RecordedGateway, timeline: Timeline): Promise<Seen> {
  const { service } = timeline.change;
  const ask = (call: Call): Promise<Answer> => callGateway(gateway, call, 10_000);
  const send = (method: string, body: unknown): Promise<Answer> =>
    ask({ method, path: '/system/functions', body: JSON.stringify(body) });
  if (timeline.before !== undefined) await send('POST', timeline.before);
  if (timeline.replicas !== undefined)
    await ask({
      method: 'POST',
      path: `/system/scale-function/${service}`,
      body: JSON.stringify({ serviceName: service, replicas: timeline.replicas }),
    });
  await provider.settle('until it answers');
  const status: string[] = [];
  const calls: string[] = [];
  const look = async (): Promise<void> => {
    status.push(statusOf(await ask({ method: 'GET', path: `/system/function/${service}` })));
    calls.push(callOf(await ask({ method: 'GET', path: `/function/${service}/_/ready`, credentials: 'none' })));
  };
  await look();
  provider.onStep = look;
  const change = await send(timeline.method, timeline.change);
  provider.onStep = async () => undefined;
  await look();
  const next = calls.at(-1);
  await provider.settle('a pause');
  await look();
  await provider.settle('until it answers');
  await look();
  await send('DELETE', { functionName: service });
  await provider.settle('a pause');
  return { change: statusLine(change), next, status: withoutRepeats(status), calls: withoutRepeats(calls) };
}

async function seenThere(provider: RecordedProvider, name: string): Promise<SeenThere> {
  const { moments } = await readTimeline(provider, name);
  const of = (probe: 'change' | 'status' | 'function') =>
    moments.filter((moment) => moment.probe === probe).map((moment) => moment.answer);
  return {
    change: of('change').map(statusLine).join(),
    status: withoutRepeats(of('status').map(statusOf)),
    calls: withoutRepeats(of('function').map(callOf)),
    mostStatus: most(moments.map(({ answer, probe, times }) => [probe === 'status' ? statusOf(answer) : '', times])),
    mostCalls: most(moments.map(({ answer, probe, times }) => [probe === 'function' ? callOf(answer) : '', times])),
  };
}

/** The text with the largest sum. */
function most(counted: readonly (readonly [string, number])[]): string | undefined {
  const sums = new Map<string, number>();
  for (const [text, times] of counted) if (text !== '') sums.set(text, (sums.get(text) ?? 0) + times);
  return [...sums].sort(([, left], [, right]) => right - left)[0]?.[0];
}

/** Which of the two deployments it shows, and whether as running; `404` for a function that is not there. */
function statusOf(answer: Answer): string {
  if (!('status' in answer) || answer.status !== 200) return statusLine(answer);
  const { annotations, availableReplicas, replicas } = v.parse(functionStatusSchema, JSON.parse(answer.body));
  const shown = availableReplicas > 0 ? 'runs' : replicas > 0 ? 'starts' : 'stands';
  return `${annotations?.['bantam.deploy']} ${shown}`;
}

/** Which deployment answered, else what was said instead. */
function callOf(answer: Answer): string {
  // A gateway that holds a call until somebody answers is broken off by the recorder.
  if (!('status' in answer)) return 'nobody answers';
  if (answer.status === 200) return answer.headers['x-bantam-deploy'] ?? 'somebody';
  return answer.status === 404 && answer.body.startsWith('error finding') ? '404' : 'nobody answers';
}

function statusLine(answer: Answer): string {
  return 'status' in answer ? String(answer.status) : answer.failure;
}

function withoutRepeats(texts: readonly string[]): string[] {
  return texts.filter((text, index) => text !== texts[index - 1]);
}

/** What calls get while there is no container, in any order (seen at other times than when the recordings were made). */
const gap = new Set(['nobody answers', '404']);

/** All that we show was seen in one of the rollouts there, and no two things in another order than in any of them. */
function assertSeenInOrder(ours: readonly string[], theirs: readonly (readonly string[])[], what: string): void {
  const story = `here: ${ours.join(', ')}; there:\n${theirs.map((texts) => texts.join(', ')).join('\n')}`;
  for (const text of ours)
    assert.ok(
      theirs.some((texts) => texts.includes(text)),
      `${what}: "${text}" was never seen; ${story}`,
    );
  for (const [index, later] of ours.entries())
    for (const earlier of ours.slice(0, index))
      assert.ok(
        [earlier, later].every((text) => gap.has(text)) ||
          theirs.some((texts) => texts.includes(earlier) && texts.indexOf(earlier) <= texts.lastIndexOf(later)),
        `${what}: "${earlier}" was never seen before "${later}"; ${story}`,
      );
}
