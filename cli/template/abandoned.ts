import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Removes working folders that killed programs have left: entries of `folder` whose names begin with `prefix` and that nobody
 * has changed for `age` milliseconds. What cannot be looked at or removed stays: the work at hand does not need it gone.
 */
export async function removeAbandoned(folder: string, prefix: string, age: number): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.startsWith(prefix)) continue;
    const path = join(folder, name);
    const facts = await stat(path).catch(() => undefined);
    if (facts !== undefined && Date.now() - facts.mtimeMs > age)
      await rm(path, { recursive: true, force: true }).catch(() => undefined);
  }
}
