import { chmod, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isSecretName } from '../../openfaas/secret-name.ts';
import { makeFolder } from '../../tools/make-folder.ts';

/** A value on its way: not yet whole, and whole but not yet at its place. No secret begins so, and a name of 253 letters still fits into a file's. */
const unfinished = '~';
const pending = '_';

/**
 * The secrets of a local gateway: one file each, which outlive it. The folder is the user's alone (0700); the files are 0444, because a container sees
 * its own file mounted and reads it as another user. A value is either the old or the new one, also when the gateway is killed while it writes.
 */
export class SecretStore {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Opens the folder, which is made if it is missing, and ends what a killed gateway had begun to write. */
  static async open(folder: string): Promise<SecretStore> {
    const absolute = resolve(folder);
    await makeFolder(absolute, 0o700);
    await chmod(absolute, 0o700);
    const store = new SecretStore(absolute);
    for (const file of await readdir(absolute)) {
      if (file.startsWith(unfinished)) await rm(join(absolute, file), { force: true });
      if (file.startsWith(pending)) await store.#place(file.slice(pending.length));
    }
    return store;
  }

  /** Names in alphabetical order. */
  async list(): Promise<readonly string[]> {
    return (await readdir(this.#folder)).filter(isSecretName).sort();
  }

  async has(name: string): Promise<boolean> {
    return (await this.list()).includes(name);
  }

  /** The file that holds the value; it need not exist yet. */
  file(name: string): string {
    if (!isSecretName(name)) throw new Error(`"${name}" is no name of a secret`);
    return join(this.#folder, name);
  }

  /** Writes a value; when this resolves, it is on the disk. An existing file is written in place: containers that have it mounted read the new value. */
  async write(name: string, value: Uint8Array): Promise<void> {
    this.file(name);
    const writing = join(this.#folder, `${unfinished}${name}`);
    await rm(writing, { force: true });
    try {
      await writeDurably(writing, 'wx', value);
      await rename(writing, join(this.#folder, `${pending}${name}`));
    } catch (error) {
      await rm(writing, { force: true });
      throw error;
    }
    await this.#place(name);
  }

  /** Quiet if there is none. */
  async remove(name: string): Promise<void> {
    await rm(this.file(name), { force: true });
  }

  /** Brings a whole value to its place. May be done again. */
  async #place(name: string): Promise<void> {
    const from = join(this.#folder, `${pending}${name}`);
    const path = this.file(name);
    if (await this.has(name)) {
      await chmod(path, 0o644);
      await writeDurably(path, 'r+', await readFile(from));
      await chmod(path, 0o444);
      await rm(from);
    } else {
      await chmod(from, 0o444);
      await rename(from, path);
    }
  }
}

async function writeDurably(path: string, flag: 'wx' | 'r+', value: Uint8Array): Promise<void> {
  const handle = await open(path, flag, 0o600);
  try {
    await handle.write(value, 0, value.length, 0);
    await handle.truncate(value.length);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
