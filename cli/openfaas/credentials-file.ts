import { lstat, readFile, readlink, realpath } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { failedWith, UserError } from '../errors.ts';

/** What of the process decides where the file is and what overrides it. */
export interface CredentialsPlace {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly workingFolder: string;
}

/**
 * The file that faas-cli reads too (its `config/config_file.go`): `$OPENFAAS_CONFIG/config.yml`, in CI (`CI=true` or `CI=1`)
 * `.openfaas/config.yml` of the working folder, else `~/.openfaas/config.yml`.
 */
export function credentialsFile(place: CredentialsPlace): string {
  const { OPENFAAS_CONFIG: folder, CI: ci } = place.environment;
  if (folder)
    return resolve(
      place.workingFolder,
      folder.replace(/^~(?=$|\/)/, () => place.home),
      'config.yml',
    );
  return join(ci === 'true' || ci === '1' ? place.workingFolder : place.home, '.openfaas', 'config.yml');
}

/** The file behind a chain of links, whether it is there yet or not: replacing the link itself would break dotfile set-ups. */
export async function followLinks(file: string): Promise<string> {
  let target = file;
  for (let hops = 0; hops < 16; hops++) {
    const entry = await lstat(target).catch(ignoreAbsence);
    if (entry === undefined) return target;
    if (!entry.isSymbolicLink()) return realpath(target);
    target = resolve(dirname(target), await readlink(target));
  }
  throw new Error('too many symbolic links');
}

/** The text of the file, `undefined` if it is not there. Throws BAN-E003. */
export async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8').catch(ignoreAbsence);
  } catch (error) {
    throw unreadable(file, error instanceof Error ? error.message : String(error), error);
  }
}

function ignoreAbsence(error: unknown): undefined {
  if (failedWith(error, 'ENOENT', 'ENOTDIR')) return undefined;
  throw error;
}

/** BAN-E003 for the file. `problem` must not quote it: it holds secrets. */
export function unreadable(file: string, problem: string, cause?: unknown): UserError {
  return new UserError('BAN-E003', `${file}: ${problem}`, {
    hint: 'faas-cli and bantam keep their logins in this file: mend it, or move it away and log in again',
    cause,
  });
}
