import { createHash } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, realpath, stat, writeFile } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { Interrupted, UserError } from '../errors.ts';

/** One file of a template, on disk or in a git repository. `path`: relative, with `/`. */
export interface TreeFile {
  readonly path: string;
  readonly executable: boolean;
  read(): Promise<Uint8Array>;
}

/**
 * The files below `folder`, sorted by path. Links are followed as faas-cli does; one that leads out of `within` (by default
 * the folder itself), nowhere or in a circle is refused (BAN-E112), and so is anything that is neither file nor folder.
 * `node_modules` and `.git` are nobody's template and left out.
 */
export async function listTree(folder: string, within: string = folder): Promise<TreeFile[]> {
  const root = await realpath(within);
  const files: TreeFile[] = [];
  const walk = async (current: string, prefix: string, above: readonly string[]): Promise<void> => {
    const names = (await readdir(current)).filter((name) => !leftOut.has(name)).sort();
    for (const name of names) {
      const path = prefix + name;
      const source = await realpath(join(current, name)).catch((error: NodeJS.ErrnoException) => {
        throw refused(
          folder,
          path,
          error.code === 'ELOOP' ? 'is a link that leads in a circle' : 'is a link that leads nowhere',
        );
      });
      if (source !== root && !source.startsWith(root + sep))
        throw refused(folder, path, `is a link that leads out of the template, to ${source}`);
      const found = await stat(source);
      if (found.isDirectory()) {
        if (above.includes(source)) throw refused(folder, path, 'is a link that leads in a circle');
        await walk(source, `${path}/`, [...above, source]);
      } else if (found.isFile())
        files.push({ path, executable: (found.mode & 0o111) !== 0, read: async () => await readFile(source) });
      else throw refused(folder, path, 'is neither a file nor a folder');
    }
  };
  const start = await realpath(folder);
  await walk(start, '', [start]);
  return sortFiles(files);
}

/** By path, so that the same files have the same hash whatever order they were found in. */
export function sortFiles(files: readonly TreeFile[]): TreeFile[] {
  return [...files].sort((left, right) => (left.path < right.path ? -1 : 1));
}

/** Writes the files below `target`, which is created; modes are 0644 and 0755 whatever the umask is. Throws Interrupted between files. */
export async function copyTree(files: readonly TreeFile[], target: string, signal?: AbortSignal): Promise<void> {
  await makeFolder(target);
  const made = new Set(['.']);
  for (const { path, executable, read } of files) {
    if (signal?.aborted) throw new Interrupted();
    const parts = path.split('/').slice(0, -1);
    for (const [index] of parts.entries()) {
      const parent = parts.slice(0, index + 1).join('/');
      if (!made.has(parent)) await makeFolder(join(target, parent));
      made.add(parent);
    }
    const file = join(target, path);
    await writeFile(file, await read(), { flag: 'wx' });
    await chmod(file, executable ? 0o755 : 0o644);
  }
}

/** What each file is: `sha256:<hex>` of its bytes, with ` executable` behind it where that is so. By path, in the order of the files. */
export async function digestFiles(files: readonly TreeFile[]): Promise<ReadonlyMap<string, string>> {
  const digests = new Map<string, string>();
  for (const { path, executable, read } of files) {
    const content = createHash('sha256')
      .update(await read())
      .digest('hex');
    digests.set(path, `sha256:${content}${executable ? executableMark : ''}`);
  }
  return digests;
}

/** `sha256:<hex>` over paths, contents and the executable bit: the same on every machine for the same files. */
export function hashDigests(digests: ReadonlyMap<string, string>): string {
  const hash = createHash('sha256');
  for (const [path, digest] of digests) {
    const executable = digest.endsWith(executableMark);
    const content = digest.slice('sha256:'.length, executable ? -executableMark.length : undefined);
    hash.update(`${executable ? 'x' : '-'} ${content} ${path}\0`);
  }
  return `sha256:${hash.digest('hex')}`;
}

/** {@link hashDigests} of the files. */
export async function hashTree(files: readonly TreeFile[]): Promise<string> {
  return hashDigests(await digestFiles(files));
}

/** Names that belong to no template, wherever they stand. */
export const leftOut: ReadonlySet<string> = new Set(['node_modules', '.git', '.DS_Store']);

const executableMark = ' executable';

async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o755);
}

function refused(folder: string, path: string, reason: string): UserError {
  return new UserError('BAN-E112', `the template in ${folder} cannot be copied: ${path} ${reason}`, {
    hint: 'replace it by a file inside the template',
  });
}
