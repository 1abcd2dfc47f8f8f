import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import * as v from 'valibot';
import { UserError } from '../../errors.ts';
import { issuesOf } from '../../stack/decode-function.ts';
import { entryOf, parseYaml, placeOf, type YamlNode } from '../../stack/document.ts';
import { invalidFile, locator, type StackProblem, type TextProblem } from '../../stack/problem.ts';
import { suggest } from '../../stack/suggest.ts';
import { readSecret } from '../hidden-secrets.ts';
import type { Example } from './example.ts';
import {
  alternatives,
  type DecodedExample,
  exampleSchema,
  examplesSchema,
  expectSchema,
  patternOf,
  requestSchema,
} from './schema.ts';
import { typedValue } from './typed-value.ts';

/** Names of files with examples. */
export const exampleFile = /\.http\.ya?ml$/;

/** More is no example. */
const largest = 4 * 1024 * 1024;

/** A function's examples, and every file that they are made of. */
export interface Examples {
  readonly examples: readonly Example[];
  readonly files: readonly string[];
}

/** The files of examples in `tests/` of a function's folder, in the order of their names. */
export async function findExampleFiles(handler: string): Promise<readonly string[]> {
  const folder = join(handler, 'tests');
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
    throw error;
  });
  return names
    .filter((name) => exampleFile.test(name) && !name.startsWith('.'))
    .sort()
    .map((name) => join(folder, name));
}

/**
 * Reads and checks all examples of a function, `from`: the folder that messages name files relative to. Throws BAN-E643 with
 * a line for everything wrong in all the files, BAN-E003 if one cannot be opened.
 */
export async function readExamples(files: readonly string[], from: string): Promise<Examples> {
  const read = await Promise.all(files.map((file) => readOne(file)));
  const problems = read.flatMap((one) => one.problems);
  const [first] = problems;
  if (first !== undefined) {
    const names = new Set(problems.map(({ file }) => file));
    const all = invalidFile('BAN-E643', first.file, problems, from);
    throw names.size === 1
      ? all
      : new UserError('BAN-E643', `${names.size} files of examples are not valid`, {
          details: all.details,
          places: all.places,
        });
  }
  return {
    examples: read.flatMap(({ examples }) => examples),
    files: [...files, ...read.flatMap(({ named }) => named)],
  };
}

interface ReadFile {
  readonly examples: readonly Example[];
  readonly problems: readonly StackProblem[];
  /** Files that bodies and secrets are read from. */
  readonly named: readonly string[];
}

async function readOne(file: string): Promise<ReadFile> {
  const bytes = await readFile(file).catch((cause: Error) => {
    throw new UserError('BAN-E003', `${file} cannot be read: ${cause.message}`, { cause });
  });
  const text = decode(bytes);
  const refuse = (message: string): ReadFile => ({
    examples: [],
    problems: [{ file, line: 1, column: 1, path: '', message }],
    named: [],
  });
  if (text === undefined) return refuse('is no UTF-8 text');
  if (bytes.length > largest) return refuse(`is larger than ${largest / 1024 / 1024} MiB: is this the right file?`);
  const where = locator(text);
  const problemsAt = (found: readonly TextProblem[]): StackProblem[] =>
    found.map(({ offset, ...problem }) => ({ file, ...where(offset), ...problem }));
  const { root, problems: formal } = parseYaml(text);
  if (formal.length > 0) return { examples: [], problems: problemsAt(formal), named: [] };
  if (root === undefined) return { examples: [], problems: [], named: [] };
  const value = typedValue(root, text);
  const decoded = v.safeParse(examplesSchema, value, { abortPipeEarly: true });
  const wrong = decoded.success ? [] : issuesOf(decoded.issues, root, []);
  const items = root.kind === 'list' ? root.items : [];
  const shape = items.flatMap((item, index) => checkShape(item, root, index));
  const problems = problemsAt([...wrong, ...shape]);
  if (!decoded.success || problems.length > 0) return { examples: [], problems, named: [] };
  const named: string[] = [];
  const examples: Example[] = [];
  for (const [index, one] of decoded.output.entries()) {
    const fileProblems: TextProblem[] = [];
    const offsetOf = (path: readonly string[]): number => placeOf(root, [index, ...path]);
    const example = await bringFiles(one, file, items[index], named, (path, message) =>
      fileProblems.push({ offset: offsetOf(path), path: [index, ...path].join('.'), message }),
    );
    problems.push(...problemsAt(fileProblems));
    examples.push({ ...example, placeOf: (path) => ({ file, ...where(offsetOf(path)) }) });
  }
  return { examples, problems, named };
}

