import { access, readdir, readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import * as v from 'valibot';
import { toFilter } from './copy-beside.ts';
import type { BundleDescription } from './description.ts';

/** What is read of esbuild's metafile; paths are relative to the build context. */
export interface Inputs {
  readonly [file: string]: {
    readonly imports: readonly {
      readonly path: string;
      readonly kind: string;
      readonly original?: string;
      readonly external?: boolean;
    }[];
    readonly format?: string;
  };
}

/** What has to know where it lies: files of the function, and packages that are therefore not bundled. Paths as in {@link Inputs}. */
export interface Places {
  readonly files: readonly string[];
  readonly packages: readonly string[];
  /** Nothing of the function is bundled, because its code chooses at run time what it requires. */
  readonly whole: boolean;
}

/** The folder of the package that a file belongs to; undefined for a file of the function or of the runtime. */
export function packageFolderOf(file: string): string | undefined {
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(file)?.[0];
}

/** Whether a file belongs to one of the packages that are not bundled. */
export function isUnbundled(file: string, { packages }: Pick<Places, 'packages'>): boolean {
  const folder = packageFolderOf(file);
  return folder !== undefined && packages.includes(folder);
}

/**
 * Reads out of a metafile which files have to know their place: those of the function get it in the bundle, the packages
 * are not bundled, and what they depend on is not either, so that each package is there only once. Nor are packages that
 * are asked for at run time: by a file of the function that is not in the bundle (a worker thread), or past the bundler.
 * JavaScript that chooses at run time what it requires is not bundled at all.
 */
export async function findPlaces(
  inputs: Inputs,
  context: string,
  folder: string,
  beside: BundleDescription['beside'],
): Promise<Places> {
  const files: string[] = [];
  const roots: string[] = [];
  const whole = await choosesAtRunTime(inputs, context, beside);
  const ask = async (file: string, text: string, pattern: string): Promise<void> => {
    for (const [, specifier = ''] of text.matchAll(new RegExp(pattern, 'g'))) {
      const found = await findPackage(context, posix.dirname(file), nameOf(specifier));
      if (found !== undefined) roots.push(found);
    }
  };
  for (const file of Object.keys(inputs)) {
    // What esbuild has made up has a name in brackets.
    if (!/^[^(<].*\.[cm]?[jt]sx?$/.test(file)) continue;
    const text = await readFile(join(context, file), 'utf8');
    await ask(file, text, beside.resolve);
    const owner = packageFolderOf(file);
    if (whole && owner !== undefined) roots.push(owner);
    if (owner === undefined && /\bcreateRequire\b/.test(text)) await ask(file, text, beside.import);
    if (!new RegExp(beside.pattern).test(text)) continue;
    if (owner === undefined) files.push(file);
    else roots.push(owner);
  }
  const isLeftOut = toFilter([...beside.leftOut, ...beside.leftOutOfFunction], folder);
  for (const file of await listScripts(context, folder, isLeftOut)) {
    if (!(file in inputs)) await ask(file, await readFile(join(context, file), 'utf8'), beside.import);
  }
  return { files, packages: await withDependencies(context, roots), whole };
}

/** Whether the function is JavaScript alone, which Node can run as it is, and requires what is not written there. */
async function choosesAtRunTime(
  inputs: Inputs,
  context: string,
  { dynamic }: BundleDescription['beside'],
): Promise<boolean> {
  const own = Object.keys(inputs).filter((file) => packageFolderOf(file) === undefined);
  if (!own.every((file) => /\.(?:[cm]?js|json)$/.test(file) && inputs[file]?.format !== 'esm')) return false;
  const texts = await Promise.all(own.map((file) => readFile(join(context, file), 'utf8')));
  return texts.some((text) => new RegExp(dynamic).test(text));
}

/** JavaScript below a folder; links are not followed. */
async function listScripts(
  context: string,
  folder: string,
  isLeftOut: (name: string, path: string) => boolean,
): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(join(context, folder), { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`;
    if (isLeftOut(entry.name, path)) continue;
    if (entry.isDirectory()) found.push(...(await listScripts(context, path, isLeftOut)));
    else if (entry.isFile() && /\.[cm]?js$/.test(path)) found.push(path);
  }
  return found;
}

/** The files of unbundled packages that the bundle imports and that are ES modules: their exports have to be known. */
export function findModules(inputs: Inputs, places: Places): string[] {
  const imported = Object.entries(inputs)
    .filter(([file]) => !isUnbundled(file, places))
    .flatMap(([, { imports }]) => imports.map(({ path }) => path))
    .filter((path) => isUnbundled(path, places) && inputs[path]?.format === 'esm');
  return [...new Set(imported)].sort();
}

/** `@scope/name/file` is `@scope/name`; undefined for a path. */
function nameOf(specifier: string): string | undefined {
  return /^(?:@[^/]+\/)?[^./@][^/]*/.exec(specifier)?.[0];
}

/** Looks for a package as Node does: in node_modules of a folder, then of the one above. */
async function findPackage(context: string, from: string, name: string | undefined): Promise<string | undefined> {
  if (name === undefined) return undefined;
  for (let folder = from; ; folder = posix.dirname(folder)) {
    const found = posix.join(folder, 'node_modules', name);
    const there = await access(join(context, found, 'package.json')).then(
      () => true,
      () => false,
    );
    if (there) return found;
    if (folder === '.') return undefined;
  }
}

const names = v.optional(v.record(v.string(), v.unknown()), {});
const manifestSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ dependencies: names, optionalDependencies: names, peerDependencies: names }),
);

async function withDependencies(context: string, roots: readonly string[]): Promise<string[]> {
  const found = new Set(roots);
  for (const folder of found) {
    const manifest = v.parse(manifestSchema, await readFile(join(context, folder, 'package.json'), 'utf8'));
    const wanted = { ...manifest.dependencies, ...manifest.optionalDependencies, ...manifest.peerDependencies };
    for (const name of Object.keys(wanted)) {
      const dependency = await findPackage(context, folder, name);
      if (dependency !== undefined) found.add(dependency);
    }
  }
  return [...found].sort();
}
