import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemCode } from '../errors.ts';

/**
 * Makes a folder and those above it, as `mkdir -p`. Node's own (`recursive: true`) goes round forever where the folder above is there and yet nothing
 * can be made in it because "there is no such file": below /proc, for one. `mode`: of those that are made. Throws what the system says.
 */
export async function makeFolder(path: string, mode = 0o777): Promise<void> {
  if (await madeOrThere(path, mode)) return;
  await makeFolder(dirname(path), mode);
  if (!(await madeOrThere(path, mode))) await mkdir(path, mode);
}

/** False where the folder above is missing. */
async function madeOrThere(path: string, mode: number): Promise<boolean> {
  try {
    await mkdir(path, mode);
    return true;
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' && dirname(path) !== path) return false;
    if (code === 'EEXIST' && (await stat(path)).isDirectory()) return true;
    // A folder that is there may answer with something else than EEXIST: EROFS, EACCES, EISDIR of the root.
    if (code !== 'ENOTDIR' && (await stat(path).catch(() => undefined))?.isDirectory() === true) return true;
    throw error;
  }
}
