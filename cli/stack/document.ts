import { isAlias, isPair, isScalar, isSeq, Lexer, type ParsedNode, parseDocument, type Scalar, stringify } from 'yaml';
import type { TextProblem } from './problem.ts';
import { explainMistake, quotes } from './yaml-mistakes.ts';

/** A YAML value with its place: offsets into the text, `end` behind its last character. Scalars keep the spelling of plain text (`1.0` stays "1.0"), as decoding into a Go string does. */
export type YamlNode = YamlScalar | YamlMap | YamlList;

/** Text, or null for nothing, `~` and `null`. `block`: written with `|` or `>`. */
export interface YamlScalar {
  readonly kind: 'scalar';
  readonly value: string | null;
  readonly block: boolean;
  readonly start: number;
  readonly end: number;
}

/** A map, merge keys (`<<`) applied. `flow`: written with braces. `simple`: no anchor, alias, tag or merge key takes part, so that text may be added to it. */
export interface YamlMap {
  readonly kind: 'map';
  readonly entries: readonly YamlEntry[];
  readonly flow: boolean;
  readonly simple: boolean;
  readonly start: number;
  readonly end: number;
}

/** One key and its value. */
export interface YamlEntry {
  readonly key: string;
  readonly keyStart: number;
  readonly keyEnd: number;
  readonly value: YamlNode;
}

export interface YamlList {
  readonly kind: 'list';
  readonly items: readonly YamlNode[];
  readonly start: number;
  readonly end: number;
}

/** What was read: no root for an empty text; `problems` make it unusable, `warnings` do not. `whole`: problems there may be, but every value of the text is in the tree, so that it can be looked through for more. */
export interface ParsedYaml {
  readonly root: YamlNode | undefined;
  readonly whole: boolean;
  readonly problems: readonly TextProblem[];
  readonly warnings: readonly TextProblem[];
}

/** Reads one YAML document and says everything that is wrong with its form; never throws, whatever the text. */
export function parseYaml(text: string): ParsedYaml {
  const structure = controlCharacter(text) ?? readStructure(text);
  if ('message' in structure) return { root: undefined, whole: false, problems: [structure], warnings: [] };
  const document = parseDocument(linesOf(text), {
    prettyErrors: false,
    strict: true,
    uniqueKeys: false,
    logLevel: 'error',
  });
  const reader = new NodeReader();
  const root = document.contents === null ? undefined : reader.read(document.contents, 0);
  // What follows a stray * is not worth a line each; reading the nodes has said what is wrong with it.
  const errors = reader.cut
    ? document.errors.filter(({ message }) => !message.startsWith('Unexpected alias at node end'))
    : document.errors;
  const problems = errors.slice(0, mostProblems).map(({ code, message, pos: [offset] }) => ({
    // The library notices at the end of the text, or on a later line, what is not closed.
    offset: /\bclosing\b|end with a/.test(message)
      ? (structure.unclosed.findLast((opened) => opened < offset) ?? offset)
      : offset,
    path: '',
    ...explainMistake(code, message),
  }));
  const warnings = document.warnings.map((warning) => ({
    offset: warning.pos[0],
    path: '',
    ...explainMistake(warning.code, warning.message),
  }));
  const whole = document.errors.length === 0 && !reader.cut;
  return { root, whole, problems: [...withoutRepeats(problems), ...reader.problems], warnings };
}

/** One mistake often breaks two rules at the same place. */
function withoutRepeats(problems: readonly TextProblem[]): readonly TextProblem[] {
  const places = new Set<number>();
  return problems.filter(({ offset }) => !places.has(offset) && places.add(offset));
}

/** A lone carriage return ends a line in YAML, too; the library knows line feeds only. */
function linesOf(text: string): string {
  return text.replace(/\r(?!\n)/g, '\n');
}

/** Where the comments of a text are (`#` to the end of the line), for those who must leave them alone. */
export function commentRanges(text: string): { readonly start: number; readonly end: number }[] {
  const ranges: { start: number; end: number }[] = [];
  for (const { lexeme, start, scalar } of lexemesOf(text))
    if (!scalar && lexeme.startsWith('#')) ranges.push({ start, end: start + lexeme.length });
  return ranges;
}

/** The pieces that YAML's grammar is made of, one by one. `flowEnd`: in front of it the flow ends that was not closed. */
function* lexemesOf(text: string): Generator<{
  readonly lexeme: string;
  readonly start: number;
  readonly scalar: boolean;
  readonly flowEnd: boolean;
}> {
  let start = 0;
  let scalar = false;
  let flowEnd = false;
  for (const lexeme of new Lexer().lex(linesOf(text))) {
    // The lexer marks what follows with characters that are not in the text: a scalar, a document, the end of a flow.
    if (lexeme === '\u001f') scalar = true;
    else if (lexeme === '\u0018') flowEnd = true;
    else if (lexeme !== '\u0002') {
      yield { lexeme, start, scalar, flowEnd };
      start += lexeme.length;
      scalar = false;
      flowEnd = false;
    }
  }
}

