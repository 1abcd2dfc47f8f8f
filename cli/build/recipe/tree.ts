import { chmod, mkdir, readdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { TreeEntry } from './description.ts';

/**
 * Makes the folders of the list and gives everything below `root` its fixed mode and the time 0, so that nothing of the
 * machine that builds reaches the image's digest. Files that are not listed become 0644, folders 0755. A folder comes after
 * what is in it: whatever is made there changes its time.
 */
export async function settleTree(root: string, entries: readonly TreeEntry[]): Promise<void> {
  const modes = new Map(entries.map(({ path, mode }) => [join(root, path), mode]));
  for (const { path, directory } of entries) if (directory) await mkdir(join(root, path), { recursive: true });
  const settle = async (folder: string): Promise<void> => {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) await settle(path);
      else await fix(path, modes.get(path) ?? 0o644);
    }
    await fix(folder, modes.get(folder) ?? 0o755);
  };
  await settle(root);
}

async function fix(path: string, mode: number): Promise<void> {
  await chmod(path, mode);
  await utimes(path, 0, 0);
}
