import { cp, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../errors.ts';
import { formatPlatform, normalisePlatform, type Platform } from '../../oci/platform.ts';
import type { CompileDescription, TreeEntry } from './description.ts';
import { type FunctionSource, fillSentence, handlerError, linesOf } from './function-source.ts';
import {
  leavingFolders,
  manifestEdits,
  readManifest,
  replacingModules,
  vendoredModules,
  writeModule,
} from './go-module.ts';
import { lineOf, withoutSteps } from './own-folder-plugin.ts';
import { settleTree } from './tree.ts';

/** How long one run of the go command may take, in milliseconds: an SD card and an empty build cache need minutes. */
const limit = 1_200_000;

type Source = FunctionSource & { readonly description: CompileDescription };

/**
 * Compiles a function for one platform as its template's build description says, into the same tree, byte for byte, as the
 * template's build program makes in its Dockerfile with the same Go. Throws BAN-E207 with the compiler's lines, BAN-E222
 * without a Go compiler, Interrupted on abort.
 */
export async function compileFunction(source: Source & { readonly platform: Platform }): Promise<void> {
  const { description, into } = source;
  const { prepared, environment } = await openModule(source);
  const { flags, ldflags, output, package: name } = description;
  await runGo(prepared, ['build', ...flags, '-ldflags', ldflags, '-o', join(into, output), name], environment);
  await settleTree(into, [...(await copyFolders(source)), ...description.files]);
}

/**
 * The environment in which the go command, run in the context, sees the function's folder as the module that is compiled:
 * for its tests. May be called beside {@link compileFunction}. Throws as that does.
 */
export async function goEnvironment(
  source: Source & { readonly platform: Platform },
): Promise<Readonly<Record<string, string>>> {
  return (await openModule(source, 'test-')).environment;
}

async function openModule(
  source: Source & { readonly platform: Platform },
  prefix = '',
): Promise<{ readonly prepared: Prepared; readonly environment: Readonly<Record<string, string>> }> {
  const { description, platform } = source;
  const prepared = await prepareModule(source);
  const environment = { ...description.environment, GOWORK: await makeWorkspace(prepared, platform, prefix) };
  return { prepared, environment: { ...environment, ...platformEnvironment(platform) } };
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

/** A function as the go command is to see it: `folders` are the modules in it, its own first, as paths in the context. */
type Prepared = Source & { readonly folders: readonly string[] };

/**
 * Makes the function's folder the module that the runtime imports, whatever OpenFaaS' templates have let it be: without a
 * go.mod, with one of another name, with lines that replace the module by itself, with a vendor folder, or with a
 * GO_REPLACE.txt. What it writes lies in the context, which is a copy.
 */
async function prepareModule(source: Source): Promise<Prepared> {
  const { context, description } = source;
  const { folder, go, import: name } = description.handler;
  const { messages } = description;
  await writeModule(join(context, folder), name, go);
  const file = `${folder}/go.mod`;
  const read = await callGo(source, ['mod', 'edit', '-json', file], { GOWORK: 'off' });
  if (read.exitCode !== 0) {
    const sentence = fillSentence(messages.unreadableModule, { folder, import: name });
    throw handlerError(source, folder, [...linesOf(read.stderr), sentence]);
  }
  const manifest = readManifest(read.stdout);
  const vendored = await vendoredModules(context, description);
  const leaving = vendored.length > 0 || messages.leavesFolder === undefined ? [] : leavingFolders(manifest, name);
  if (leaving.length > 0) {
    const text = await readFile(join(context, file), 'utf8');
    const lines = leaving.map((found) => {
      const inside = withoutSteps(found).replace(/^\/+/, '');
      const values = { folder, found, line: String(lineOf(text, found)), top: inside.split('/')[0] ?? '' };
      return fillSentence(messages.leavesFolder ?? '', { ...values, wanted: `./${inside}` });
    });
    throw handlerError(source, folder, lines);
  }
  const edits = manifestEdits(manifest, name, vendored.length > 0);
  if (edits.length > 0) await runGo(source, ['mod', 'edit', ...edits, file], { GOWORK: 'off' });
  const found = manifest.Module.Path;
  const explanations = [...description.explanations];
  if (found !== name) {
    const message = fillSentence(messages.otherModule, { folder, import: name, found });
    explanations.unshift({ pattern: `package ${found.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}/`, message });
  }
  return {
    ...source,
    description: { ...description, explanations },
    folders: [folder, ...vendored, ...(await replacingModules(context, description))],
  };
}

/** Copies the function's folders that go into the image as they are, where they are there. Returns the programs among the files. */
async function copyFolders({ context, description, into }: Source): Promise<TreeEntry[]> {
  const executables: TreeEntry[] = [];
  for (const { from, to } of description.copies) {
    const source = join(context, description.handler.folder, from);
    if (!(await stat(source).catch(() => undefined))?.isDirectory()) continue;
    await cp(source, join(into, to), { recursive: true, dereference: true });
    for (const path of await readdir(source, { recursive: true })) {
      const info = await stat(join(source, path));
      if (info.isFile() && (info.mode & 0o100) !== 0)
        executables.push({ path: join(to, path), mode: 0o755, directory: false });
    }
  }
  return executables;
}

/**
 * A workspace is what lets the function keep its own go.mod, go.sum and replace lines. Its file lies in the context because
 * folders that replace a module are named in the binary, by their path from there. `go work use` gives it the newer one of
 * the Go versions that template and function ask for, which gets into the binary too. Each platform has a file of its own,
 * so that several may be compiled at once.
 */
async function makeWorkspace(source: Prepared, platform: Platform, prefix: string): Promise<string> {
  const { context, description } = source;
  const file = join(context, `${prefix}${formatPlatform(platform).replaceAll('/', '-')}.${description.workspace}`);
  await writeFile(file, 'go 1.0\n');
  const folders = [context, ...[...description.modules, ...source.folders].map((folder) => join(context, folder))];
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
    throw new UserError('BAN-E222', `${name}: there is no \`go\` on the PATH`, {
      hint: `install Go ${description.version} or newer (go.dev/dl), or build with Docker, which needs none here: --builder buildx`,
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
