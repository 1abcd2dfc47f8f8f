/**
 * The grammar of `${…}` in stack files: that of drone/envsubst, which faas-cli uses (parse/parse.go, parse/scan.go there),
 * on one line. What faas-cli reads without doing what is written (`:+`, a pattern that never matches) is refused.
 */

/** One `${…}`. Offsets count from the start of the text; `end` is behind the brace. */
export interface Expansion {
  readonly start: number;
  readonly end: number;
  readonly name: string;
  readonly operation: Operation;
}

/** A piece of a default, a pattern, a replacement. */
export type Part = string | Expansion;

/** What is done with the variable's value. */
export type Operation =
  | { readonly kind: 'value' }
  | { readonly kind: 'length' }
  /** `:-`, `:=` and `=`: the text where the variable is unset or empty. */
  | { readonly kind: 'default'; readonly parts: readonly Part[] }
  /** `:?`: unset or empty is an error with this message. */
  | { readonly kind: 'required'; readonly parts: readonly Part[] }
  | { readonly kind: 'case'; readonly operator: ',' | ',,' | '^' | '^^' }
  | { readonly kind: 'slice'; readonly position: Part; readonly length: Part | undefined }
  | { readonly kind: 'trim'; readonly operator: '#' | '##' | '%' | '%%'; readonly pattern: Part }
  | {
      readonly kind: 'replace';
      readonly operator: '/' | '//' | '/#' | '/%';
      readonly pattern: Part;
      readonly replacement: Part;
    };

/** Why what stands at `start` is no substitution. */
export class NoExpansion {
  readonly start: number;
  readonly message: string;
  readonly hint: string;

  constructor(start: number, message: string, hint: string) {
    this.start = start;
    this.message = message;
    this.hint = hint;
  }
}

/** Reads the `${` at `start`; `end` is where its line ends. Never throws. */
export function parseExpansion(text: string, start: number, end: number): Expansion | NoExpansion {
  try {
    return new Reader(text, start, end).expansion(1);
  } catch (refused) {
    if (refused instanceof NoExpansion) return refused;
    throw refused;
  }
}

/** Defaults nest no deeper; without a bound, a line of nothing but `${` would be read over and over. */
export const deepest = 16;

const literal = 'write $${ for a literal ${';

class Reader {
  readonly #text: string;
  readonly #end: number;
  #at: number;

  constructor(text: string, start: number, end: number) {
    this.#text = text;
    this.#at = start;
    this.#end = end;
  }

