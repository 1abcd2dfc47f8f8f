import { constants } from 'node:fs';
import { chmod, copyFile, link, lstat, mkdir, readdir, readlink, symlink } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Makes a replica's own root out of an unpacked image. `shared` files are the image's own under another name, which costs nothing, and nothing can be
 * put beside them; else all is a copy that the replica may change.
 */
export async function copyTree(from: string, to: string, shared: boolean): Promise<void> {
  await mkdir(to, { mode: 0o755 });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) await copyTree(source, target, shared);
    else if (entry.isSymbolicLink()) await symlink(await readlink(source), target);
    else if (shared) await link(source, target).catch(() => copyFile(source, target, constants.COPYFILE_FICLONE));
    else {
      await copyFile(source, target, constants.COPYFILE_FICLONE);
      await chmod(target, (await lstat(source)).mode | 0o200);
    }
  }
  if (shared) await chmod(to, 0o555);
}
