import { isDeepStrictEqual } from 'node:util';
import { UserError } from '../errors.ts';
import { formalProblems } from './decode.ts';
import {
  commentRanges,
  entryOf,
  parseYaml,
  plainValue,
  writeScalar,
  type YamlEntry,
  type YamlMap,
  type YamlNode,
} from './document.ts';
import { invalidFile, locator } from './problem.ts';
import { maskExpansions } from './substitute.ts';

/** A function to be declared. The values are written as they are: `${NAME}` in them is replaced whenever the stack is read. */
export interface NewFunction {
  readonly name: string;
  readonly language: string;
  /** As written in the file: relative to it, `./hello`. */
  readonly handler: string;
  readonly image: string;
}

/**
 * The text with one more function, in the file's own indentation and line ends; every byte that was there stays (but for
 * the `{}` or `null` of a `functions:` without functions). Each way to insert is read back, and only a text that means the
 * same plus the function is returned. Throws BAN-E104 if the name is taken, BAN-E102 if the text is no YAML map or no
 * place can be found; `file` names it in messages.
 */
export function addFunction(text: string, added: NewFunction, file = 'stack.yml'): string {
  const masked = maskExpansions(text);
  const parsed = parseYaml(masked);
  const problems = formalProblems(parsed);
  const { root } = parsed;
  if (root?.kind !== 'map' || problems.length > 0) {
    const locate = locator(text);
    throw invalidFile(
      'BAN-E102',
      file,
      problems.map((problem) => ({ ...problem, ...locate(problem.offset), file })),
      '',
    );
  }
  const functions = entryOf(root, 'functions');
  if (entryOf(functions?.value, added.name) !== undefined) {
    throw new UserError('BAN-E104', `${file} declares a function ${added.name} already`, {
      hint: 'choose another name, or remove the old function first',
    });
  }
  const source: Source = { text, masked, eol: /\r?\n/.exec(text)?.[0] ?? '\n' };
  const wanted = expectedValue(root, added);
  for (const candidate of candidates(source, root, functions, added)) {
    const again = parseYaml(maskExpansions(candidate));
    if (again.root !== undefined && again.problems.length === 0 && isDeepStrictEqual(plainValue(again.root), wanted))
      return candidate;
  }
  throw new UserError(
    'BAN-E102',
    `${file} is written in a way that bantam cannot add a function to without rewriting it`,
    {
      hint: 'add these lines under functions: yourself',
      details: blockLines(added, '  ', '  '),
    },
  );
}

interface Source {
  readonly text: string;
  readonly masked: string;
  readonly eol: string;
}

/** The texts that may be right, the best first. */
function* candidates(
  source: Source,
  root: YamlMap,
  functions: YamlEntry | undefined,
  added: NewFunction,
): Generator<string> {
  const value = functions?.value;
  const empty =
    value === undefined ||
    (value.kind === 'scalar' && value.value === null) ||
    (value.kind === 'map' && value.entries.length === 0);
  if (root.flow) {
    if (functions === undefined) yield insertIntoFlow(source, root, `"functions": {${flowEntry(added)}}`);
    else if (value?.kind === 'map') yield insertIntoFlow(source, value, flowEntry(added));
    else if (value !== undefined) yield splice(source.text, value.start, value.end, ` {${flowEntry(added)}}`);
    return;
  }
  const rootIndent = indentOf(source.text, root.entries[0]?.keyStart ?? 0);
  const unit = indentUnit(source, root, rootIndent);
  if (functions === undefined) {
    const lines = [`${rootIndent}functions:`, ...blockLines(added, rootIndent + unit, unit)];
    yield insertLines(source, source.text.length, lines);
    yield insertLines(source, lineAfterContent(source, root.end, rootIndent.length), lines);
  } else if (empty && value !== undefined) {
    const lines = blockLines(added, rootIndent + unit, unit);
    const written = value.end > value.start;
    const kept = written
      ? source.text.slice(0, value.start).replace(/[ \t]+$/, '') + source.text.slice(value.end)
      : source.text;
    yield insertLines({ ...source, text: kept }, nextLine(kept, functions.keyEnd), lines);
  } else if (value?.kind === 'map' && value.flow) {
    yield insertIntoFlow(source, value, flowEntry(added));
  } else if (value?.kind === 'map') {
    yield* intoBlock(source, value, rootIndent, added);
  }
}

