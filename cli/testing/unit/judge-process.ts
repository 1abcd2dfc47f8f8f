import { basename } from 'node:path';
import { describeFailure, type ErrorCode, UserError } from '../../errors.ts';
import { describeTextDifference } from '../examples/compare-text.ts';
import type { TestCase } from '../result.ts';
import type { ReportEvent, ReportedError, ReportedResult } from './report-events.ts';
import { placesOfStack, type StackPlace } from './stack-places.ts';

/** How a process of tests ended, and what it told before. */
export interface EndedProcess {
  /** Absolute path of the file of tests (of several: their folder). */
  readonly test: string;
  readonly handler: string;
  readonly exitCode: number | undefined;
  readonly timedOut: boolean;
  /** Milliseconds it had. */
  readonly limit: number;
  readonly events: readonly ReportEvent[];
  /** The last lines that it wrote. */
  readonly lines: readonly string[];
}

/** What became of each test, and of the process itself where it did not end as one of tests does. */
export function judgeProcess(ended: EndedProcess): readonly TestCase[] {
  const { events, handler } = ended;
  const results = events.filter((event) => event.type === 'result');
  const cases = results.filter(counts).map((result) => toCase(result, handler));
  const trouble = troubleOf(ended, cases, results);
  if (trouble !== undefined) return [...cases, trouble];
  if (cases.length > 0 || results.length > 0) return cases;
  return [
    {
      name: basename(ended.test),
      verdict: 'passed',
      milliseconds: 0,
      file: ended.test,
      reason: 'it defines no tests; it ran to its end',
    },
  ];
}

/** A parent is no test of its own: its failure counts only where none of its subtests is the reason. */
function counts({ parent, verdict, error }: ReportedResult): boolean {
  return !parent || (verdict === 'failed' && error?.kind !== 'subtestsFailed');
}

function toCase({ name, verdict, milliseconds, reason, file, line, error }: ReportedResult, handler: string): TestCase {
  const place = verdict === 'failed' ? placesOfStack(error?.stack ?? '', handler)[0] : undefined;
  const shown = place?.file ?? file;
  const shownLine = place?.line ?? line;
  const title = name.join(' › ');
  return {
    name: title,
    verdict,
    milliseconds: Math.round(milliseconds),
    ...(shown === undefined ? {} : { file: shown }),
    ...(shownLine === undefined ? {} : { line: shownLine }),
    ...(reason === undefined ? {} : { reason }),
    ...(verdict === 'failed'
      ? {
          failure: failed(
            'BAN-E640',
            `${title}: ${firstLine(error)}`,
            describeError(error),
            place ?? (file === undefined ? undefined : { file, line: line ?? 1 }),
          ),
        }
      : {}),
  };
}

function firstLine(error: ReportedError | undefined): string {
  const [line = ''] = (error?.message ?? '').trim().split('\n');
  return clip(line.replace(/:$/, '') || 'it failed');
}

/** What was expected and what came; long texts by the first place where they differ. */
function describeError(error: ReportedError | undefined): readonly string[] {
  if (error === undefined) return [];
  const { expected, actual, message } = error;
  if (expected !== undefined && actual !== undefined && expected !== actual && expected.length + actual.length > 200)
    return describeTextDifference(expected, actual);
  const lines = message.trim().split('\n').slice(1);
  return withBound(lines.filter((line, index) => line.trim() !== '' || index > 0).map(clip));
}

const mostShown = 30;

function withBound(lines: readonly string[]): readonly string[] {
  if (lines.length <= mostShown) return lines;
  return [...lines.slice(0, mostShown), `… and ${lines.length - mostShown} more lines`];
}

function clip(line: string): string {
  return line.length <= 300 ? line : `${line.slice(0, 240)}… (${line.length} characters)`;
}

