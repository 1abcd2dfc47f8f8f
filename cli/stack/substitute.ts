import { commentRanges } from './document.ts';
import { type ExpansionProblem, expand, largest } from './expand.ts';
import { type Expansion, escapedAt, NoExpansion, parseExpansion } from './expansion.ts';
import { Pieces } from './pieces.ts';
import type { TextProblem } from './problem.ts';

/** Text after substitution, and the way back to the places of the original. */
export interface Substituted {
  readonly text: string;
  readonly problems: readonly TextProblem[];
  /** The offset in the original text for an offset in {@link text}; inside a substituted value it is the place of its `${`. */
  readonly originalOffset: (offset: number) => number;
}

/**
 * Replaces every `${…}` (expansion.ts has the grammar) in the raw text, before YAML is read, as faas-cli does; `$$`, `\\` and
 * `\/` stand for their second character, a bare `$NAME` stays. Unlike faas-cli, an unset variable without default is a
 * problem, and nothing in a comment is touched.
 */
export function substitute(text: string, environment: Readonly<Record<string, string | undefined>>): Substituted {
  const found = findMarks(text);
  const comments = found.length === 0 ? [] : commentRanges(mask(text, found));
  const problems: TextProblem[] = [];
  const report = ({ start, message, hint }: ExpansionProblem): void => {
    problems.push({ offset: start, path: '', message, hint });
  };
  const replacementOf = (meaning: Mark['meaning']): string => {
    if (typeof meaning === 'string') return meaning;
    const before = problems.length;
    if (meaning instanceof NoExpansion) report(meaning);
    const result = meaning instanceof NoExpansion ? '' : expand(meaning, environment, report);
    // Nothing at all would have YAML and the fields complain, too.
    return problems.length === before ? result : 'x';
  };
  const pieces = new Pieces();
  let position = 0;
  let comment = 0;
  for (const mark of found) {
    while ((comments[comment]?.end ?? text.length) <= mark.start) comment += 1;
    if ((comments[comment]?.start ?? text.length) <= mark.start) continue;
    if (pieces.length > largest) {
      report({
        start: mark.start,
        message: `the values up to here are too long: at most ${largest} characters are read`,
        hint: 'look at the variables that the file uses',
      });
      break;
    }
    pieces.keep(text.slice(position, mark.start), position);
    pieces.replace(replacementOf(mark.meaning), mark.start);
    position = mark.end;
  }
  pieces.keep(text.slice(position), position);
  return { text: pieces.text(), problems, originalOffset: (offset) => pieces.originalOffset(offset) };
}

/** The text with every `${…}` covered by letters of the same length, so that YAML's structure can be read before substitution. */
export function maskExpansions(text: string): string {
  return mask(text, findMarks(text));
}

function mask(text: string, marks: readonly Mark[]): string {
  let result = '';
  let position = 0;
  let run = 0;
  for (const [index, { start, end, meaning }] of marks.entries()) {
    result += text.slice(position, start);
    position = end;
    if (meaning !== '\\') {
      result += typeof meaning === 'string' ? `${meaning}x` : 'x'.repeat(end - start);
      continue;
    }
    // A backslash that stays gives the next character a meaning: those of one run stand together, behind what covers them.
    run += 1;
    const next = marks[index + 1];
    if (next?.start === end && next.meaning === meaning) continue;
    result += 'x'.repeat(run) + meaning.repeat(run);
    run = 0;
  }
  return result + text.slice(position);
}

/** A place that substitution changes. `meaning`: the character that an escape stands for, or what is to be expanded, or why it cannot be. */
interface Mark {
  readonly start: number;
  readonly end: number;
  readonly meaning: string | Expansion | NoExpansion;
}

function findMarks(text: string): Mark[] {
  const found: Mark[] = [];
  const next = /\$[${]|\\[\\/]/g;
  const line = ends(text, /\r|\n/g);
  const brace = ends(text, /\}/g);
  const quote = ends(text, /["']/g);
  for (let match = next.exec(text); match !== null; match = next.exec(text)) {
    const start = match.index;
    const escaped = escapedAt(text, start);
    if (escaped !== undefined) found.push({ start, end: start + 2, meaning: escaped });
    else {
      const meaning = parseExpansion(text, start, line(start));
      // What is no substitution ends behind its line's next brace; behind its `${` where a quote comes first.
      const loose = brace(start) < Math.min(line(start), quote(start)) ? brace(start) + 1 : start + 2;
      const end = meaning instanceof NoExpansion ? loose : meaning.end;
      found.push({ start, end, meaning });
    }
    next.lastIndex = found.at(-1)?.end ?? start + 2;
  }
  return found;
}

/** Where the pattern matches next, the end of the text if nowhere. Asked from front to back it reads the text once. */
function ends(text: string, pattern: RegExp): (start: number) => number {
  let known = -1;
  return (start) => {
    if (known >= start) return known;
    pattern.lastIndex = start;
    known = pattern.exec(text)?.index ?? text.length;
    return known;
  };
}
