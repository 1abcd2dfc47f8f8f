import { chmod, mkdir, open, readdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isSecretName } from '../../openfaas/secret-name.ts';

/**
 * The secrets of a local gateway: one file each, for as long as the gateway lives. The folder is the user's alone (0700); the files are 0444,
 * because a container sees its own file mounted and reads it as another user.
 */
export class SecretStore {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Makes the folder, empty. */
  static async open(folder: string): Promise<SecretStore> {
    const absolute = resolve(folder);
    await rm(absolute, { recursive: true, force: true });
    await mkdir(absolute, { recursive: true, mode: 0o700 });
    await chmod(absolute, 0o700);
    return new SecretStore(absolute);
  }

  /** Names in alphabetical order. */
  async list(): Promise<readonly string[]> {
    return (await readdir(this.#folder)).sort();
  }

  async has(name: string): Promise<boolean> {
    return (await this.list()).includes(name);
  }

  /** The file that holds the value; it need not exist yet. */
  file(name: string): string {
    if (!isSecretName(name)) throw new Error(`"${name}" is no name of a secret`);
    return join(this.#folder, name);
  }

  /** Writes a value. An existing file is written in place: containers that have it mounted read the new value. */
  async write(name: string, value: Uint8Array): Promise<void> {
    const path = this.file(name);
    if (!(await this.has(name))) {
      await writeFile(path, value, { mode: 0o444, flag: 'wx' });
      // The umask may have taken bits away.
      await chmod(path, 0o444);
      return;
    }
    await chmod(path, 0o644);
    const handle = await open(path, 'r+');
    try {
      await handle.write(value, 0, value.length, 0);
      await handle.truncate(value.length);
    } finally {
      await handle.close();
      await chmod(path, 0o444);
    }
  }

  /** Quiet if there is none. */
  async remove(name: string): Promise<void> {
    await rm(this.file(name), { force: true });
  }

  /** Removes the folder and all values. */
  async close(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}
