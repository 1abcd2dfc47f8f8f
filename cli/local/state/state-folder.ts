import { chmod, lstat, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { failedWith, UserError } from '../../errors.ts';
import { makeFolder } from '../../tools/make-folder.ts';

/** Rights of group and others to write. */
const writableByOthers = 0o022;

/**
 * Makes the folder of a local gateway's state, for its user alone (0700), if it is missing, with a `.gitignore` that keeps all of it out of git. One that is
 * there has to be this user's: who may write to it decides what runs as this user. Throws BAN-E003, and what the system says.
 */
export async function openStateFolder(path: string): Promise<void> {
  await makeFolder(path, 0o700);
  const { uid, mode } = await stat(path);
  // No POSIX users: nothing to compare.
  const user = process.getuid?.();
  if (user !== undefined && user !== 0 && uid !== user)
    throw new UserError('BAN-E003', `${path} belongs to another user`, {
      hint: `a local gateway runs functions as you, so its folder has to be yours: ls -ld ${path}`,
    });
  if ((mode & writableByOthers) !== 0) await closeToOthers(path);
  await writeFile(join(path, '.gitignore'), '*\n', { flag: 'wx', mode: 0o600 }).catch((error: unknown) => {
    if (!failedWith(error, 'EEXIST')) throw error;
  });
}

/** Rights of a folder that a link names are not changed: it may serve others, too. */
async function closeToOthers(path: string): Promise<void> {
  if (!(await lstat(path)).isSymbolicLink()) return await chmod(path, 0o700);
  throw new UserError('BAN-E003', `${path} leads to a folder in which others may write`, {
    hint: `close it to them, chmod go-w "$(readlink -f ${path})", or remove the link`,
  });
}
