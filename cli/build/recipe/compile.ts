import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { UserError } from '../../errors.ts';
import { formatPlatform, normalisePlatform, type Platform } from '../../oci/platform.ts';
import type { CompileDescription } from './description.ts';
import { type FunctionSource, fillSentence, handlerError, linesOf } from './function-source.ts';
import { settleTree } from './tree.ts';

/** How long one run of the go command may take, in milliseconds: an SD card and an empty build cache need minutes. */
const limit = 1_200_000;

type Source = FunctionSource & { readonly description: CompileDescription };

/**
 * Compiles a function for one platform as its template's build description says, into the same tree, byte for byte, as the
 * template's build program makes in its Dockerfile with the same Go. Throws BAN-E207 with the compiler's lines, BAN-E206
 * without a Go compiler, Interrupted on abort.
 */
export async function compileFunction(source: Source & { readonly platform: Platform }): Promise<void> {
  const { description, into, platform } = source;
  await requireModule(source);
  const environment = { ...description.environment, GOWORK: await makeWorkspace(source, platform) };
  const { flags, ldflags, output, package: name } = description;
  await runGo(source, ['build', ...flags, '-ldflags', ldflags, '-o', join(into, output), name], {
    ...environment,
    ...platformEnvironment(platform),
  });
  await settleTree(into, description.files);
}

/** What the go command calls a platform (go.dev/doc/install/source, GOARCH, GOARM, GOAMD64). */
export function platformEnvironment(platform: Platform): Readonly<Record<string, string>> {
  const { os, architecture, variant } = normalisePlatform(platform);
  return {
    GOOS: os,
    GOARCH: architecture,
    ...(architecture === 'arm' && variant !== undefined ? { GOARM: variant.replace(/^v/, '') } : {}),
    ...(architecture === 'amd64' && variant !== undefined ? { GOAMD64: variant } : {}),
  };
}

const manifestSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ Module: v.optional(v.object({ Path: v.string() }), { Path: '' }) }),
);

/** The function has to be a module of the name that the runtime imports. */
async function requireModule(source: Source): Promise<void> {
  const { description } = source;
  const { folder, import: name } = description.handler;
  const { messages } = description;
  const refuse = (sentence: string, lines: readonly string[] = [], found = ''): UserError =>
    handlerError(source, folder, [...lines, fillSentence(sentence, { folder, import: name, found })]);
  const read = await callGo(source, ['mod', 'edit', '-json', `${folder}/go.mod`], { GOWORK: 'off' });
  if (read.exitCode !== 0) {
    if (/no such file|cannot find the file/.test(read.stderr)) throw refuse(messages.noModule);
    throw refuse(messages.unreadableModule, linesOf(read.stderr));
  }
  const { Module } = v.parse(manifestSchema, read.stdout);
  if (Module.Path !== name) throw refuse(messages.otherModule, [], Module.Path);
}

/**
 * A workspace is what lets the function keep its own go.mod, go.sum and replace lines. Its file lies in the context because
 * folders that replace a module are named in the binary, by their path from there. `go work use` gives it the newer one of
 * the Go versions that template and function ask for, which gets into the binary too. Each platform has a file of its own,
 * so that several may be compiled at once.
 */
async function makeWorkspace(source: Source, platform: Platform): Promise<string> {
  const { context, description } = source;
  const file = join(context, `${formatPlatform(platform).replaceAll('/', '-')}.${description.workspace}`);
  await writeFile(file, 'go 1.0\n');
  const folders = [context, join(context, description.handler.folder)];
  await runGo(source, ['work', 'use', ...folders], { ...description.environment, GOWORK: file });
  return file;
}

/** Runs the go command in the context, so that it names files as `function/handler.go:12:3`. Throws BAN-E206 or E207. */
async function runGo(
  source: Source,
  goArguments: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<void> {
  const { description } = source;
  const ended = await callGo(source, goArguments, environment);
  if (ended.exitCode === 0) return;
  const lines = linesOf(ended.stderr).filter((line) => !line.startsWith('go: downloading '));
  throw handlerError(source, description.handler.folder, [...lines, ...explain(description, ended.stderr)]);
}

async function callGo(
  source: Source,
  goArguments: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<Awaited<ReturnType<FunctionSource['run']>>> {
  const { context, description, name, run, signal } = source;
  const ended = await run('go', goArguments, { cwd: context, environment, signal, timeout: limit });
  if (ended.missing) {
    throw new UserError('BAN-E206', `${name}: there is no \`go\` on the PATH`, {
      hint: `install Go ${description.version} or newer (go.dev/dl), or build with Docker, which needs none here`,
    });
  }
  if (ended.timedOut) {
    throw new UserError('BAN-E206', `${name}: go ${goArguments[0]} did not end within ${limit / 60_000} minutes`, {
      hint: 'try again: what it has done so far is kept in its cache',
    });
  }
  return ended;
}

/** What the compiler cannot know: what the template wants. Nothing where the compiler has said it all. */
function explain(description: CompileDescription, said: string): string[] {
  const { folder, import: name, symbol } = description.handler;
  for (const { pattern, message } of description.explanations) {
    const match = new RegExp(pattern).exec(said);
    const found = match?.at(-1);
    if (match !== null) return [fillSentence(message, { folder, import: name, symbol, found: found ?? '' })];
  }
  return [];
}