/** What no schema sees: misspelt keys, fields that exclude each other, an example that expects nothing. */
function checkShape(item: YamlNode, root: YamlNode, index: number): TextProblem[] {
  const problems: TextProblem[] = [];
  const unknown = (node: YamlNode | undefined, known: readonly string[], path: string): void => {
    if (node?.kind !== 'map') return;
    for (const { key, keyStart } of node.entries) {
      if (known.includes(key) || key.startsWith('x-')) continue;
      const [near] = suggest(key, known);
      const hint = near === undefined ? `there are ${known.join(', ')}` : `did you mean ${near}?`;
      problems.push({ offset: keyStart, path: `${path}.${key}`, message: 'unknown key', hint });
    }
  };
  unknown(item, Object.keys(exampleSchema.entries), `${index}`);
  const parts = { request: entryOf(item, 'request')?.value, expect: entryOf(item, 'expect')?.value };
  unknown(parts.request, Object.keys(requestSchema.entries), `${index}.request`);
  unknown(parts.expect, Object.keys(expectSchema.entries), `${index}.expect`);
  for (const { of, fields } of alternatives) {
    const given = fields.filter((field) => entryOf(parts[of], field) !== undefined);
    const [, second] = given;
    if (second === undefined) continue;
    const offset = placeOf(root, [index, of, second], 'key');
    problems.push({ offset, path: `${index}.${of}.${second}`, message: `give only one of ${given.join(', ')}` });
  }
  if (parts.expect?.kind === 'map' && parts.expect.entries.length === 0)
    problems.push({
      offset: placeOf(root, [index, 'expect'], 'key'),
      path: `${index}.expect`,
      message: 'expects nothing',
      hint: 'status: 200 is the least',
    });
  for (const { key, value } of headersOf(parts.expect))
    if (
      value.kind === 'scalar' &&
      /^\/.*\/[a-z]*$/s.test(value.value ?? '') &&
      patternOf(value.value ?? '') === undefined
    )
      problems.push({
        offset: value.start,
        path: `${index}.expect.headers.${key}`,
        message: 'is no regular expression',
      });
  return problems;
}

function headersOf(node: YamlNode | undefined): readonly { readonly key: string; readonly value: YamlNode }[] {
  const headers = entryOf(node, 'headers')?.value;
  return headers?.kind === 'map' ? headers.entries : [];
}

type Complain = (path: readonly string[], message: string) => void;

/** Brings the bodies and secrets that are files; what cannot be read is complained about at its place. */
async function bringFiles(
  { name, request, expect, environment, secrets }: DecodedExample,
  file: string,
  node: YamlNode | undefined,
  named: string[],
  complain: Complain,
): Promise<Omit<Example, 'placeOf'>> {
  const folder = dirname(file);
  const values: Record<string, string> = {};
  for (const [secret, path] of Object.entries(secrets ?? {})) {
    named.push(resolve(folder, path));
    if (!/^[\w.-]{1,253}$/.test(secret) || /^\.+$/.test(secret))
      complain(['secrets', secret], 'is no name of a secret');
    else
      values[secret] = await readSecret(resolve(folder, path)).catch((error: unknown) => {
        complain(['secrets', secret], error instanceof Error ? error.message : String(error));
        return '';
      });
  }
  let body: Uint8Array | undefined;
  const headers = mapTexts(request.headers);
  const has = (field: string): boolean => entryOf(entryOf(node, 'request')?.value, field) !== undefined;
  if (request.body !== undefined) body = Buffer.from(request.body);
  else if (has('json')) {
    body = Buffer.from(JSON.stringify(request.json));
    if (!Object.keys(headers).some((header) => header.toLowerCase() === 'content-type'))
      headers['content-type'] = 'application/json';
  } else if (request.file !== undefined) {
    const path = resolve(folder, request.file);
    named.push(path);
    body = await readFile(path).catch((error: NodeJS.ErrnoException) => {
      complain(['request', 'file'], `${path} cannot be read: ${error.code ?? error.message}`);
      return undefined;
    });
  }
  const method = request.method ?? (body === undefined ? 'GET' : 'POST');
  if (body !== undefined && (method === 'GET' || method === 'HEAD'))
    complain(['request', 'method'], `a ${method} request has no body`);
  const expectsJson = entryOf(entryOf(node, 'expect')?.value, 'json') !== undefined;
  const { status, body: text, json, matches, within } = expect;
  return {
    name,
    request: { method, path: request.path, headers, body },
    expect: {
      status,
      headers: mapTexts(expect.headers),
      body: expectsJson
        ? { kind: 'json', value: json }
        : text !== undefined
          ? { kind: 'text', text }
          : matches !== undefined
            ? { kind: 'matches', patterns: [matches].flat() }
            : undefined,
      within,
    },
    environment: mapTexts(environment ?? {}),
    secrets: values,
  };
}

function mapTexts(map: Readonly<Record<string, string | number | boolean>>): Record<string, string> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, String(value)]));
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
