import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { linkTree } from '../link-tree.ts';
import { installedMark } from './install.ts';

/** Packages that nobody has asked for so long are thrown away, milliseconds. */
const longestUnused = 30 * 24 * 3600 * 1000;

/** Folders of a build context that npm installs into: the template's own and the function's. */
export interface PackageFolders {
  readonly context: string;
  /** The handler's folder in the context. */
  readonly inContext: string;
}

/**
 * Packages that npm has installed earlier, by what was asked for, in the user's cache folder: neither a build nor a test must wait
 * for npm when only the handler has changed. Nothing here is needed; what cannot be kept is installed again.
 */
export interface KeptPackages {
  /** Puts what is kept where npm would install it. */
  bring(folders: PackageFolders): Promise<void>;
  /** Keeps what npm has installed meanwhile. */
  keep(folders: PackageFolders): Promise<void>;
}

/** Where the kept packages of builds and tests are, below the user's cache folder. */
export function packagesFolder(cacheFolder: string): string {
  return join(cacheFolder, 'packages-1');
}

/**
 * Opens the folder; makes nothing. `whole`: the template's packages are really in the context, not a link to them. That takes a tenth of a
 * second, and then a function may have them copied beside it as in Docker, where its files must not lead out of the context.
 */
export function openKeptPackages(folder: string, { whole = false }: { readonly whole?: boolean } = {}): KeptPackages {
  const places = async ({ context, inContext }: PackageFolders): Promise<readonly Place[]> => {
    const found = await Promise.all(
      [context, join(context, inContext)].map(async (at): Promise<Place | undefined> => {
        const key = await packagesKey(at);
        return key === undefined
          ? undefined
          : { at: join(at, 'node_modules'), kept: join(folder, key), own: at !== context };
      }),
    );
    return found.filter((place) => place !== undefined);
  };
  return {
    async bring(folders) {
      for (const { at, kept, own } of await places(folders)) {
        if (!(await isThere(kept)) || (await isThere(at))) continue;
        const now = new Date();
        await utimes(kept, now, now).catch(() => undefined);
        // What is in the function's folder must really be there: links that lead out of it are refused.
        // What cannot be brought whole is installed.
        if (own || whole) await copyTree(kept, at).catch(() => rm(at, { recursive: true, force: true }));
        else await symlink(kept, at);
      }
    },
    async keep(folders) {
      for (const { at, kept, own } of await places(folders)) {
        if ((await isThere(kept)) || !(await isThere(at))) continue;
        await keepOne(folder, at, kept, own).catch(() => undefined);
      }
    },
  };
}

interface Place {
  readonly at: string;
  readonly kept: string;
  readonly own: boolean;
}

/** The name of what is kept for a folder: a hash of what is asked for there, and of the machine. Nothing without a package.json. */
export async function packagesKey(folder: string): Promise<string | undefined> {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch} ${process.version}\0`);
  let any = false;
  for (const name of ['package.json', 'package-lock.json', 'npm-shrinkwrap.json', '.npmrc']) {
    const text = await readFile(join(folder, name)).catch(() => undefined);
    if (text === undefined) continue;
    any ||= name === 'package.json';
    // What lies in the project may ask for other packages tomorrow.
    if (name === 'package.json' && /"(?:file|link):/.test(text.toString())) return undefined;
    hash.update(`${name}\0${text.length}\0`).update(text);
  }
  return any ? hash.digest('hex').slice(0, 32) : undefined;
}

/** Copies to a name of its own first: whoever else does the same at this moment finds all of it or nothing. */
async function keepOne(folder: string, at: string, kept: string, own: boolean): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const unfinished = `${kept}.${process.pid}`;
  try {
    await copyTree(at, unfinished);
    if (own) await writeFile(join(unfinished, installedMark), '');
    await rename(unfinished, kept);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  for (const name of await readdir(folder)) {
    const facts = await stat(join(folder, name)).catch(() => undefined);
    if (facts !== undefined && Date.now() - facts.mtimeMs > longestUnused)
      await rm(join(folder, name), { recursive: true, force: true });
  }
}

/** By links where both are on one disk. */
async function copyTree(from: string, to: string): Promise<void> {
  if (!(await linkTree(from, to))) await cp(from, to, { recursive: true, verbatimSymlinks: true });
}

async function isThere(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
