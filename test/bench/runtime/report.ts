import { formatTable } from '../../../cli/ui/table.ts';
import { type Spread, spreadOf } from '../spread.ts';
import { fewestRounds } from '../verdict.ts';
import type { Watchdog } from './peers.ts';
import { connectionCounts, isLimitedByGenerator, openModelRate, type Sample } from './sample.ts';
import type { Judged } from './targets.ts';

/** What was measured, with what stands above the tables. */
export interface Outcome {
  readonly machine: string;
  readonly raised: boolean;
  readonly node: string;
  /** Undefined when no official shape was measured. */
  readonly watchdog: Pick<Watchdog, 'description' | 'isOurs'> | undefined;
  readonly generators: readonly string[];
  readonly rounds: number;
  readonly quick: boolean;
  readonly missing: Readonly<Record<string, string>>;
  readonly samples: readonly Sample[];
  readonly judged: readonly Judged[];
}

const nothing = '–';

/** `median (min–max)`, the figure alone when there is one, a dash when there is none. */
export function formatSpread(spread: Spread | undefined, digits: number): string {
  if (spread === undefined) return nothing;
  if (spread.count === 1) return spread.median.toFixed(digits);
  const [median, min, max] = [spread.median, spread.min, spread.max].map((figure) => figure.toFixed(digits));
  return `${median} (${min}–${max})`;
}

const mebibyte = 1024 * 1024;

/** The whole report, at most 100 columns wide. */
export async function formatReport(outcome: Outcome): Promise<string> {
  const { samples, judged } = outcome;
  const names = [...new Set(samples.map(({ contestant }) => contestant))];
  const cell = (name: string, digits: number, figures: (sample: Sample) => readonly (number | undefined)[]): string => {
    const all = samples.filter(({ contestant }) => contestant === name).flatMap(figures);
    return formatSpread(spreadOf(all.filter((figure) => figure !== undefined)), digits);
  };
  const loopOf = ({ closed }: Sample, connections: number) => closed.find((loop) => loop.connections === connections);
  const errorsOf = (name: string, connections: number): number =>
    samples
      .filter(({ contestant }) => contestant === name)
      .reduce((sum, sample) => sum + (loopOf(sample, connections)?.errors ?? 0), 0);

  const rates = names.map((name) => [
    name,
    ...connectionCounts.map((connections) => {
      const text = cell(name, 0, (sample) => [loopOf(sample, connections)?.requestsPerSecond]);
      return errorsOf(name, connections) === 0 ? text : `${text} *`;
    }),
  ]);
  const latencies = names.map((name) => [
    name,
    cell(name, 2, ({ open }) => [open?.p50]),
    cell(name, 1, ({ open }) => [open?.p99]),
    cell(name, 0, (sample) => [loopOf(sample, 32)?.processorTime]),
    cell(name, 0, (sample) => [(loopOf(sample, 32)?.generatorLoad ?? 0) * 100]),
  ]);
  const sizes = names.map((name) => [
    name,
    cell(name, 0, ({ memory }) => [memory.idle / mebibyte]),
    cell(name, 0, ({ memory }) => [memory.afterLoad / mebibyte]),
    cell(name, 0, ({ firstAnswers }) => firstAnswers),
  ]);
  const starts = Math.min(
    ...names.map((name) => samples.filter((one) => one.contestant === name).flatMap((one) => one.firstAnswers).length),
  );
  const section = async (title: string, columns: readonly string[], rows: readonly (readonly string[])[]) =>
    `${title}\n${await formatTable({ columns, rows }, true, Number.POSITIVE_INFINITY)}\n`;
  return [
    ...headLines(outcome),
    '',
    await section('Requests per second, by connections', ['contestant', '1', '32', '256'], rates),
    await section(
      `At ${openModelRate} requests per second (open model); at 32 connections: microseconds of processor`,
      ['contestant', 'p50 ms', 'p99 ms', 'cpu/request', 'generator busy %'],
      latencies,
    ),
    await section(
      `Resident memory of all processes, and start to first 200 (n = ${starts} or more)`,
      ['contestant', 'idle MiB', 'after load MiB', 'first 200 ms'],
      sizes,
    ),
    ...(judged.length === 0
      ? []
      : [
          await section(
            'Ratios, round by round',
            ['ours', 'to', 'of', 'ratio', 'target', ''],
            judged.map((one) => ratioRow(one, outcome.watchdog?.isOurs === true)),
          ),
        ]),
    ...footLines(outcome),
  ].join('\n');
}

function ratioRow({ ours, theirs, what, ratio, target, verdict }: Judged, ownWatchdog: boolean): readonly string[] {
  const wanted = target === undefined ? '' : `${target.bound} ${target.value}`;
  const peer = ownWatchdog && theirs.startsWith('official-') ? `${theirs} (own)` : theirs;
  return [ours, peer, what, formatSpread(ratio, 2), wanted, verdict ?? ''];
}

function headLines(outcome: Outcome): string[] {
  return [
    ...wrap(outcome.machine),
    ...wrap(
      `Node ${outcome.node}; ${outcome.generators.join(', ')}; ${outcome.raised ? 'raised' : 'ordinary'} priority`,
    ),
    ...(outcome.watchdog === undefined ? [] : wrap(`In front of the official shapes: ${outcome.watchdog.description}`)),
    `${outcome.rounds} round${outcome.rounds === 1 ? '' : 's'}${outcome.quick ? ', quick: for trying, not for believing' : ''}; median (min–max)`,
  ];
}

function footLines({ samples, rounds, missing, watchdog, judged }: Outcome): string[] {
  const loops = samples.flatMap(({ contestant, closed }) => closed.map((loop) => ({ contestant, ...loop })));
  const failed = [...new Set(loops.filter(({ errors }) => errors > 0).map(({ contestant }) => contestant))];
  const late = samples.filter(({ open }) => open !== undefined && open.errors > 0);
  const busy = loops.filter(isLimitedByGenerator);
  return [
    ...Object.entries(missing).flatMap(([name, reason]) => wrap(`not measured: ${name}: ${reason}`)),
    ...(failed.length > 0
      ? wrap(
          `* with answers of 400 and above, broken connections or answers after 2 s (${failed.join(', ')}); such a round is left out of the ratios, and no verdict is given without it`,
        )
      : []),
    ...(late.length > 0
      ? wrap(
          `at ${openModelRate} requests per second not all were 200, no verdict on memory: ${[...new Set(late.map(({ contestant }) => contestant))].join(', ')}`,
        )
      : []),
    ...(busy.length > 0
      ? wrap(
          `the generator was the limit (over 90 % of its core), no verdict on these: ${[...new Set(busy.map(({ contestant, connections }) => `${contestant} at ${connections}`))].join(', ')}`,
        )
      : []),
    ...(watchdog?.isOurs === true && judged.some(({ theirs }) => theirs.startsWith('official-'))
      ? ['(own): behind our own small watchdog, and not behind the real of-watchdog']
      : []),
    ...(rounds < fewestRounds ? [`fewer than ${fewestRounds} rounds: every verdict is unknown`] : []),
  ];
}

/** Breaks a sentence into lines of at most 100 columns. */
function wrap(sentence: string): string[] {
  const lines: string[] = [];
  for (const word of sentence.split(/\s+/)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= 100) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
