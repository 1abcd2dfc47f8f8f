import { lstat, readdir, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { describeFailure, type Failure, failedWith, UserError } from '../../errors.ts';
import { requireSecretName } from '../../openfaas/secret-name.ts';
import { type ReadValue, readValueFile } from './value.ts';

/** A file of the folder: a secret of that name with its value, or why it is none. */
export type SecretFile = { readonly name: string } & (ReadValue | { readonly failure: Failure });

/** What a folder of secrets holds. `passedOver`: folders, which faas-cli does not look into either. */
export interface SecretFolder {
  readonly files: readonly SecretFile[];
  readonly passedOver: readonly string[];
}

/**
 * Reads a folder of secrets, one file each, in alphabetical order. Names that begin with a dot (.gitignore) are no secrets.
 * A link must end inside the folder (Kubernetes mounts secrets so). Throws BAN-E003 if there is no such folder, Interrupted.
 */
export async function readSecretFolder(
  folder: string,
  wanted: readonly string[],
  noTrim: boolean,
  signal: AbortSignal,
): Promise<SecretFolder> {
  const entries = await readEntries(folder);
  const names = entries
    .filter((name) => !name.startsWith('.') && (wanted.length === 0 || wanted.includes(name)))
    .sort();
  const root = await realpath(folder);
  const files: SecretFile[] = [];
  const passedOver: string[] = [];
  for (const name of names) {
    const path = join(folder, name);
    try {
      if ((await lstat(path)).isDirectory()) {
        passedOver.push(name);
        continue;
      }
      requireSecretName(name);
      await requireFileWithin(root, path);
      files.push({ name, ...(await readValueFile(path, noTrim, signal)) });
    } catch (thrown) {
      const failure = describeFailure(thrown);
      if (failure.code === 'BAN-BUG' || failure.code === 'BAN-INTERRUPTED') throw thrown;
      files.push({ name, failure });
    }
  }
  for (const name of wanted.filter((each) => !names.includes(each)))
    files.push({
      name,
      failure: describeFailure(
        new UserError('BAN-E002', `${join(folder, name)} is not there`, {
          hint: `its files: ${names.join(', ') || 'none'}`,
        }),
      ),
    });
  return { files, passedOver };
}

async function readEntries(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (!failedWith(error, 'ENOENT')) throw error;
    throw new UserError('BAN-E003', `${folder}: no such folder`, {
      hint: 'it holds one file for each secret, named like it: mkdir -m 700 .secrets, and keep it out of git',
      cause: error,
    });
  }
}

/** A link to somewhere else would send a file to the gateway that nobody put among the secrets; a pipe or a device has no end. */
async function requireFileWithin(root: string, path: string): Promise<void> {
  const real = await realpath(path);
  if (!real.startsWith(root + sep))
    throw new UserError('BAN-E003', `${path}: the link leads out of the folder`, {
      hint: 'copy the file, or send it with bantam secret create --from-file',
    });
  if (!(await stat(real)).isFile())
    throw new UserError('BAN-E003', `${path}: it is no file`, { hint: 'a secret is a plain file' });
}
