import { setTimeout as delay } from 'node:timers/promises';
import { Interrupted, UserError } from '../errors.ts';
import type { Gateway, LogQuery } from './gateway.ts';
import type { LogLine } from './wire.ts';

/** How often a log that breaks off without a line in between is opened again before its error counts. */
const mostBreaks = 5;

/**
 * Follows a function's log for as long as the caller likes. Gateways cut a followed log after their own time limit (30 s to a few minutes):
 * it is opened again from the last line on, and lines that come a second time are left out. Throws Interrupted on abort, else as Gateway.logs.
 */
export async function* followLogs(
  gateway: Pick<Gateway, 'logs'>,
  query: LogQuery,
  signal: AbortSignal,
  pauseMilliseconds = 1000,
): AsyncGenerator<LogLine> {
  let newest = '';
  /** Lines that may come again, each with how often it was given: those of the newest moment, and those without any. */
  let given = new Map<string, number>();
  let wanted: LogQuery = { ...query, follow: true };
  for (let breaks = 0; ; ) {
    const again = new Map(given);
    try {
      for await (const line of gateway.logs(wanted, signal)) {
        breaks = 0;
        const key = `${line.instance}\n${line.timestamp}\n${line.text}`;
        const left = again.get(key) ?? 0;
        if (left > 0) {
          again.set(key, left - 1);
          continue;
        }
        if (line.timestamp !== '' && (newest === '' || isLater(line.timestamp, newest))) {
          newest = line.timestamp;
          given = new Map([...given].filter(([text]) => text.split('\n', 2)[1] === ''));
        }
        if (line.timestamp === '' || line.timestamp === newest) given.set(key, (given.get(key) ?? 0) + 1);
        yield line;
      }
    } catch (error) {
      // A connection that breaks is the usual end of a followed log, not the end of following.
      if (!(error instanceof UserError) || error.code !== 'BAN-E401' || ++breaks > mostBreaks) throw error;
    }
    wanted = { ...query, follow: true, ...(newest === '' ? {} : { since: newest, tail: undefined }) };
    await delay(pauseMilliseconds, undefined, { signal }).catch(() => {
      throw new Interrupted();
    });
  }
}

/** Compares RFC 3339 times. Date knows milliseconds, Kubernetes writes nanoseconds: within a millisecond the digits decide. */
function isLater(left: string, right: string): boolean {
  const difference = Date.parse(left) - Date.parse(right);
  const digits = (time: string): string => (/\.(\d+)/.exec(time)?.[1] ?? '').padEnd(9, '0');
  return difference > 0 || (difference === 0 && digits(left) > digits(right));
}
