import { mkdtemp, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';

/** How folders of kept commits end: `COMMIT.git`. */
export const suffix = '.git';

/** How working folders beside them begin. */
export const stagedPrefix = '.new-';

/** How long a working folder may go unchanged before it is nobody's, in milliseconds: a fetch takes 10 minutes at most, twice. */
export const abandonedAfter = 3_600_000;

/** How much is kept: commits, bytes. `inUse`: what was used less than so many milliseconds ago stays, whatever the others say. */
const keptLimits = { commits: 100, bytes: 1024 * 1024 * 1024, inUse: 3_600_000 };

/** Notes that a kept commit was used now: those that nobody uses are removed first. */
export async function touchKept(folder: string): Promise<void> {
  const now = new Date();
  // It may be on a read-only disk, or just be removed: it is only the order of removal.
  await utimes(folder, now, now).catch(() => undefined);
}

/**
 * Removes the commits that were not used for longest until the rest keeps the limits. What cannot be removed stays: the work
 * at hand does not need it gone.
 */
export async function boundKept(folder: string, limits: Partial<typeof keptLimits> = {}): Promise<void> {
  const { commits, bytes, inUse } = { ...keptLimits, ...limits };
  const kept = await Promise.all(
    (await readdir(folder).catch(() => []))
      .filter((name) => name.endsWith(suffix))
      .map(async (name) => {
        const path = join(folder, name);
        return { path, used: (await stat(path).catch(() => undefined))?.mtimeMs ?? 0, size: await sizeOf(path) };
      }),
  );
  const old = kept.sort((left, right) => left.used - right.used);
  let size = old.reduce((sum, each) => sum + each.size, 0);
  for (const [index, each] of old.entries()) {
    if ((old.length - index <= commits && size <= bytes) || Date.now() - each.used < inUse) return;
    await removeWhole(folder, each.path).catch(() => undefined);
    size -= each.size;
  }
}

/** Half a commit never has its name: it is moved away first. */
async function removeWhole(folder: string, path: string): Promise<void> {
  const aside = await mkdtemp(join(folder, stagedPrefix));
  try {
    await rename(path, join(aside, 'old'));
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

async function sizeOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const sizes = await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map(async (entry) => (await stat(join(entry.parentPath, entry.name)).catch(() => undefined))?.size ?? 0),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
