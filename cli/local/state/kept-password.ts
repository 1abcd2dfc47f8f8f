import { lstat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import writeFileAtomic from 'write-file-atomic';
import { systemCode } from '../../errors.ts';

/** What {@link keepPassword} writes, and nothing else. */
const made = /^[\w-]{32}$/;

/** Where the password that bantam made for a state folder stays over restarts (0600). */
function passwordPath(stateFolder: string): string {
  return join(stateFolder, 'password');
}

/** The password that an earlier gateway of this folder made; `undefined` if there is none, or one that others may have read or written. */
export async function readKeptPassword(stateFolder: string): Promise<string | undefined> {
  const path = passwordPath(stateFolder);
  try {
    const found = await lstat(path);
    const foreign = process.getuid !== undefined && found.uid !== process.getuid();
    if (!found.isFile() || foreign || (found.mode & 0o077) !== 0) return undefined;
    const text = (await readFile(path, 'utf8')).trimEnd();
    return made.test(text) ? text : undefined;
  } catch (error) {
    const code = systemCode(error);
    // A file where the folder should be: who opens that says so.
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** Keeps a password for the next gateway of this folder. */
export async function keepPassword(stateFolder: string, password: string): Promise<void> {
  await writeFileAtomic(passwordPath(stateFolder), `${password}\n`, { mode: 0o600 });
}
