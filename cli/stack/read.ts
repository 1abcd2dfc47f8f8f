import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as v from 'valibot';
import { UserError } from '../errors.ts';
import { type DecodedStack, decodeStack, type EnvironmentFile, formalProblems } from './decode.ts';
import { issuesOf } from './decode-function.ts';
import { parseYaml, plainValue } from './document.ts';
import { checkKeys } from './keys.ts';
import { invalidFile, locator, type StackProblem, sortProblems, type TextProblem } from './problem.ts';
import { environmentFileSchema } from './schema.ts';
import type { Stack } from './stack.ts';

/** `environment`: what `${NAME}` is replaced from. `from`: the folder that messages name files relative to; the file's own if absent. */
export interface ReadStackOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly from?: string | undefined;
}

/** A stack that can be used, and what is doubtful about its text. */
export interface StackReading {
  readonly stack: Stack;
  readonly warnings: readonly StackProblem[];
}

/** Reads the stack file at the absolute path `file` with its environment files. Throws BAN-E102 with a line for every problem, BAN-E003 if it cannot be opened. */
export async function readStack(
  file: string,
  { environment, from = dirname(file) }: ReadStackOptions,
): Promise<StackReading> {
  const text = await readText(file);
  const decoded: DecodedStack =
    typeof text === 'string'
      ? decodeStack(text, file, environment)
      : { stack: undefined, environmentFiles: [], problems: [text], warnings: [] };
  const contents = await Promise.all(decoded.environmentFiles.map(readEnvironmentFile));
  const problems = [...decoded.problems, ...contents.flatMap((content) => content.problems)];
  if (decoded.stack === undefined || problems.length > 0) throw invalidFile('BAN-E102', file, problems, from);
  const functions = decoded.stack.functions.map((declared) => {
    const files = contents.filter((content) => content.function === declared.name);
    return files.length === 0
      ? declared
      : {
          ...declared,
          environment: Object.assign({}, declared.environment, ...files.map(({ variables }) => variables)),
        };
  });
  const warnings = [...decoded.warnings, ...contents.flatMap((content) => content.warnings)];
  return { stack: { ...decoded.stack, functions }, warnings: sortProblems(warnings) };
}

/** The text of a file, or the problem that it is none: too large, or not UTF-8. Throws BAN-E003 if it cannot be read. */
export async function readText(file: string): Promise<string | StackProblem> {
  const facts = await stat(file).catch(() => undefined);
  // A named pipe would be waited for without end.
  if (facts !== undefined && !facts.isFile() && !facts.isDirectory())
    throw new UserError('BAN-E003', `${file} is no ordinary file`, { hint: 'name a file of text' });
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw new UserError('BAN-E003', `${file} cannot be read: ${describe(error)}`, { cause: error });
  });
  const whole = { file, line: 1, column: 1, path: '' };
  if (bytes.length > largest)
    return {
      ...whole,
      message: `the file has ${bytes.length} bytes, and at most ${largest} are read: is this the right file?`,
    };
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    // The first replaced character stands where the bytes stop being UTF-8; one that is really written there reads back as it is.
    const text = bytes.toString('utf8');
    let offset = text.indexOf('\ufffd');
    while (
      offset >= 0 &&
      bytes
        .subarray(Buffer.byteLength(text.slice(0, offset)), Buffer.byteLength(text.slice(0, offset)) + 3)
        .equals(replacement)
    )
      offset = text.indexOf('\ufffd', offset + 1);
    return { ...whole, ...locator(text)(Math.max(offset, 0)), message: 'this is not UTF-8 text' };
  }
}

async function readEnvironmentFile({ function: name, file, named }: EnvironmentFile): Promise<{
  function: string;
  variables: Readonly<Record<string, string>>;
  problems: readonly StackProblem[];
  warnings: readonly StackProblem[];
}> {
  const failed = (problems: readonly StackProblem[]) => ({ function: name, variables: {}, problems, warnings: [] });
  // The place that matters for a missing file is where the stack names it.
  const text = await readText(file).catch((error: unknown) =>
    error instanceof UserError ? error : Promise.reject(error),
  );
  if (text instanceof UserError)
    return failed([
      { file: named.stack, line: named.line, column: named.column, path: named.path, message: text.message },
    ]);
  if (typeof text !== 'string') return failed([text]);
  const parsed = parseYaml(text);
  const locate = locator(text);
  const placed = (problem: TextProblem): StackProblem => {
    const { offset, ...rest } = problem;
    return { file, ...locate(offset), ...rest };
  };
  const formal = formalProblems(parsed);
  if (formal.length > 0 || parsed.root === undefined) return failed(formal.map(placed));
  const result = v.safeParse(environmentFileSchema, plainValue(parsed.root));
  const keys: { problems: TextProblem[]; warnings: TextProblem[] } = { problems: [], warnings: [] };
  checkKeys(parsed.root, Object.keys(environmentFileSchema.entries), '', keys);
  const problems = [...keys.problems, ...(result.success ? [] : issuesOf(result.issues, parsed.root, []))];
  const variables = result.success ? (result.output.environment ?? {}) : {};
  return { function: name, variables, problems: problems.map(placed), warnings: keys.warnings.map(placed) };
}

function describe(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return 'it does not exist';
  if (error.code === 'EISDIR') return 'it is a folder';
  if (error.code === 'EACCES') return 'permission denied';
  return error.message;
}

/** Room for a thousand plain functions, and small enough that no text, however made, takes long or much room to read. */
const largest = 192 * 1024;
const replacement = Buffer.from('\ufffd');
