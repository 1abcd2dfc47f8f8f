import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Names of files with unit tests in TypeScript and JavaScript. */
export const testFile = /\.(?:test|spec)\.[cm]?[jt]sx?$/;

/** Folders in which nobody keeps tests of a function: packages, what tools write, what is hidden. */
const passedOver = new Set(['node_modules', 'vendor', 'coverage', 'dist', 'build']);

/** So many folders below the function's are looked into. */
const deepest = 8;

/** The files below a folder whose names match, relative to it with `/`, sorted. Links to folders are not followed. */
export async function findFiles(folder: string, pattern: RegExp): Promise<readonly string[]> {
  const found: string[] = [];
  const walk = async (path: string, depth: number): Promise<void> => {
    for (const entry of await readdir(join(folder, path), { withFileTypes: true })) {
      const child = path === '' ? entry.name : `${path}/${entry.name}`;
      if (entry.isDirectory()) {
        if (depth < deepest && !entry.name.startsWith('.') && !passedOver.has(entry.name)) await walk(child, depth + 1);
      } else if (pattern.test(entry.name)) found.push(child);
    }
  };
  await walk('', 0);
  return found.sort();
}
