import type { Expansion, NoExpansion, Part } from './expansion.ts';
import { NoPattern, trimPrefix, trimSuffix } from './pattern.ts';

/** What went wrong while a `${…}` was replaced: the place of its `${`, a sentence, and what to do. */
export type ExpansionProblem = Pick<NoExpansion, 'start' | 'message' | 'hint'>;

/** The variables, as the process has them. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** The characters that a substituted text may have: far more than any stack needs, and little enough to be read at once. */
export const largest = 1024 * 1024;

/**
 * The text that one `${…}` stands for (drone/envsubst, funcs.go). Problems are reported and leave the empty text: unlike
 * faas-cli, which takes an unset variable for an empty one, every use of one without a default is a problem. Defaults are
 * looked at only where they are used.
 */
export function expand(
  expansion: Expansion,
  variables: Variables,
  report: (problem: ExpansionProblem) => void,
): string {
  const { start, name, operation } = expansion;
  const value = Object.hasOwn(variables, name) ? variables[name] : undefined;
  const problem = (message: string, hint: string): string => {
    report({ start, message, hint });
    return '';
  };
  const textOf = (part: Part): string => (typeof part === 'string' ? part : expand(part, variables, report));
  const tooLong = (): string =>
    problem(`more than ${largest} characters would stand here`, 'look at the variables that it uses');
  const joined = (parts: readonly Part[]): string => {
    let text = '';
    for (const part of parts) {
      text += textOf(part);
      if (text.length > largest) return tooLong();
    }
    return text;
  };
  if (operation.kind === 'default') return value || joined(operation.parts);
  if (operation.kind === 'required') {
    if (value) return value;
    const message = joined(operation.parts).trim();
    return problem(
      message === '' ? `the environment variable ${name} is not set` : `${name}: ${message}`,
      `set the environment variable ${name}`,
    );
  }
  if (value === undefined)
    return problem(`the environment variable ${name} is not set`, `set it, or give a default: \${${name}:-…}`);
  switch (operation.kind) {
    case 'value':
      return value;
    case 'length':
      return String(Buffer.byteLength(value));
    case 'case':
      return changeCase(value, operation.operator);
    case 'slice': {
      const position = textOf(operation.position);
      const length = operation.length === undefined ? undefined : textOf(operation.length);
      const result = slice(name, value, position, length);
      return typeof result === 'string' ? result : problem(result.message, result.hint);
    }
    case 'trim': {
      const pattern = textOf(operation.pattern);
      const trimmed = (operation.operator.startsWith('#') ? trimPrefix : trimSuffix)(
        value,
        pattern,
        operation.operator.length === 2 ? 'longest' : 'shortest',
      );
      return trimmed instanceof NoPattern ? problem(trimmed.message, trimmed.hint) : trimmed;
    }
    case 'replace': {
      const [old, by] = [textOf(operation.pattern), textOf(operation.replacement)];
      const times = operation.operator === '//' ? value.split(old).length : 1;
      if (value.length + times * by.length > largest) return tooLong();
      return replace(value, operation.operator, old, by);
    }
  }
}

/** Letter by letter, as Go does: no letter becomes two. */
function changeCase(value: string, operator: ',' | ',,' | '^' | '^^'): string {
  const change = (letter: string): string => {
    const changed = operator.startsWith('^') ? letter.toUpperCase() : letter.toLowerCase();
    const [first = letter, second] = changed;
    return second === undefined ? first : operator.startsWith('^') ? letter : first;
  };
  const letters = [...value];
  if (operator.length === 2) return letters.map(change).join('');
  return letters[0] === undefined ? '' : change(letters[0]) + value.slice(letters[0].length);
}

/** Position and length count bytes of UTF-8; a negative position counts from the end. */
function slice(
  name: string,
  value: string,
  position: string,
  length: string | undefined,
): string | Pick<ExpansionProblem, 'message' | 'hint'> {
  for (const number of [position, length ?? '0'])
    if (!/^[+-]?\d{1,15}$/.test(number))
      return { message: `"${number}" is no number`, hint: `write \${${name}:position:length} without blanks` };
  const bytes = Buffer.from(value);
  const wanted = Number(position);
  const from = wanted < 0 ? Math.max(0, bytes.length + wanted) : wanted;
  const taken = length === undefined ? bytes.length : Number(length);
  if (taken < 0) return { message: `the length ${length} is negative`, hint: 'write how many characters to take' };
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(from, from + taken));
  } catch {
    return {
      message: `position ${position}${length === undefined ? '' : ` and length ${length}`} cut a character in two`,
      hint: 'they count bytes, and characters outside ASCII have several',
    };
  }
}

function replace(value: string, operator: '/' | '//' | '/#' | '/%', old: string, by: string): string {
  switch (operator) {
    case '/':
      return value.replace(old, () => by);
    case '//':
      // Between all letters, where there is nothing to look for.
      return old === '' ? by + [...value].map((letter) => letter + by).join('') : value.replaceAll(old, () => by);
    case '/#':
      return value.startsWith(old) ? by + value.slice(old.length) : value;
    case '/%':
      return value.endsWith(old) ? value.slice(0, value.length - old.length) + by : value;
  }
}
