import assert from 'node:assert/strict';
import type { Event } from '../../../cli/events.ts';
import { Schedules } from '../../../cli/local/async/schedules.ts';
import { nextCall } from '../../../cli/stack/schedule.ts';

type Scheduled = ReturnType<ConstructorParameters<typeof Schedules>[0]['functions']>[number];

describe('the schedules of a local gateway', () => {
  let now: Date;
  let functions: Scheduled[];
  let called: string[];
  let queued: string[];
  let events: Event[];
  let status: number;
  /** Ends the calls under way. */
  let release: (() => void)[];
  let holding: boolean;
  let schedules: Schedules;

  const scheduled = (
    schedule: string,
    more: { annotations?: Record<string, string>; generation?: string } = {},
  ): Scheduled => ({
    name: 'tick',
    generation: more.generation ?? '1',
    removing: false,
    deployment: { service: 'tick', image: 'x', annotations: { topic: 'cron-function', schedule, ...more.annotations } },
  });
  const at = (text: string): void => {
    now = new Date(text);
    schedules.look();
  };
  const settled = async (): Promise<void> => await new Promise((resolve) => setImmediate(resolve));
  const notes = (): string[] =>
    events.flatMap((event) => (event.type === 'note' || event.type === 'warning' ? [event.text] : []));

  beforeEach(() => {
    [functions, called, queued, events, release, holding, status] = [[], [], [], [], [], false, 200];
    now = new Date('2026-01-31T12:00:30Z');
    schedules = new Schedules({
      functions: () => functions,
      call: async (name) => {
        called.push(`${name} ${now.toISOString()}`);
        if (holding) await new Promise<void>((resolve) => release.push(resolve));
        return status;
      },
      enqueue: async (name) => void queued.push(name),
      report: (event) => events.push(event),
      now: () => now,
    });
  });
  afterEach(async () => {
    for (const end of release) end();
    await schedules.stop();
  });

  it('call once for each time that comes, in UTC', async () => {
    functions = [scheduled('*/5 * * * *')];
    at('2026-01-31T12:00:30Z');
    assert.equal(schedules.next('tick')?.toISOString(), '2026-01-31T12:05:00.000Z');
    for (const second of ['12:04:59', '12:05:00', '12:05:01', '12:09:59', '12:10:01']) {
      at(`2026-01-31T${second}Z`);
      await settled();
    }
    assert.deepEqual(called, ['tick 2026-01-31T12:05:00.000Z', 'tick 2026-01-31T12:10:01.000Z']);
    assert.deepEqual(notes(), []);
  });

  it('leave out functions of other topics, removed ones and those without a schedule', () => {
    functions = [
      scheduled('* * * * *', { annotations: { topic: 'kafka' } }),
      { ...scheduled('* * * * *'), removing: true },
      { ...scheduled(''), deployment: { service: 'tick', image: 'x' } },
    ];
    at('2026-01-31T12:00:30Z');
    at('2026-01-31T12:01:00Z');
    assert.deepEqual([called, notes(), schedules.next('tick')], [[], [], undefined]);
  });

  it('make up for nothing that was missed while the machine slept', async () => {
    functions = [scheduled('0 * * * *')];
    at('2026-01-31T12:00:30Z');
    at('2026-01-31T15:20:00Z');
    await settled();
    assert.deepEqual(called, []);
    assert.deepEqual(notes(), ['the call of 2026-01-31T13:00:00.000Z was missed and is not made up for']);
    at('2026-01-31T16:00:00Z');
    assert.equal(called.length, 1);
  });

  it('pile up no calls of a function that is slow', async () => {
    functions = [scheduled('* * * * *')];
    holding = true;
    at('2026-01-31T12:00:30Z');
    at('2026-01-31T12:01:00Z');
    // A new deployment does not make the old call end.
    functions = [scheduled('* * * * *', { generation: '2' })];
    at('2026-01-31T12:01:30Z');
    at('2026-01-31T12:02:00Z');
    await settled();
    assert.equal(called.length, 1);
    assert.deepEqual(notes(), ['the call of 2026-01-31T12:02:00.000Z was left out: the one before still runs']);
    for (const end of release.splice(0)) end();
    await settled();
    at('2026-01-31T12:03:00Z');
    assert.equal(called.length, 2);
  });

  it('go on from a clock that was set back or forth', async () => {
    functions = [scheduled('*/10 * * * *')];
    at('2030-01-01T00:05:00Z');
    assert.equal(schedules.next('tick')?.toISOString(), '2030-01-01T00:10:00.000Z');
    at('2026-01-31T12:01:00Z');
    assert.equal(schedules.next('tick')?.toISOString(), '2026-01-31T12:10:00.000Z');
    at('2026-01-31T12:10:00Z');
    assert.equal(called.length, 1);
  });

  it('queue the call where the annotation says so, and tell of calls that fail', async () => {
    functions = [scheduled('* * * * *', { annotations: { async: 'true' } })];
    at('2026-01-31T12:00:30Z');
    at('2026-01-31T12:01:00Z');
    await settled();
    assert.deepEqual([queued, called], [['tick'], []]);
    functions = [scheduled('* * * * *', { generation: '2' })];
    status = 503;
    at('2026-01-31T12:01:01Z');
    at('2026-01-31T12:02:00Z');
    await settled();
    assert.match(notes()[0] ?? '', /^the scheduled call \S+ was answered 503$/);
  });

  it('say once what is no schedule', () => {
    functions = [scheduled('every now and then')];
    for (const second of ['00', '01', '02']) at(`2026-01-31T12:00:${second}Z`);
    assert.deepEqual(notes(), ['"every now and then" is no schedule: it is never called by itself']);
  });

  it('know the forms that the cron-connector knows', () => {
    const after = new Date('2026-01-31T12:00:30.400Z');
    const examples: readonly (readonly [string, string | undefined])[] = [
      ['0 4 * * *', '2026-02-01T04:00:00.000Z'],
      ['CRON_TZ=Europe/Berlin 0 4 * * *', '2026-02-01T03:00:00.000Z'],
      ['TZ=Local 0 4 * * *', '2026-02-01T04:00:00.000Z'],
      ['@daily', '2026-02-01T00:00:00.000Z'],
      ['@midnight', '2026-02-01T00:00:00.000Z'],
      ['@every 90s', '2026-01-31T12:02:00.000Z'],
      ['@every 10ms', '2026-01-31T12:00:31.000Z'],
      ['0 0 ? * MON', '2026-02-02T00:00:00.000Z'],
      ['0 0 13 * 5', '2026-02-06T00:00:00.000Z'],
      ['0 0 31 2 *', undefined],
      ['nonsense', undefined],
    ];
    for (const [expression, expected] of examples)
      assert.equal(nextCall(expression, after)?.toISOString(), expected, expression);
  });
});
