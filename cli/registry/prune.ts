import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** How much a folder may hold: bytes and files. */
export interface Bounds {
  readonly bytes: number;
  readonly files: number;
}

/** Some thousand images; on an SD card of 16 GB nobody misses it. */
export const memoryBounds: Bounds = { bytes: 48 * 1024 * 1024, files: 8000 };

/** Removes the files that were unused for longest until a folder is within its bounds, with a quarter to spare. Files that vanish meanwhile are somebody else's tidying. */
export async function prune(folder: string, bounds: Bounds = memoryBounds): Promise<void> {
  const names = await readdir(folder);
  const files = await Promise.all(
    names.map(async (name) => {
      const file = join(folder, name);
      const facts = await stat(file).catch(() => undefined);
      return { file, size: facts?.size ?? 0, used: facts?.mtimeMs ?? 0 };
    }),
  );
  let bytes = files.reduce((sum, { size }) => sum + size, 0);
  let count = files.length;
  if (bytes <= bounds.bytes && count <= bounds.files) return;
  for (const { file, size } of files.sort((left, right) => left.used - right.used)) {
    if (bytes <= bounds.bytes * 0.75 && count <= bounds.files * 0.75) return;
    await rm(file, { force: true });
    bytes -= size;
    count -= 1;
  }
}
