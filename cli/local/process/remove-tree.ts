import { chmod, lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { failedWith } from '../../errors.ts';

/** Removes a folder whose folders may be write-protected (a replica's root is). Quiet if it is gone; follows no link. */
export async function removeTree(folder: string): Promise<void> {
  try {
    await rm(folder, { recursive: true, force: true });
  } catch (error) {
    if (!failedWith(error, 'EACCES', 'EPERM')) throw error;
    await openFolders(folder);
    await rm(folder, { recursive: true, force: true });
  }
}

async function openFolders(folder: string): Promise<void> {
  if ((await lstat(folder).catch(() => undefined))?.isDirectory() !== true) return;
  await chmod(folder, 0o700);
  for (const entry of await readdir(folder, { withFileTypes: true }))
    if (entry.isDirectory()) await openFolders(join(folder, entry.name));
}