  expansion(depth: number): Expansion {
    const start = this.#at;
    if (depth > deepest) throw new NoExpansion(start, `nested more than ${deepest} levels deep`, literal);
    this.#at += 2;
    const length = this.#peek() === '#';
    if (length) this.#at += 1;
    const name = this.#name(start);
    const operation: Operation = length ? { kind: 'length' } : this.#operation(start, name, depth);
    if (this.#at >= this.#end) throw unclosed(start);
    if (this.#peek() !== '}') throw this.#unknown(start);
    this.#at += 1;
    return { start, end: this.#at, name, operation };
  }

  #operation(start: number, name: string, depth: number): Operation {
    const text = this.#text.slice(this.#at, Math.min(this.#at + 2, this.#end));
    const operator = operators.find((candidate) => text.startsWith(candidate));
    if (operator === undefined) return { kind: 'value' };
    this.#at += operator.length;
    switch (operator) {
      case ':-':
      case ':=':
      case '=':
        return { kind: 'default', parts: this.#parts(start, depth) };
      case ':?':
        return { kind: 'required', parts: this.#parts(start, depth) };
      case ':+':
        throw new NoExpansion(
          start,
          `:+ is not supported: to faas-cli \${${name}:+…} means what \${${name}:-…} means, to a shell the opposite`,
          `write \${${name}:-…} for a default`,
        );
      case '-':
      case '+':
      case '?':
        throw new NoExpansion(
          start,
          `\${${name}${operator}…} is no substitution that faas-cli knows`,
          `with a colon: \${${name}:${operator === '?' ? '?message' : '-default'}}`,
        );
      case ',':
      case ',,':
      case '^':
      case '^^':
        return { kind: 'case', operator };
      case ':':
        return this.#slice(start, depth);
      case '#':
      case '##':
      case '%':
      case '%%':
        return { kind: 'trim', operator, pattern: this.#part(start, '}', depth, false) };
      case '/':
      case '//':
      case '/#':
      case '/%':
        return this.#replace(start, name, operator, depth);
    }
  }

  #slice(start: number, depth: number): Operation {
    const position = this.#part(start, ':}', depth, false);
    if (this.#peek() !== ':') return { kind: 'slice', position, length: undefined };
    while (this.#peek() === ':') this.#at += 1;
    return { kind: 'slice', position, length: this.#part(start, '}', depth, false) };
  }

  #replace(start: number, name: string, operator: '/' | '//' | '/#' | '/%', depth: number): Operation {
    const pattern = this.#part(start, '/}', depth, true);
    const shown = `\${${name}${operator}${typeof pattern === 'string' ? pattern : '…'}/`;
    if (this.#peek() !== '/')
      throw new NoExpansion(start, 'the second / of a replacement is missing', `write ${shown}…}`);
    while (this.#peek() === '/') this.#at += 1;
    if (this.#peek() !== '}')
      return { kind: 'replace', operator, pattern, replacement: this.#part(start, '}', depth, true) };
    if (operator === '/#' || operator === '/%')
      throw new NoExpansion(
        start,
        `without a replacement ${shown}} leaves the text as it is`,
        `write \${${name}${operator.slice(1)}…} to remove it`,
      );
    return { kind: 'replace', operator, pattern, replacement: '' };
  }

  /** Text and nested expansions up to the brace. */
  #parts(start: number, depth: number): Part[] {
    const parts: Part[] = [];
    while (this.#at < this.#end && this.#peek() !== '}') parts.push(this.#part(start, '}', depth, false));
    return parts;
  }

  /** One nested expansion, or text up to one of `stops` or the next expansion. `escapes`: `\/`, `\\` and `$$` stand for their second character. */
  #part(start: number, stops: string, depth: number, escapes: boolean): Part {
    if (this.#nested()) return this.expansion(depth + 1);
    let part = '';
    while (this.#at < this.#end && !this.#nested()) {
      const escaped = escapes ? escapedAt(this.#text, this.#at) : undefined;
      if (escaped === undefined && stops.includes(this.#peek())) break;
      part += escaped ?? this.#peek();
      this.#at += escaped === undefined ? 1 : 2;
    }
    if (this.#at >= this.#end) throw unclosed(start);
    if (part === '') throw this.#unknown(start);
    return part;
  }

  #name(start: number): string {
    const found = name.exec(this.#text.slice(this.#at, this.#end))?.[0] ?? '';
    this.#at += found.length;
    if (this.#at >= this.#end) throw unclosed(start);
    if (found === '') throw this.#unknown(start);
    return found;
  }

  #nested(): boolean {
    return this.#peek() === '$' && this.#text[this.#at + 1] === '{' && this.#at + 1 < this.#end;
  }

  #peek(): string {
    return this.#at < this.#end ? (this.#text[this.#at] ?? '') : '';
  }

  #unknown(start: number): NoExpansion {
    const brace = this.#text.indexOf('}', this.#at);
    const end = brace >= 0 && brace < this.#end ? brace + 1 : this.#at;
    return new NoExpansion(
      start,
      `${this.#text.slice(start, end)} is no substitution that bantam knows`,
      `known are \${NAME}, \${NAME:-default}, \${NAME:?message} and those of docs/faas-cli.md; ${literal}`,
    );
  }
}

/** What a backslash or a dollar sign takes its meaning from: `\/`, `\\` and `$$` are `/`, `\` and `$`, wherever they stand. */
export function escapedAt(text: string, offset: number): string | undefined {
  const [first, second] = [text[offset], text[offset + 1]];
  if (first === '$' && second === '$') return '$';
  return first === '\\' && (second === '/' || second === '\\') ? second : undefined;
}

function unclosed(start: number): NoExpansion {
  return new NoExpansion(start, 'the closing brace of ${ is missing on this line', literal);
}

/** Longer ones first. */
const operators = [
  ...([':-', ':=', ':?', ':+', ',,', '^^', '##', '%%', '//', '/#', '/%'] as const),
  ...([':', '=', '-', '+', '?', ',', '^', '#', '%', '/'] as const),
] as const;

const name = /^[\p{L}\p{Nd}_]+/u;
