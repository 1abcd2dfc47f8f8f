import { relative, sep } from 'node:path';
import { type ErrorCode, type Place, UserError } from '../errors.ts';

/** Something wrong (or, as a warning, doubtful) in a file, and where. Lines and columns are 1-based; columns count UTF-16 units. */
export interface StackProblem {
  /** Absolute path. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** `functions.hello.limits.memory`; empty when it is about the text, not a field. */
  readonly path: string;
  readonly message: string;
  readonly hint?: string;
}

/** A problem whose place is still an offset into the text. */
export interface TextProblem {
  readonly offset: number;
  readonly path: string;
  readonly message: string;
  readonly hint?: string;
}

/** One line for people and editors: `stack.yml:11:18  functions.hello.limits.memory: … (hint)`, the file relative to the folder `from`. */
export function formatProblem(problem: StackProblem, from: string): string {
  return `${nameFile(problem.file, from)}:${problem.line}:${problem.column}  ${sentenceOf(problem)}`;
}

function sentenceOf({ path, message, hint }: StackProblem): string {
  const about = path === '' ? '' : `${onLine(path)}: `;
  return `${about}${onLine(message)}${hint === undefined ? '' : ` (${onLine(hint)})`}`;
}

/** What messages quote comes from the file: it may have lines of its own, signs that a terminal obeys, and any length. */
function onLine(text: string): string {
  const line = text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ');
  return line.length <= longest ? line : `${line.slice(0, longest / 2)} … ${line.slice(-longest / 2)}`;
}

const longest = 400;

/** The one error for all problems of a file, in the order of their places. `code`: BAN-E102 for stacks, BAN-E112 for templates. */
export function invalidFile(code: ErrorCode, file: string, problems: readonly StackProblem[], from: string): UserError {
  const count = problems.length === 1 ? 'one problem' : `${problems.length} problems`;
  const shown = sortProblems(problems).slice(0, mostShown);
  const rest = problems.length - shown.length;
  return new UserError(code, `${nameFile(file, from)} is not valid: ${count}`, {
    details: [...shown.map((problem) => formatProblem(problem, from)), ...(rest > 0 ? [`… and ${rest} more`] : [])],
    places: shown.map(placeOf),
  });
}

const mostShown = 100;

/** The same for programs: what --json documents and annotations on GitHub show. */
export function placeOf(problem: StackProblem): Place {
  const { file, line, column } = problem;
  return { file, line, column, message: sentenceOf(problem) };
}

/** By file, line and column. */
export function sortProblems(problems: readonly StackProblem[]): StackProblem[] {
  return [...problems].sort(
    (left, right) => left.file.localeCompare(right.file) || left.line - right.line || left.column - right.column,
  );
}

/** A file as messages name it: relative to `from` where that is shorter than climbing out of it. */
function nameFile(file: string, from: string): string {
  const path = relative(from, file);
  return path === '' || path.startsWith(`..${sep}..${sep}..`) ? file : path;
}

/** Makes line and column (1-based) out of offsets into `text`; offsets outside are moved to its ends. A byte order mark takes no column. */
export function locator(text: string): (offset: number) => { readonly line: number; readonly column: number } {
  const starts = [0];
  for (let index = text.indexOf('\n'); index >= 0; index = text.indexOf('\n', index + 1)) starts.push(index + 1);
  const mark = text.startsWith('\ufeff') ? 1 : 0;
  return (offset) => {
    const inside = Math.max(mark, Math.min(offset, text.length));
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((starts[middle] ?? 0) <= inside) low = middle;
      else high = middle - 1;
    }
    const column = inside - (starts[low] ?? 0) + 1;
    return { line: low + 1, column: low === 0 ? column - mark : column };
  };
}
