import { link, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import * as v from 'valibot';
import { failedWith } from '../../errors.ts';
import type { CompileDescription } from './description.ts';

/** What `go mod edit -json` tells of a go.mod, as far as it matters here. */
export type Manifest = v.InferOutput<typeof manifest>;

const list = <T extends v.GenericSchema>(entry: T) => v.optional(v.nullable(v.array(entry)));
const manifest = v.object({
  Module: v.optional(v.object({ Path: v.string() }), { Path: '' }),
  Require: list(v.object({ Path: v.string() })),
  Replace: list(
    v.object({
      Old: v.object({ Path: v.string(), Version: v.optional(v.string(), '') }),
      New: v.object({ Path: v.string(), Version: v.optional(v.string(), '') }),
    }),
  ),
});
const manifestText = v.pipe(v.string(), v.parseJson(), manifest);

/** Reads the output of `go mod edit -json`. */
export function readManifest(text: string): Manifest {
  return v.parse(manifestText, text);
}

/**
 * The arguments of `go mod edit` that make the function's go.mod one of the module that the runtime imports: its name, no line
 * that replaces it by itself, and no dependency at all where a vendor folder holds them. Empty if nothing has to change.
 */
export function manifestEdits({ Module, Require, Replace }: Manifest, own: string, vendored: boolean): string[] {
  const edits: string[] = Module.Path === own ? [] : [`-module=${own}`];
  for (const { Path } of Require ?? []) if (vendored || Path === own) edits.push(`-droprequire=${Path}`);
  for (const { Old } of Replace ?? [])
    if (vendored || Old.Path === own) edits.push(`-dropreplace=${Old.Path}${Old.Version && `@${Old.Version}`}`);
  return edits;
}

/** Folders outside of the function's that its go.mod puts in the place of modules, as they are written there. */
export function leavingFolders({ Replace }: Manifest, own: string): string[] {
  return (Replace ?? [])
    .filter(({ Old, New }) => Old.Path !== own && New.Version === '')
    .map(({ New }) => New.Path)
    .filter((path) => posix.isAbsolute(path) || posix.normalize(path).split('/')[0] === '..');
}

/**
 * Makes a go.mod in a folder where there is none. Several platforms may be compiled at once in one context, so it appears with
 * all that is in it or not at all.
 */
export async function writeModule(folder: string, name: string, version: string): Promise<void> {
  const file = join(folder, 'go.mod');
  if (await isThere(file)) return;
  const whole = `${file}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  await writeFile(whole, `module ${name}\n\ngo ${version}\n`);
  try {
    await link(whole, file);
  } catch (error) {
    if (!failedWith(error, 'EEXIST')) throw error;
  } finally {
    await rm(whole);
  }
}

/** What a module is taken for that does not say which Go it was written for (go.dev/ref/mod#go-mod-file-go). */
const oldestGo = '1.16';

/**
 * Makes a module of each one in the function's vendor folder, so that the workspace can use it: a workspace does not look into
 * the vendor folders of its modules. Returns their folders as paths in the context. Modules that the template has itself are
 * its own.
 */
export async function vendoredModules(context: string, { handler, modules }: CompileDescription): Promise<string[]> {
  const folder = posix.join(handler.folder, 'vendor');
  const ours = new Set([handler.import]);
  for (const module of modules) {
    const [, name] = /^module (\S+)/.exec(await readFile(join(context, module, 'go.mod'), 'utf8')) ?? [];
    if (name !== undefined) ours.add(name);
  }
  const folders: string[] = [];
  for (const [name, version] of await readVendorList(join(context, folder))) {
    const inside = posix.join(folder, name);
    if (ours.has(name) || !(await isFolder(join(context, inside)))) continue;
    await writeModule(join(context, inside), name, version);
    folders.push(inside);
  }
  return folders.sort();
}

/** Modules with the Go version of their go.mod, from vendor/modules.txt; without that file, each topmost folder that holds a file. */
async function readVendorList(folder: string): Promise<Map<string, string>> {
  const versions = new Map<string, string>();
  const file = join(folder, 'modules.txt');
  if (!(await isThere(file))) {
    for (const name of await topmostFolders(folder, '')) versions.set(name, oldestGo);
    return versions;
  }
  let last = '';
  for (const line of (await readFile(file, 'utf8')).split(/\r?\n/)) {
    const name = /^# (\S+)(?: v\S+)?(?: =>.*)?$/.exec(line)?.[1];
    const version = /^##.*\bgo ([0-9][0-9.a-z]*)/.exec(line)?.[1];
    if (name !== undefined) last = name;
    if (last !== '' && (name ?? version) !== undefined) versions.set(last, version ?? oldestGo);
  }
  return versions;
}

async function topmostFolders(root: string, inside: string): Promise<string[]> {
  if (!(await isFolder(join(root, inside)))) return [];
  const entries = await readdir(join(root, inside), { withFileTypes: true });
  if (inside !== '' && entries.some((entry) => !entry.isDirectory())) return [inside];
  const found: string[] = [];
  for (const entry of entries)
    if (entry.isDirectory()) found.push(...(await topmostFolders(root, posix.join(inside, entry.name))));
  return found;
}

/**
 * Makes modules of the folders that GO_REPLACE.txt names, in which older functions told OpenFaaS' templates where their
 * packages are; its paths begin at the context. Returns those folders.
 */
export async function replacingModules(context: string, { handler }: CompileDescription): Promise<string[]> {
  const file = join(context, handler.folder, handler.replacements);
  if (!(await isThere(file))) return [];
  const folders: string[] = [];
  for (const line of (await readFile(file, 'utf8')).split(/\r?\n/)) {
    const [, name, path] = /^\s*(?:replace\s+)?(\S+)(?:\s+v\S+)?\s*=>\s*\.\/(\S+?)\/?\s*$/.exec(line) ?? [];
    if (name === undefined || path === undefined || name === handler.import) continue;
    const folder = posix.normalize(path);
    if (posix.isAbsolute(folder) || folder.split('/')[0] === '..') continue;
    await writeModule(join(context, folder), name, handler.go);
    folders.push(folder);
  }
  return folders;
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(whenMissing)) !== undefined;
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(whenMissing))?.isDirectory() ?? false;
}

function whenMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
  throw error;
}