/** What went wrong with the process itself: time was up, it was ended from within, it broke outside of its tests. */
function troubleOf(
  ended: EndedProcess,
  cases: readonly TestCase[],
  results: readonly ReportedResult[],
): TestCase | undefined {
  const { events, exitCode, timedOut, limit, lines, handler, test } = ended;
  const name = basename(test);
  const exit = events.findLast((event) => event.type === 'exit');
  const complete = events.some((event) => event.type === 'end');
  const open = unfinished(events, results);
  if (timedOut) {
    const seconds = `${limit / 1000} s`;
    const [running] = open;
    const what =
      running === undefined
        ? `${name}: its tests did not end within ${seconds}`
        : `${running.name}: it did not end within ${seconds}`;
    const place =
      running?.file === undefined ? { file: test, line: 1 } : { file: running.file, line: running.line ?? 1 };
    return troubled('BAN-E646', running?.name ?? name, what, lines.slice(-5), place, {
      hint: 'look for a promise that nobody resolves, a timer, an open connection, or a loop; --timeout gives tests more time',
    });
  }
  if (exit !== undefined && !complete) {
    const place = placesOfStack(exit.stack, handler)[0];
    const during = open[0] === undefined ? '' : ` while “${open[0].name}” ran`;
    return troubled(
      'BAN-E640',
      name,
      `${name}: process.exit(${exit.code}) ended the tests${during}: what came after it was not run`,
      [],
      place ?? { file: test, line: 1 },
      { hint: 'a test returns or throws; a handler answers. Neither ends the process' },
    );
  }
  if (complete && (exitCode === 0 || cases.some(({ verdict }) => verdict === 'failed'))) return undefined;
  if (exitCode === 0 && results.length === 0 && open.length === 0) return undefined;
  const stack = lines.join('\n');
  const place = placesOfStack(stack, handler)[0];
  const reason = lines.find((line) => /^\s*(?:\w*(?:Error|Exception))\b.*:/.test(line))?.trim();
  const how = exitCode === undefined ? 'it was ended by a signal' : `it ended with ${exitCode}`;
  return troubled(
    'BAN-E640',
    name,
    `${name}: ${reason ?? `${how} outside of its tests`}`,
    lines
      .filter((line) => line.trim() !== '' && !/^Node\.js v|node:internal/.test(line))
      .slice(-12)
      .map(clip),
    place ?? { file: test, line: 1 },
    {},
  );
}

/** Tests that had begun and of which no result came; the innermost last. */
function unfinished(
  events: readonly ReportEvent[],
  results: readonly ReportedResult[],
): readonly Extract<ReportEvent, { type: 'open' }>[] {
  const done = new Map<string, number>();
  for (const { name, depth } of results) {
    const key = `${depth} ${depth === 0 && name.length > 1 ? name.join(' › ') : name.at(-1)}`;
    done.set(key, (done.get(key) ?? 0) + 1);
  }
  const open = events
    .filter((event) => event.type === 'open')
    .filter(({ name, depth }) => {
      const left = done.get(`${depth} ${name}`) ?? 0;
      done.set(`${depth} ${name}`, left - 1);
      return left <= 0;
    });
  const deepest = Math.max(0, ...open.map(({ depth }) => depth));
  return open.filter(({ depth }) => depth === deepest);
}

function troubled(
  code: ErrorCode,
  name: string,
  message: string,
  details: readonly string[],
  place: StackPlace,
  { hint }: { readonly hint?: string },
): TestCase {
  const { file, line } = place;
  return { name, verdict: 'failed', milliseconds: 0, file, line, failure: failed(code, message, details, place, hint) };
}

function failed(
  code: ErrorCode,
  message: string,
  details: readonly string[],
  place: StackPlace | undefined,
  hint?: string,
): NonNullable<TestCase['failure']> {
  const places = place === undefined ? [] : [{ ...place, message: [message, ...details].join('\n') }];
  return describeFailure(new UserError(code, message, { details, places, hint }));
}
