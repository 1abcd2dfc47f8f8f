import { formatTable } from '../../../cli/ui/table.ts';
import { formatSpread } from '../runtime/report.ts';
import { type Spread, spreadOf } from '../spread.ts';
import { decide, ratioOf, type Target, type Verdict } from '../verdict.ts';
import { connections, type Rate, rates, type WaySample } from './measure.ts';
import type { WayName } from './ways.ts';

/** What the gateway may add to a call of the function itself, in milliseconds. */
const mostAdded: Readonly<Record<'p50' | 'p99', Target>> = {
  p50: { bound: 'at most', value: 1 },
  p99: { bound: 'at most', value: 5 },
};

/** What was measured, with what stands above the tables. */
export interface GatewayOutcome {
  readonly head: readonly string[];
  readonly rounds: number;
  readonly samples: readonly WaySample[];
}

/** What one way adds at one rate, beside what it may. */
export interface Added {
  readonly way: WayName;
  readonly rate: Rate;
  readonly figure: 'p50' | 'p99';
  /** Milliseconds more than the direct way, round by round. */
  readonly added: Spread | undefined;
  readonly ratio: Spread | undefined;
  readonly target: Target | undefined;
  readonly verdict: Verdict | undefined;
}

/** Compares each gateway with the direct way of the same round; only bantam's is held to something. */
export function judgeAdded({ samples, rounds }: Pick<GatewayOutcome, 'samples' | 'rounds'>): Added[] {
  const figures = (way: WayName, rate: Rate, figure: 'p50' | 'p99') =>
    Array.from(
      { length: rounds },
      (_, round) => samples.find((one) => one.way === way && one.round === round)?.latencies[rate][figure],
    );
  return (['bantam', 'peer'] as const)
    .filter((way) => samples.some((sample) => sample.way === way))
    .flatMap((way) =>
      rates.flatMap((rate) =>
        (['p50', 'p99'] as const).map((figure): Added => {
          const [through, direct] = [figures(way, rate, figure), figures('direct', rate, figure)];
          const differences = through.flatMap((value, round) => {
            const other = direct[round];
            return value === undefined || other === undefined ? [] : [value - other];
          });
          const added = spreadOf(differences);
          const target = way === 'bantam' ? mostAdded[figure] : undefined;
          // A round that is missing may be the one that would have said otherwise.
          const verdict = target && decide(added?.count === rounds ? added : undefined, target);
          return { way, rate, figure, added, ratio: ratioOf(through, direct), target, verdict };
        }),
      ),
    );
}

/** The whole report. */
export async function formatGatewayReport(outcome: GatewayOutcome): Promise<string> {
  const { head, samples } = outcome;
  const names = [...new Set(samples.map(({ way }) => way))];
  const cell = (name: WayName, digits: number, figure: (sample: WaySample) => number | undefined): string => {
    const all = samples.filter(({ way }) => way === name).map(figure);
    return formatSpread(spreadOf(all.filter((value) => value !== undefined)), digits);
  };
  const errors = (name: WayName): number =>
    samples.filter(({ way }) => way === name).reduce((sum, sample) => sum + sample.errors, 0);
  const latencies = names.map((name) => [
    errors(name) === 0 ? name : `${name} *`,
    ...rates.flatMap((rate) => [
      cell(name, 2, ({ latencies }) => latencies[rate].p50),
      cell(name, 2, ({ latencies }) => latencies[rate].p99),
    ]),
    cell(name, 0, ({ requestsPerSecond }) => requestsPerSecond),
    cell(name, 0, ({ processorTime }) => processorTime),
  ]);
  const judged = judgeAdded(outcome).map(({ way, rate, figure, added, ratio, target, verdict }) => [
    way,
    `${figure} at ${rate}/s`,
    formatSpread(added, 2),
    formatSpread(ratio, 2),
    target === undefined ? '' : `${target.bound} ${target.value}`,
    verdict ?? '',
  ]);
  const columns = [
    'way',
    ...rates.flatMap((rate) => [`p50 at ${rate}/s`, `p99 at ${rate}/s`]),
    `req/s at ${connections}`,
    'cpu/request',
  ];
  const table = (titles: readonly string[], rows: readonly (readonly string[])[]) =>
    formatTable({ columns: titles, rows }, true, Number.POSITIVE_INFINITY);
  const starred = names.some((name) => errors(name) > 0) ? ['* some requests were not answered well', ''] : [];
  return [
    ...head,
    '',
    'Milliseconds from when a request was due to the end of its answer; then as many as are answered, and microseconds of the way’s own process',
    await table(columns, latencies),
    '',
    ...starred,
    'More than the direct way, in milliseconds and as a ratio',
    await table(['way', 'figure', 'added', 'ratio', 'may add', 'verdict'], judged),
  ].join('\n');
}
