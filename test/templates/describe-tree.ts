import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Everything of a tree that goes into a layer, a line each: path, kind and mode, time, content. The first is the root's own. */
export async function describeTree(folder: string): Promise<string[]> {
  const lines: string[] = [];
  for (const path of ['.', ...(await readdir(folder, { recursive: true })).sort()]) {
    const { mode, mtimeMs } = await stat(join(folder, path));
    const isFile = (mode & 0o170000) === 0o100000;
    const hash = isFile
      ? createHash('sha256')
          .update(await readFile(join(folder, path)))
          .digest('hex')
      : '-';
    lines.push(`${path} ${mode.toString(8)} ${mtimeMs} ${hash}`);
  }
  return lines;
}
