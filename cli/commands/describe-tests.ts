import { isAbsolute, relative } from 'node:path';
import type { Block } from '../command.ts';
import type { Failure } from '../errors.ts';
import { percentOf, showRanges } from '../testing/coverage/line-coverage.ts';
import type { FunctionResult, StageResult, TestCase } from '../testing/result.ts';

/** The lines about what went wrong in a function's tests, for people; files relative to `from`. */
export function describeTestFailures(result: FunctionResult, from: string): readonly string[] {
  const { name, failure, stages } = result;
  const lines =
    failure === undefined
      ? []
      : [`✗ ${name}   ${withoutName(failure.message, name)}  (${failure.code})`, ...below(failure, from)];
  for (const { stage, cases } of stages)
    for (const one of cases) {
      if (one.failure === undefined) continue;
      const place = placeOf(one, from);
      const where = place === '' ? '' : `   ${place}`;
      // A test may be called like its function.
      const message = one.name === name ? one.failure.message : withoutName(one.failure.message, name);
      lines.push(`✗ ${name}   ${stage}   ${message}${where}  (${one.failure.code})`);
      lines.push(...below(one.failure, from));
    }
  return lines;
}

function below({ details = [], hint }: Failure, from: string): readonly string[] {
  const shown = details.map((line) => `    ${shortenPaths(line, from)}`);
  return hint === undefined ? shown : [...shown, `    next: ${shortenPaths(hint, from)}`];
}

function shortenPaths(text: string, from: string): string {
  return text.replaceAll(`${from}/`, '');
}

function withoutName(message: string, name: string): string {
  return message.startsWith(`${name}: `) ? message.slice(name.length + 2) : message;
}

/** The answer: a line for each function for people, a row for each test in a pipe. */
export function describeTests(results: readonly FunctionResult[], from: string): readonly Block[] {
  const widest = Math.max(...results.map(({ name }) => name.length), 0);
  return [
    ...results
      .flatMap((result) => summarise(result, widest, from))
      .map((text): Block => ({ kind: 'line', text, only: 'terminal' })),
    {
      kind: 'table',
      only: 'pipe',
      columns: ['function', 'stage', 'verdict', 'test', 'milliseconds', 'place', 'message'],
      rows: results.flatMap((result) => rowsOf(result, from)),
    },
  ];
}

/** `✓ hello   unit 2 in 0.4 s   contract 15 in 3.9 s   examples 1 in 0.1 s`, and a line of coverage. */
export function summarise(result: FunctionResult, width: number, from: string): readonly string[] {
  const { name, ok, stages, failure, skipped } = result;
  const title = name.padEnd(width);
  if (skipped !== undefined) return [`- ${title}   not tested: ${skipped}`];
  const facts = [
    ...(failure === undefined ? [] : [withoutName(failure.message, name).split(':')[0] ?? '']),
    ...stages.filter(({ verdict }) => verdict !== 'not run' || failure === undefined).map(summariseStage),
  ];
  const coverages = stages.flatMap((stage) => showCoverage(stage, from)).map((text) => `    coverage ${text}`);
  return [[`${ok ? '✓' : '✗'} ${title}`, ...facts].join('   '), ...coverages];
}

/** `92.3 % of 14 lines   not run: hello/handler.ts 12–14`; nothing without coverage. */
function showCoverage({ coverage }: StageResult, from: string): readonly string[] {
  if (coverage === undefined) return [];
  const missed = coverage.files
    .filter((file) => file.missed.length > 0)
    .map((file) => `${relative(from, file.file)} ${showRanges(file.missed)}`);
  const rest = missed.length === 0 ? '' : `   not run: ${missed.join('; ')}`;
  return [`${percentOf(coverage)} % of ${coverage.total} ${coverage.unit}${rest}`];
}

function summariseStage({ stage, verdict, cases, reason, milliseconds }: StageResult): string {
  if (verdict === 'none') return `${reason?.split(':')[0] ?? `no ${stage}`}`;
  if (verdict === 'not run') return `${stage} not run`;
  const count = (wanted: TestCase['verdict']): number => cases.filter((one) => one.verdict === wanted).length;
  const failed = count('failed') + count('unknown');
  const skipped = count('skipped') === 0 ? '' : `, ${count('skipped')} skipped`;
  const time = `in ${(milliseconds / 1000).toFixed(1)} s`;
  if (failed === 0) return `${stage} ${count('passed')}${skipped} ${time}`;
  return `${stage} ${failed} of ${cases.length} failed${skipped} ${time}`;
}

/** A line for each test with its verdict and time: what `-v` shows. */
export function listTests({ stages }: FunctionResult): readonly string[] {
  return stages.flatMap(({ stage, cases }) =>
    cases.map(({ verdict, name, milliseconds, reason }) => {
      const why = reason === undefined ? '' : `   ${reason}`;
      return `${verdictSigns[verdict]} ${stage}   ${name}   ${milliseconds} ms${why}`;
    }),
  );
}

const verdictSigns: Readonly<Record<TestCase['verdict'], string>> = {
  passed: '✓',
  failed: '✗',
  skipped: '-',
  unknown: '?',
};

function rowsOf(result: FunctionResult, from: string): readonly (readonly string[])[] {
  const { name, failure, skipped, stages } = result;
  const row = (...cells: readonly string[]): readonly string[] =>
    [name, ...cells].map((cell) => cell.replace(/[\t\r\n]+/g, ' '));
  const rows: (readonly string[])[] = [];
  if (skipped !== undefined) rows.push(row('', 'skipped', '', '', '', skipped));
  if (failure !== undefined) {
    const [place] = failure.places ?? [];
    rows.push(
      row(
        '',
        'failed',
        '',
        '',
        place === undefined ? '' : `${shortPath(place.file, from)}:${place.line}`,
        failure.message,
      ),
    );
  }
  for (const one of stages) {
    const { stage, verdict, reason } = one;
    if (verdict === 'none' || verdict === 'not run') rows.push(row(stage, verdict, '', '', '', reason ?? ''));
    for (const text of showCoverage(one, from)) rows.push(row(stage, 'coverage', '', '', '', text));
    for (const each of one.cases) {
      const { milliseconds, failure: why } = each;
      const said = why?.message ?? each.reason ?? '';
      rows.push(row(stage, each.verdict, each.name, String(milliseconds), placeOf(each, from), said));
    }
  }
  return rows;
}

function placeOf({ file, line }: TestCase, from: string): string {
  if (file === undefined) return '';
  return `${shortPath(file, from)}${line === undefined ? '' : `:${line}`}`;
}

function shortPath(file: string, from: string): string {
  const path = relative(from, file);
  return path === '' || path.startsWith('..') || isAbsolute(path) ? file : path;
}
