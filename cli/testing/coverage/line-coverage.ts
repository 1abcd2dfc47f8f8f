import type { Coverage, FileCoverage } from '../result.ts';

/** A line of code and whether it ran. */
export type LineHits = ReadonlyMap<number, boolean>;

/** Sums up files, sorted by their names. */
export function sumCoverage(unit: Coverage['unit'], files: readonly FileCoverage[]): Coverage {
  return {
    unit,
    covered: files.reduce((sum, { covered }) => sum + covered, 0),
    total: files.reduce((sum, { total }) => sum + total, 0),
    files: [...files].sort((left, right) => (left.file < right.file ? -1 : 1)),
  };
}

/** The ranges of neighbouring lines that did not run; lines without code between two of them belong to the range. */
export function missedRanges(hits: LineHits): readonly (readonly [number, number])[] {
  const ranges: [number, number][] = [];
  let open: [number, number] | undefined;
  for (const [line, hit] of [...hits].sort(([left], [right]) => left - right)) {
    if (hit) open = undefined;
    else if (open === undefined) {
      open = [line, line];
      ranges.push(open);
    } else open[1] = line;
  }
  return ranges;
}

/** `12–14, 20`. */
export function showRanges(ranges: FileCoverage['missed']): string {
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}–${last}`)).join(', ');
}

/** Percent with one decimal; an empty file is covered. */
export function percentOf({ covered, total }: { readonly covered: number; readonly total: number }): string {
  return (total === 0 ? 100 : Math.floor((covered / total) * 1000) / 10).toFixed(1);
}
