import { readdir } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { suggest } from './suggest.ts';

/** Names of folders beside a missing one that it may have been meant to be. */
export async function nearestFolders(missing: string): Promise<string[]> {
  // Only a suggestion: a parent that cannot be listed has none to offer.
  const entries = await readdir(dirname(missing), { withFileTypes: true }).catch(() => []);
  return suggest(
    basename(missing),
    entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map(({ name }) => name),
  );
}