function* intoBlock(source: Source, functions: YamlMap, rootIndent: string, added: NewFunction): Generator<string> {
  const { text } = source;
  const first = functions.entries[0];
  if (first === undefined) return;
  const indent = indentOf(text, first.keyStart);
  const inner = functions.entries.flatMap(({ keyEnd, value }) =>
    value.kind === 'map' && !value.flow && value.simple
      ? value.entries.slice(0, 1).filter(({ keyStart }) => keyStart > keyEnd)
      : [],
  )[0];
  const unit =
    (inner === undefined ? indent.slice(rootIndent.length) : indentOf(text, inner.keyStart).slice(indent.length)) ||
    '  ';
  const lines = blockLines(added, indent, unit);
  const last = functions.entries.at(-1);
  const spaced = functions.entries.length > 1 && last !== undefined && blankLineAbove(text, last.keyStart);
  const end = lineAfterContent(source, functions.end, indent.length);
  yield insertLines(source, end, spaced ? ['', ...lines] : lines);
  yield insertLines(source, end, lines);
  yield insertLines(source, nextLine(text, functions.end - 1), lines);
  yield insertLines(source, lineStart(text, first.keyStart), lines);
}

function blockLines(added: NewFunction, indent: string, unit: string): string[] {
  const fields = [
    `lang: ${writeScalar(added.language)}`,
    `handler: ${writeScalar(added.handler)}`,
    `image: ${writeScalar(added.image)}`,
  ];
  return [`${indent}${writeScalar(added.name)}:`, ...fields.map((field) => indent + unit + field)];
}

function flowEntry(added: NewFunction): string {
  return `${JSON.stringify(added.name)}: {"lang": ${JSON.stringify(added.language)}, "handler": ${JSON.stringify(added.handler)}, "image": ${JSON.stringify(added.image)}}`;
}

function insertIntoFlow({ text }: Source, map: YamlMap, entry: string): string {
  const last = map.entries.at(-1);
  if (last === undefined) return splice(text, map.start + 1, map.start + 1, entry);
  const end = Math.max(last.keyEnd, last.value.end);
  return splice(text, end, end, `, ${entry}`);
}

/** Inserts whole lines before the line that begins at `position`; at the end of a text without final line end, after it. */
function insertLines({ text, eol }: Source, position: number, lines: readonly string[]): string {
  const block = lines.join(eol);
  const unended = position === text.length && text !== '' && !text.endsWith('\n');
  return unended ? text + eol + block : splice(text, position, position, block + eol);
}

/** The start of the line below the last content before `end`; comments below it that are indented at least as deep belong to it. */
function lineAfterContent({ text, masked }: Source, end: number, depth: number): number {
  const comments = commentRanges(masked);
  let last = end;
  for (let moved = true; moved; ) {
    moved = false;
    const trimmed = text.slice(0, last).trimEnd().length;
    const comment = comments.find((range) => range.start < trimmed && range.end >= trimmed);
    moved = comment !== undefined;
    last = comment?.start ?? trimmed;
  }
  let position = nextLine(text, last);
  for (let line = position; line < text.length; line = nextLine(text, line)) {
    const match = /^[ \t]*(?<content>[^\r\n]?)/.exec(text.slice(line, nextLine(text, line)));
    const content = match?.groups?.['content'] ?? '';
    if (content === '') continue;
    if (content !== '#' || (match?.[0].length ?? 0) - 1 < depth || depth === 0) break;
    position = nextLine(text, line);
  }
  return position;
}

function blankLineAbove(text: string, offset: number): boolean {
  let start = lineStart(text, offset);
  while (start > 0) {
    const above = lineStart(text, start - 1);
    const line = text.slice(above, start).trim();
    if (!line.startsWith('#')) return line === '';
    start = above;
  }
  return false;
}

/** How far the file indents: as the first nested block map does, else two spaces. */
function indentUnit({ text }: Source, root: YamlMap, rootIndent: string): string {
  for (const { keyEnd, value } of root.entries) {
    const inner = value.kind === 'map' && !value.flow && value.simple ? value.entries[0] : undefined;
    if (inner !== undefined && inner.keyStart > keyEnd)
      return indentOf(text, inner.keyStart).slice(rootIndent.length) || '  ';
  }
  return '  ';
}

function expectedValue(root: YamlNode, added: NewFunction): unknown {
  const value = Object.assign(Object.create(null), plainValue(root));
  const declared = {
    lang: maskExpansions(added.language),
    handler: maskExpansions(added.handler),
    image: maskExpansions(added.image),
  };
  const functions = Object.assign(Object.create(null), value.functions);
  functions[added.name] = Object.assign(Object.create(null), declared);
  value.functions = functions;
  return value;
}

function indentOf(text: string, offset: number): string {
  return /^[ ]*/.exec(text.slice(lineStart(text, offset), offset))?.[0] ?? '';
}

function lineStart(text: string, offset: number): number {
  const start = offset === 0 ? 0 : text.lastIndexOf('\n', offset - 1) + 1;
  return start === 0 && text.startsWith('\ufeff') ? 1 : start;
}

function nextLine(text: string, offset: number): number {
  const end = text.indexOf('\n', offset);
  return end < 0 ? text.length : end + 1;
}

function splice(text: string, start: number, end: number, inserted: string): string {
  return text.slice(0, start) + inserted + text.slice(end);
}
