import type { CallView } from '../messages.ts';

/** How a call went, for its mark: `refused` is a status of 400 to 499, `failed` 500 and more or an answer that broke off. */
export type Outcome = 'answered' | 'refused' | 'failed';

export interface Mark {
  readonly call: CallView;
  readonly outcome: Outcome;
  /** From the left and from the top, in the units of the chart. */
  readonly x: number;
  readonly y: number;
}

/** A line across the chart with its word. */
export interface Tick {
  readonly at: number;
  readonly text: string;
}

export interface Chart {
  readonly marks: readonly Mark[];
  readonly rows: readonly Tick[];
  /** Milliseconds since 1970 at the left and the right end. */
  readonly from: number;
  readonly to: number;
}

/** The shortest time that the chart is wide: a single call would have none. */
const shortestSpan = 10_000;
const wholePowers = [0.1, 1, 10, 100, 1000, 10_000, 100_000, 1_000_000];

/** Whether a call got an answer, and of which kind. */
export function outcomeOf({ status, ending }: Pick<CallView, 'status' | 'ending'>): Outcome {
  if (status >= 500 || (ending !== 'answered' && ending !== 'client left')) return 'failed';
  return status >= 400 ? 'refused' : 'answered';
}

/**
 * Lays calls out: from left to right by when they ended, from bottom to top by how long they took, in powers of ten (0.2 ms and 30 s shall both be
 * seen). Pure; `width` and `height` are those of the drawing.
 */
export function layOutChart(calls: readonly CallView[], width: number, height: number): Chart {
  const ends = calls.map(({ startedAt, milliseconds }) => startedAt + milliseconds);
  const to = Math.max(...ends, 0);
  const from = Math.min(Math.min(...ends, to), to - shortestSpan);
  const times = calls.map(({ milliseconds }) => milliseconds);
  const low = wholePowers.findLast((power) => power <= Math.max(0.1, Math.min(...times))) ?? 0.1;
  const high = wholePowers.find((power) => power >= Math.max(...times) && power > low) ?? 1_000_000;
  const yOf = (milliseconds: number): number => {
    const part = Math.log10(Math.max(low, milliseconds) / low) / Math.log10(high / low);
    return height - Math.min(1, part) * height;
  };
  const marks = calls.map((call, index): Mark => {
    const x = (((ends[index] ?? to) - from) / (to - from)) * width;
    return { call, outcome: outcomeOf(call), x, y: yOf(call.milliseconds) };
  });
  const rows = wholePowers
    .filter((power) => power >= low && power <= high)
    .map((power) => ({ at: yOf(power), text: power < 1000 ? `${power} ms` : `${power / 1000} s` }));
  return { marks, rows, from, to };
}

/** The chart in numbers, for one sentence. Times in milliseconds; undefined without calls. */
export function summarise(
  calls: readonly CallView[],
):
  | { readonly median: number; readonly slowest: number; readonly outcomes: Readonly<Record<Outcome, number>> }
  | undefined {
  if (calls.length === 0) return undefined;
  const times = calls.map(({ milliseconds }) => milliseconds).sort((one, other) => one - other);
  const outcomes = { answered: 0, refused: 0, failed: 0 };
  for (const call of calls) outcomes[outcomeOf(call)] += 1;
  return { median: times[Math.floor(times.length / 2)] ?? 0, slowest: times.at(-1) ?? 0, outcomes };
}
