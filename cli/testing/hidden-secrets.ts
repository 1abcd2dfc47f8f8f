import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../errors.ts';

/** Takes the values of secrets out of what is shown. */
export type Hide = (text: string) => string;

/** What stands in their place. */
export const hiddenText = '[secret]';

/** Hides these values, with and without the white space around them; longer ones first, since one may hold another. */
export function hideSecrets(values: Iterable<string>): Hide {
  const texts = [...new Set([...values].flatMap((value) => [value, value.trim(), JSON.stringify(value).slice(1, -1)]))]
    .filter((text) => text.trim() !== '')
    .sort((left, right) => right.length - left.length);
  return (text) => texts.reduce((shown, secret) => shown.replaceAll(secret, hiddenText), text);
}

/** The files of `tests/secrets/`: every replica that the tests start finds them as its secrets. None without the folder. Throws BAN-E003. */
export async function readSecretFolder(handler: string): Promise<Readonly<Record<string, string>>> {
  const folder = join(handler, 'tests', 'secrets');
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
    throw new UserError('BAN-E003', `${folder} cannot be read: ${error.message}`, {
      hint: 'check its permissions',
      cause: error,
    });
  });
  const names = entries.filter((entry) => !entry.isDirectory() && !entry.name.startsWith('.')).map(({ name }) => name);
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await readSecret(join(folder, name))])));
}

/** The text of one secret's file. Throws BAN-E003, which names the file and never what is in it. */
export async function readSecret(file: string): Promise<string> {
  return await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new UserError('BAN-E003', `the secret ${file} cannot be read: ${error.code ?? error.message}`, {
      hint: 'a secret of an example is a file, relative to the file of examples',
      cause: error,
    });
  });
}
