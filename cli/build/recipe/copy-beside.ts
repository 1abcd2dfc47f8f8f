import { copyFile, mkdir, readdir, realpath, stat } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import type { BundleDescription } from './description.ts';
import { openFolder } from './own-folder.ts';

/** What to copy: folders of the build context, and where the tree is made. */
export interface Beside {
  readonly context: string;
  /** Folder of the handler in the context. */
  readonly folder: string;
  /** Folders of unbundled packages in the context. */
  readonly packages: readonly string[];
  readonly into: string;
  /** Leaves out what the context's .dockerignore names, as Docker does; paths relative to the context. */
  readonly isIgnored: (path: string) => boolean;
  /** The error for a link that leads out of what is copied. */
  readonly refuse: (link: string, target: string) => Error;
}

/** Copies the files that lie beside the bundle in the image: the function's folder, and the packages that are not bundled. */
export async function copyBeside(beside: Beside, description: BundleDescription['beside']): Promise<void> {
  const { leftOut, leftOutOfFunction } = description;
  const into = join(beside.into, description.into);
  await mkdir(join(into, beside.folder), { recursive: true });
  const ofFunction = toFilter([...leftOut, ...leftOutOfFunction], beside.folder);
  await copyFolder(beside, beside.folder, into, (name, path) => ofFunction(name, path) || beside.isIgnored(path));
  const ofPackage = toFilter(leftOut);
  const isInside = openFolder(beside.context, beside.folder);
  for (const folder of beside.packages) {
    const real = await realpath(join(beside.context, folder));
    if (!isInside(real)) throw beside.refuse(folder, real);
    await copyFolder(beside, folder, into, ofPackage);
  }
}

/** Whether a name is one of the given, in which `*` is any text; one that begins with `/` is that of an entry at the top of `folder` alone. */
export function toFilter(patterns: readonly string[], folder = ''): (name: string, path: string) => boolean {
  const sources = patterns.map((text) => text.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*'));
  const any = new RegExp(`^(?:${sources.join('|')})$`);
  return (name, path) => any.test(name) || (path === `${folder}/${name}` && any.test(`/${name}`));
}

async function copyFolder(
  { context, refuse }: Beside,
  folder: string,
  into: string,
  isLeftOut: (name: string, path: string) => boolean,
): Promise<void> {
  const root = await realpath(join(context, folder));
  const walk = async (path: string, parents: readonly string[]): Promise<void> => {
    for (const entry of await readdir(join(context, path), { withFileTypes: true })) {
      const file = `${path}/${entry.name}`;
      if (isLeftOut(entry.name, file)) continue;
      const real = await realpath(join(context, file));
      const inside = `${real}${sep}`.startsWith(`${root}${sep}`) && !parents.includes(real);
      if (entry.isSymbolicLink() && !inside) throw refuse(file, real);
      const facts = await stat(real);
      if (facts.isDirectory()) await walk(file, [...parents, real]);
      else if (facts.isFile()) {
        await mkdir(dirname(join(into, file)), { recursive: true });
        await copyFile(real, join(into, file));
      }
    }
  };
  await walk(folder, [root]);
}
