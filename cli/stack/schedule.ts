import { Cron } from 'croner';
import { parseGoDuration } from './go-duration.ts';

/** The annotation that names when a function is called, and the value of `topic` that makes the cron-connector look at it. */
export const cronTopic = 'cron-function';

/** When the cron-connector calls a function with these annotations: its `schedule` where `topic` is `cron-function`, else undefined. */
export function scheduleOf(annotations: Readonly<Record<string, string>> | null | undefined): string | undefined {
  const { topic, schedule } = annotations ?? {};
  return topic?.trim() === cronTopic && schedule ? schedule : undefined;
}

/** What is doubtful about the annotations of a scheduled function: the annotation it is about, and a sentence with a way out. The connector drops such functions with a line in its own log. */
export function describeScheduleDoubts(
  annotations: Readonly<Record<string, string>>,
): readonly { readonly annotation: 'topic' | 'schedule'; readonly message: string; readonly hint: string }[] {
  const { topic, schedule } = annotations;
  if (topic === cronTopic) {
    if (schedule === undefined || schedule.trim() === '')
      return [
        {
          annotation: 'topic',
          message: 'no schedule is given, and the cron-connector needs one',
          hint: 'add the annotation schedule: "*/5 * * * *"',
        },
      ];
    const doubt = describeCronDoubt(schedule);
    return doubt === undefined ? [] : [{ annotation: 'schedule', ...doubt }];
  }
  // Other connectors have topics of their own, and may read a schedule, too.
  if (schedule !== undefined && topic === undefined)
    return [
      {
        annotation: 'schedule',
        message: 'the cron-connector does not see it without a topic',
        hint: `add the annotation topic: ${cronTopic}`,
      },
    ];
  return [];
}

/** No one writes more; what reads it need not be quick for more. */
const longest = 1_000;

const example = 'five fields: minute, hour, day of the month, month, day of the week, as in "*/5 * * * *"';

/**
 * Why the cron-connector would not take an expression; undefined if it would. Its parser is robfig/cron's with minutes to
 * weekdays and descriptors: fewer forms than croner's, so those it lacks are looked for first.
 */
function describeCronDoubt(expression: string): { readonly message: string; readonly hint: string } | undefined {
  if (expression.length > longest)
    return {
      message: `the schedule has ${expression.length} characters, and ${longest} are far more than enough`,
      hint: example,
    };
  const [, zone, text = ''] = /^(?:(?:CRON_)?TZ=(\S+)\s+)?(.*)$/s.exec(expression.trim()) ?? [];
  const refuse = (reason: string, hint = example) => ({ message: `"${expression}" is no schedule: ${reason}`, hint });
  if (zone !== undefined && !isTimeZone(zone))
    return refuse(`there is no time zone ${zone}`, 'write CRON_TZ=Europe/Berlin 0 4 * * *');
  if (text.startsWith('@every')) {
    return /^@every [+-]?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|ms|s|m|h))+$/.test(text)
      ? undefined
      : refuse('@every takes a duration', 'write @every 5m, @every 1h30m or @every 30s');
  }
  if (text.startsWith('@'))
    return /^@(?:yearly|annually|monthly|weekly|daily|midnight|hourly)$/.test(text)
      ? undefined
      : refuse('no such word', 'words are @yearly, @monthly, @weekly, @daily, @hourly and @every 5m');
  const fields = text.split(/\s+/);
  if (fields.length !== 5)
    return refuse(`it has ${fields.length === 1 ? 'one field' : `${fields.length} fields`}, and there must be 5`);
  const foreign = fields.find((field) => !/^(?:[\d*?,/-]|\b[a-z]{3}\b)+$/i.test(field) || /(?:^|,)\//.test(field));
  if (foreign !== undefined) return refuse(`"${foreign}" holds what the cron-connector does not know`);
  if (/(?:^|[,-])7/.test(fields[4] ?? '')) return refuse('days of the week are 0 (Sunday) to 6', 'write 0 for Sunday');
  try {
    readFields(fields, 'UTC');
    return undefined;
  } catch (error) {
    // croner counts months from 0.
    const reason = error instanceof Error ? error.message.replace(/^CronPattern: /, '') : String(error);
    return refuse(reason.replace(/(?<=for month: )\d+$/, (month) => String(Number(month) + 1)));
  }
}

/** What robfig/cron takes and croner does not, written as croner takes it. Paused and without a function: only the parser works. */
function readFields(fields: readonly string[], timezone: string): Cron {
  const plain = fields.map((field) => field.replaceAll('?', '*').replace(/,+/g, ',').replace(/^,|,$/g, ''));
  return new Cron(plain.join(' '), { paused: true, mode: '5-part', sloppyRanges: true, timezone });
}

const words: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};

/**
 * The first moment behind `after` at which the cron-connector would call by this expression; in UTC, as in its container, unless the expression names a
 * zone. `@every` counts from `after`, in whole seconds. `undefined` if it is no schedule, or names a day that never comes.
 */
export function nextCall(expression: string, after: Date): Date | undefined {
  if (describeCronDoubt(expression) !== undefined) return undefined;
  const [, zone, text = ''] = /^(?:(?:CRON_)?TZ=(\S+)\s+)?(.*)$/s.exec(expression.trim()) ?? [];
  if (text.startsWith('@every ')) {
    const period = Math.max(1, Math.floor((parseGoDuration(text.slice('@every '.length).trim()) ?? 0) / 1000));
    const next = new Date((Math.floor(after.getTime() / 1000) + period) * 1000);
    return Number.isNaN(next.getTime()) ? undefined : next;
  }
  const fields = (words[text] ?? text).split(/\s+/);
  return readFields(fields, zone === undefined || zone === 'Local' ? 'UTC' : zone).nextRun(after) ?? undefined;
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).format() !== '';
  } catch (error) {
    if (error instanceof RangeError) return name === 'Local';
    throw error;
  }
}