/** Where quotes and brackets begin that nothing closes, in the order of the text; or why the text is not read: the library takes room for each piece, and stack for each level. */
function readStructure(text: string): { readonly unclosed: readonly number[] } | TextProblem {
  let count = 0;
  let open: number[] = [];
  const unclosed: number[] = [];
  for (const { lexeme, start, scalar, flowEnd } of lexemesOf(text)) {
    count += 1;
    if (count > mostLexemes)
      return { offset: start, path: '', message: `more than ${mostLexemes} words and signs: is this the right file?` };
    if (flowEnd) {
      unclosed.push(...open);
      open = [];
    }
    if (isUnclosedQuote(lexeme)) unclosed.push(start);
    if (scalar) continue;
    if (lexeme === '[' || lexeme === '{') open.push(start);
    if (lexeme === ']' || lexeme === '}') open.pop();
    if (open.length > deepest) return { offset: start, path: '', message: tooDeep };
  }
  return { unclosed: [...unclosed, ...open].sort((left, right) => left - right) };
}

function isUnclosedQuote(lexeme: string): boolean {
  if (lexeme.startsWith("'")) return lexeme.split("'").length % 2 === 0;
  if (!lexeme.startsWith('"')) return false;
  const escapes = /\\*(?="?$)/.exec(lexeme.slice(1))?.[0].length ?? 0;
  return lexeme.length === 1 || !lexeme.endsWith('"') || escapes % 2 === 1;
}

/** Text of one line as a YAML scalar: plain where that reads back as the same text, else quoted. */
export function writeScalar(text: string): string {
  return stringify(text, { lineWidth: 0, blockQuote: false }).trimEnd();
}

/** The value without places, for comparing and for schemas: text, null, lists and objects without prototype. */
export function plainValue(node: YamlNode): unknown {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map(plainValue);
  const result: Record<string, unknown> = Object.create(null);
  for (const { key, value } of node.entries) result[key] = plainValue(value);
  return result;
}

/** The value below `key`, if `node` is a map that has it. */
export function entryOf(node: YamlNode | undefined, key: string): YamlEntry | undefined {
  return node?.kind === 'map' ? node.entries.find((entry) => entry.key === key) : undefined;
}

/** The offset of the value at `path`, or of the deepest thing on the way to it. `last: 'key'` points to the key instead. */
export function placeOf(
  root: YamlNode | undefined,
  path: readonly (string | number)[],
  last: 'key' | 'value' = 'value',
): number {
  let node = root;
  let offset = root?.start ?? 0;
  for (const [index, step] of path.entries()) {
    const entry = entryOf(node, String(step));
    const next = node?.kind === 'list' ? node.items[Number(step)] : entry?.value;
    if (next === undefined) return offset;
    // Nothing is written where a null stands: its key is the better place.
    const keyed =
      entry !== undefined &&
      ((index === path.length - 1 && last === 'key') ||
        (next.kind === 'scalar' && next.value === null) ||
        (next.kind === 'map' && !next.flow));
    offset = keyed && entry !== undefined ? entry.keyStart : next.start;
    node = next;
  }
  return offset;
}

/** Nobody reads more, and a text that is no YAML has one in each line. */
const mostProblems = 1000;
const deepest = 32;
const tooDeep = `nested more than ${deepest} levels deep`;
const mostNodes = 50_000;
/** A full file of plain functions has half of it. */
const mostLexemes = 80_000;

/** Turns the library's nodes into ours: aliases resolved, merge keys applied, bounded in depth and number (aliases can multiply). */
class NodeReader {
  readonly problems: TextProblem[] = [];
  /** Whether something is left out: behind a bound, or what an alias should stand for. */
  cut = false;
  readonly #anchors = new Map<string, ParsedNode>();
  readonly #resolving = new Set<ParsedNode>();
  readonly #reported = new Set<string>();
  #count = 0;

  read(node: ParsedNode | null, depth: number, fallback = 0): YamlNode {
    const [start, end] = node?.range ?? [fallback, fallback];
    const nothing: YamlScalar = { kind: 'scalar', value: null, block: false, start, end };
    this.#count += 1;
    if (node === null) return nothing;
    if (depth > deepest || this.#count > mostNodes) {
      this.cut = true;
      return this.#refuse(nothing, depth > deepest ? tooDeep : 'too many values');
    }
    if (isAlias(node)) return this.#alias(node.source, nothing, depth);
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    if (isScalar(node)) {
      const block = node.type === 'BLOCK_LITERAL' || node.type === 'BLOCK_FOLDED';
      return {
        ...nothing,
        block,
        value: scalarText(node),
      };
    }
    if (isSeq(node))
      return {
        kind: 'list',
        items: node.items.map((item) => this.read(isPair(item) ? null : (item as ParsedNode | null), depth + 1, start)),
        start,
        end,
      };
    const entries: YamlEntry[] = [];
    const merged: YamlEntry[] = [];
    const keys = new Set<string>();
    let simple = node.anchor === undefined && node.tag === undefined;
    for (const pair of node.items) {
      const key = this.#key(pair.key as ParsedNode | null);
      const value = this.read(pair.value as ParsedNode | null, depth + 1, key?.keyEnd ?? start);
      if (key === undefined) continue;
      const name = key.merge ? '<<' : `.${key.key}`;
      if (keys.has(name)) this.#report(key.keyStart, 'this key is given a second time in the same map');
      else if (key.merge) merged.push(...this.#merged(value, key.keyStart));
      else entries.push({ key: key.key, keyStart: key.keyStart, keyEnd: key.keyEnd, value });
      simple &&= !key.merge;
      keys.add(name);
    }
    for (const entry of merged) {
      if (!keys.has(`.${entry.key}`)) entries.push(entry);
      keys.add(`.${entry.key}`);
    }
    return { kind: 'map', entries, flow: node.flow === true, simple, start, end };
  }

  /** What `<<` brings: the entries of a map, or of several, the first of which win. */
  #merged(value: YamlNode, offset: number): readonly YamlEntry[] {
    const sources = value.kind === 'list' ? value.items : [value];
    if (sources.every((source) => source.kind === 'map')) return sources.flatMap(({ entries }) => entries);
    // An alias that leads nowhere has been told already.
    if (!this.cut) this.#report(offset, '<< takes a map, or a list of maps');
    return [];
  }

  #key(node: ParsedNode | null): { key: string; keyStart: number; keyEnd: number; merge: boolean } | undefined {
    const [keyStart, keyEnd] = node?.range ?? [0, 0];
    const named = isAlias(node) ? this.#anchors.get(node.source) : node;
    if (isScalar(named)) {
      if (named === node && named.anchor !== undefined) this.#anchors.set(named.anchor, named);
      const key = typeof named.value === 'string' ? named.value : (named.source ?? '');
      return { key, keyStart, keyEnd, merge: named.type === 'PLAIN' && key === '<<' };
    }
    if (isAlias(node) && named === undefined) this.#report(keyStart, noAnchor(node.source), quotes);
    else this.#report(keyStart, node === null ? 'a key is missing' : 'a key must be plain text');
    return undefined;
  }

  /** The library's own resolving walks the whole document for each alias; YAML means the last anchor above, which is remembered here. */
  #alias(name: string, nothing: YamlScalar, depth: number): YamlNode {
    const target = this.#anchors.get(name);
    if (target === undefined) {
      this.cut = true;
      return this.#refuse(nothing, noAnchor(name), quotes);
    }
    if (this.#resolving.has(target)) {
      this.cut = true;
      return this.#refuse(nothing, `*${name} stands inside of what it refers to`);
    }
    this.#resolving.add(target);
    const value = this.read(target, depth + 1);
    this.#resolving.delete(target);
    // The value stands where the alias does; what is inside it keeps its own place.
    return value.kind === 'map'
      ? { ...value, simple: false, start: nothing.start, end: nothing.end }
      : { ...value, start: nothing.start, end: nothing.end };
  }

  #refuse(nothing: YamlScalar, message: string, hint?: string): YamlScalar {
    this.#report(nothing.start, message, hint);
    return nothing;
  }

  /** What an alias repeats, and what a bound cuts off, is said once. */
  #report(offset: number, message: string, hint?: string): void {
    const known = this.#reported.has(message) && !message.startsWith('this key');
    if (known || this.problems.length >= mostProblems || this.#reported.has(`${offset} ${message}`)) return;
    this.#reported.add(message).add(`${offset} ${message}`);
    this.problems.push({ offset, path: '', message, ...(hint === undefined ? {} : { hint }) });
  }
}

function noAnchor(name: string): string {
  return `*${name} refers to an anchor that is not above it`;
}

/** The text of a scalar as Go decodes it into a string: as it is written, `!!binary` decoded. */
function scalarText(node: Scalar.Parsed): string | null {
  if (node.tag === 'tag:yaml.org,2002:binary') return Buffer.from(node.source ?? '', 'base64').toString('utf8');
  if (node.value === null) return null;
  return typeof node.value === 'string' ? node.value : (node.source ?? '');
}

function controlCharacter(text: string): TextProblem | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for; YAML 1.2, section 5.1, excludes them.
  const match = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\ufffe\uffff]/.exec(text);
  if (match === null) return undefined;
  const code = (match[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  return { offset: match.index, path: '', message: `the character U+${code} is not allowed: is this a text file?` };
}
