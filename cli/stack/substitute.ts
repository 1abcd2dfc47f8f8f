import { commentRanges } from './document.ts';
import type { TextProblem } from './problem.ts';

/** Text after substitution, and the way back to the places of the original. */
export interface Substituted {
  readonly text: string;
  readonly problems: readonly TextProblem[];
  /** The offset in the original text for an offset in {@link text}; inside a substituted value it is the place of its `${`. */
  readonly originalOffset: (offset: number) => number;
}

/**
 * Replaces `${NAME}`, `${NAME:-default}` (also `:=`, `=`, `-`, which faas-cli treats alike: the default counts when the
 * variable is unset or empty) and `${NAME:?message}` in the raw text, before YAML is read, as faas-cli does; `$${` stands
 * for a literal `${`, a bare `$NAME` stays. Defaults may nest. Unlike faas-cli, an unset variable without default is a
 * problem, and nothing in a comment is touched.
 */
export function substitute(text: string, environment: Readonly<Record<string, string | undefined>>): Substituted {
  const found = findExpansions(text);
  const comments = found.length === 0 ? [] : commentRanges(maskExpansions(text, found));
  const problems: TextProblem[] = [];
  const pieces: { readonly from: number; readonly to: number; readonly shift: number | undefined }[] = [];
  let result = '';
  let position = 0;
  let comment = 0;
  const append = (piece: string, original: number, verbatim: boolean): void => {
    if (piece === '') return;
    pieces.push({ from: result.length, to: original, shift: verbatim ? original - result.length : undefined });
    result += piece;
  };
  for (const expansion of found) {
    while ((comments[comment]?.end ?? text.length) <= expansion.start) comment += 1;
    if ((comments[comment]?.start ?? text.length) <= expansion.start) continue;
    append(text.slice(position, expansion.start), position, true);
    append(expand(text, expansion, environment, problems), expansion.start, false);
    position = expansion.end;
  }
  append(text.slice(position), position, true);
  return {
    text: result,
    problems,
    originalOffset: (offset) => {
      let low = 0;
      let high = pieces.length - 1;
      while (low < high) {
        const middle = Math.ceil((low + high) / 2);
        if ((pieces[middle]?.from ?? 0) <= offset) low = middle;
        else high = middle - 1;
      }
      const piece = pieces[low];
      return piece === undefined ? 0 : piece.shift === undefined ? piece.to : offset + piece.shift;
    },
  };
}

/** The text with every `${…}` covered by letters of the same length, so that YAML's structure can be read before substitution. */
export function maskExpansions(text: string, found: readonly Expansion[] = findExpansions(text)): string {
  let result = '';
  let position = 0;
  for (const { start, end } of found) {
    result += text.slice(position, start) + 'x'.repeat(end - start);
    position = end;
  }
  return result + text.slice(position);
}

/** The place of one `${…}` (or `$${`) on one line; `closed` is false when its brace is missing. */
interface Expansion {
  readonly start: number;
  readonly end: number;
  readonly kind: 'escape' | 'expansion';
  readonly closed: boolean;
}

function findExpansions(text: string): Expansion[] {
  const found: Expansion[] = [];
  for (let start = text.indexOf('${'); start >= 0; ) {
    const escaped = text[start - 1] === '$' && (found.at(-1)?.end ?? 0) < start;
    const end = escaped ? undefined : closingBrace(text, start);
    if (escaped) found.push({ start: start - 1, end: start + 2, kind: 'escape', closed: true });
    else found.push({ start, end: end ?? start + 2, kind: 'expansion', closed: end !== undefined });
    start = text.indexOf('${', found.at(-1)?.end ?? start + 2);
  }
  return found;
}

/** Defaults nest no deeper; without a bound, a line of nothing but `${` would be read over and over. */
const deepest = 16;

/** The offset behind the brace that closes the `${` at `start`; undefined if its line ends before. */
function closingBrace(text: string, start: number): number | undefined {
  let depth = 0;
  for (let index = start; index < text.length; index += 1) {
    const character = text[index];
    if (character === '\n' || character === '\r') return undefined;
    if (character === '$' && text[index + 1] === '{') {
      depth += 1;
      index += 1;
      if (depth > deepest) return undefined;
    } else if (character === '}') {
      depth -= 1;
      if (depth === 0) return index + 1;
    }
  }
  return undefined;
}

function expand(
  text: string,
  expansion: Expansion,
  environment: Readonly<Record<string, string | undefined>>,
  problems: TextProblem[],
): string {
  const { start, end, kind, closed } = expansion;
  if (kind === 'escape') return '${';
  const report = (message: string, hint?: string): string => {
    problems.push({ offset: start, path: '', message, ...(hint === undefined ? {} : { hint }) });
    return '';
  };
  if (!closed) return report('the closing brace of ${ is missing on this line', 'write $${ for a literal ${');
  const whole = text.slice(start, end);
  const match = /^\$\{(?<name>[A-Za-z0-9_]+)(?:(?<operator>:-|:=|:\?|=|-|\?)(?<rest>.*))?\}$/.exec(whole);
  const name = match?.groups?.['name'];
  if (name === undefined)
    return report(
      `${whole} is no substitution that bantam knows`,
      `known are \${NAME}, \${NAME:-default}, \${NAME:?message}; write $\${ for a literal \${`,
    );
  const value = environment[name];
  const operator = match?.groups?.['operator'];
  if (operator === undefined)
    return value ?? report(`the environment variable ${name} is not set`, `set it, or give a default: \${${name}:-…}`);
  if (value !== undefined && value !== '') return value;
  const rest = match?.groups?.['rest'] ?? '';
  const inner = findExpansions(rest).map((nested) => ({
    ...nested,
    start: nested.start + end - 1 - rest.length,
    end: nested.end + end - 1 - rest.length,
  }));
  let argument = '';
  let position = end - 1 - rest.length;
  for (const nested of inner) {
    argument += text.slice(position, nested.start) + expand(text, nested, environment, problems);
    position = nested.end;
  }
  argument += text.slice(position, end - 1);
  if (operator.endsWith('?'))
    return report(
      argument.trim() === '' ? `the environment variable ${name} is not set` : `${name}: ${argument.trim()}`,
      `set the environment variable ${name}`,
    );
  return argument;
}
