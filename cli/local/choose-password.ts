import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { UserError } from '../errors.ts';
import { readKeptPassword } from './state/kept-password.ts';

/** A password, and whether the next gateway of the folder is to have it, too. */
export interface ChosenPassword {
  readonly password: string;
  readonly toKeep: boolean;
}

/**
 * The password of a gateway: the given one, the file's (without one line end behind it), the one that bantam made for this folder before, or a new one.
 * With `listen` it goes over the network in the clear, so it is a new one each time. Throws BAN-E003 for a file that cannot be read or is empty.
 */
export async function choosePassword({
  password,
  passwordFile,
  stateFolder,
  listen,
}: {
  readonly password?: string | undefined;
  readonly passwordFile?: string | undefined;
  readonly stateFolder: string;
  readonly listen?: string | undefined;
}): Promise<ChosenPassword> {
  if (passwordFile !== undefined) return { password: await readPassword(passwordFile), toKeep: false };
  if (password !== undefined) return { password, toKeep: false };
  const kept = listen === undefined ? await readKeptPassword(stateFolder) : undefined;
  if (kept !== undefined) return { password: kept, toKeep: false };
  return { password: randomBytes(24).toString('base64url'), toKeep: listen === undefined };
}

async function readPassword(passwordFile: string): Promise<string> {
  const text = await readFile(passwordFile, 'utf8').catch((error: unknown) => {
    const reason = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    throw new UserError('BAN-E003', `the password file ${passwordFile} cannot be read${reason}`, {
      hint: 'check the name behind --password-file, or leave it out: a new password is made and kept in .bantam/',
      cause: error,
    });
  });
  const read = text.replace(/\r?\n$/, '');
  if (read === '')
    throw new UserError('BAN-E003', `the password file ${passwordFile} is empty`, {
      hint: `write one line into it: openssl rand -hex 24 > ${passwordFile}`,
    });
  return read;
}
