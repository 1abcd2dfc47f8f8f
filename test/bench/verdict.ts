import { type Spread, spreadOf } from './spread.ts';

/** What a ratio is held to. */
export interface Target {
  readonly bound: 'at least' | 'at most';
  readonly value: number;
}

export type Verdict = 'met' | 'missed' | 'unknown';

/** Fewer rounds than this say nothing about the spread. */
export const fewestRounds = 3;

/**
 * Whether a ratio keeps to its target: only when every round says so, and `missed` only when no round does. Anything else
 * is unknown, too few rounds included.
 */
export function decide(ratio: Spread | undefined, { bound, value }: Target): Verdict {
  if (ratio === undefined || ratio.count < fewestRounds) return 'unknown';
  const keeps = (figure: number): boolean => (bound === 'at least' ? figure >= value : figure <= value);
  const [low, high] = [keeps(ratio.min), keeps(ratio.max)];
  if (low !== high) return 'unknown';
  return low ? 'met' : 'missed';
}

/**
 * The ratio of two figures, round by round, since the rounds of one measurement see different neighbours. A round where
 * one of them is undefined (not measured, or measured with errors) is left out.
 */
export function ratioOf(
  ours: readonly (number | undefined)[],
  theirs: readonly (number | undefined)[],
): Spread | undefined {
  const ratios = ours.flatMap((figure, round) => {
    const other = theirs[round];
    return figure === undefined || other === undefined || other === 0 ? [] : [figure / other];
  });
  return spreadOf(ratios);
}
