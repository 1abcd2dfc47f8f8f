import assert from 'node:assert/strict';
import { decodeStack } from '../../cli/stack/decode.ts';
import { describeScheduleDoubts, scheduleOf } from '../../cli/stack/schedule.ts';

const doubt = (schedule: string): string | undefined =>
  describeScheduleDoubts({ topic: 'cron-function', schedule })[0]?.message;

describe('schedules in annotations', () => {
  // Verdicts of the connector's own parser (robfig/cron 3.0.1: minute to weekday, and descriptors).
  const taken = [
    '* * * * *',
    '*/5 * * * *',
    '0 3 * * 1-5',
    '1/5 * * * *',
    '0 3 1,15 * *',
    '0 0 ? * MON',
    '0 0 1 JAN-MAR *',
    '0-59/7 * * * *',
    '*/5  *  * * *',
    '0 0 31 2 *',
    '01 00 * * *',
    '1, * * * *',
    '@daily',
    '@hourly',
    '@midnight',
    '@annually',
    '@every 5m',
    '@every 1h30m',
    '@every 1.5h',
    '@every 0s',
    'CRON_TZ=Europe/Berlin 0 4 * * *',
    'TZ=UTC @daily',
  ];
  const refused = [
    '* * * *',
    '* * * * * *',
    '60 * * * *',
    '* 24 * * *',
    '* * 0 * *',
    '* * * 13 *',
    '* * * * 7',
    '* * * * 1-7',
    '5-1 * * * *',
    '*/0 * * * *',
    '/5 * * * *',
    'mon * * * *',
    '* * L * *',
    '* * * * 1#2',
    '* * 15W * *',
    '* * * * SUNDAY',
    '1-5-7 * * * *',
    '*/2/3 * * * *',
    '-1 * * * *',
    '@reboot',
    '@every',
    '@every five',
    '@every 5',
    '@weekdays',
    'TZ=Nowhere/Bad * * * * *',
    'every day',
    '5m',
  ];
  for (const schedule of taken) it(`takes ${schedule}`, () => assert.equal(doubt(schedule), undefined));
  for (const schedule of refused)
    it(`doubts ${schedule}`, () =>
      assert.match(
        doubt(schedule) ?? '',
        new RegExp(`^"${schedule.replace(/[*/?#.]/g, '\\$&')}" is no schedule: .{8}`),
      ));

  it('say what is wrong in the numbers of the text', () => {
    assert.match(doubt('* * * 13 *') ?? '', /Invalid value for month: 13$/);
    assert.match(doubt('* 24 * * *') ?? '', /Invalid value for hour: 24$/);
  });

  it('of any length are judged at once', () => {
    assert.match(doubt(`@every ${'1'.repeat(100_000)}`) ?? '', /100007 characters/);
    assert.match(doubt(`@every ${'1'.repeat(900)}`) ?? '', /@every takes a duration/);
    assert.equal(doubt(`${Array.from({ length: 60 }, (_, minute) => minute).join()} * * * *`), undefined);
  });

  it('need their topic, and a topic its schedule', () => {
    assert.match(doubt('') ?? '', /no schedule is given/);
    assert.match(describeScheduleDoubts({ topic: 'cron-function' })[0]?.hint ?? '', /schedule: "\*\/5 \* \* \* \*"/);
    assert.match(describeScheduleDoubts({ schedule: '* * * * *' })[0]?.hint ?? '', /topic: cron-function/);
    assert.deepEqual(describeScheduleDoubts({ topic: 'orders', schedule: 'whenever' }), [], 'of another connector');
    assert.deepEqual(describeScheduleDoubts({}), []);
  });

  it('are shown only where the connector sees them', () => {
    assert.equal(scheduleOf({ topic: 'cron-function', schedule: '@daily' }), '@daily');
    assert.equal(scheduleOf({ topic: 'orders', schedule: '@daily' }), undefined);
    assert.equal(scheduleOf({ schedule: '@daily' }), undefined);
    assert.equal(scheduleOf(undefined), undefined);
    assert.equal(scheduleOf(null), undefined);
  });

  it('are kept, and doubted with their place, as a warning', () => {
    const { stack, problems, warnings } = decodeStack(
      'provider: {name: openfaas}\nfunctions:\n  f:\n    skip_build: true\n    image: f\n    annotations:\n      topic: cron-function\n      schedule: "0 25 * * *"\n',
      '/p/stack.yml',
      {},
    );
    assert.deepEqual(problems, []);
    assert.deepEqual(stack?.functions[0]?.annotations, { topic: 'cron-function', schedule: '0 25 * * *' });
    assert.deepEqual(
      warnings.map(({ line, column, path }) => [line, column, path]),
      [[8, 17, 'functions.f.annotations.schedule']],
    );
  });
});
