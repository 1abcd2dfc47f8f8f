import { closest, distance } from 'fastest-levenshtein';

/** Those of `known` that `word` may have been meant to be, nearest first, at most three: as many edits away as a third of the word's length allows. */
export function suggest(word: string, known: readonly string[]): string[] {
  const limit = Math.max(1, Math.floor(word.length / 3));
  return [...new Set(known)]
    .map((candidate) => ({ candidate, edits: distance(word.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ edits }) => edits <= limit)
    .sort((left, right) => left.edits - right.edits || left.candidate.localeCompare(right.candidate))
    .slice(0, 3)
    .map(({ candidate }) => candidate);
}

/** The one of `known` that is a single edit (a letter added, left out, changed, two swapped, or a difference of case, or of `-` and `_`) away from `word`: a slip of the keyboard. */
export function oneEditAway(word: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined;
  const spelling = (text: string): string => text.toLowerCase().replaceAll('-', '_');
  const nearest = closest(spelling(word), known.map(spelling));
  const near = distance(spelling(word), nearest) <= 1 || isSwap(spelling(word), nearest);
  return near ? known.find((candidate) => spelling(candidate) === nearest) : undefined;
}

/** Whether two neighbouring letters changed places ("lables"), which counts as two edits for Levenshtein. */
function isSwap(left: string, right: string): boolean {
  const index = [...left].findIndex((letter, position) => letter !== right[position]);
  return (
    index >= 0 &&
    left.slice(0, index) + left.slice(index + 1, index + 2) + left.slice(index, index + 1) + left.slice(index + 2) ===
      right
  );
}
