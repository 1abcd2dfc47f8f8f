import { link, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Makes a second tree of the same files, by hard links: it stays whole when the first one is replaced and removed. `to` must not
 * exist. False where the first is not there, changes at this moment, or the disk has no hard links; then nothing is left of `to`.
 */
export async function linkTree(from: string, to: string): Promise<boolean> {
  const walk = async (path: string): Promise<void> => {
    await mkdir(join(to, path));
    for (const entry of await readdir(join(from, path), { withFileTypes: true })) {
      const child = join(path, entry.name);
      if (entry.isDirectory()) await walk(child);
      else await link(join(from, child), join(to, child));
    }
  };
  try {
    await walk('');
    return true;
  } catch {
    await rm(to, { recursive: true, force: true });
    return false;
  }
}
