import { createHash } from 'node:crypto';
import { readdir, readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { Stack, StackFunction } from '../stack/stack.ts';
import { leftOutOfHandler } from './left-out.ts';

/**
 * The files and folders that a function's image is made of: its handler, its template, and what is copied into every handler.
 * Absolute, as they are named; they need not be there.
 */
export function inputsOf(stack: Stack, declared: StackFunction, copied: readonly string[]): readonly string[] {
  if (declared.skipBuild) return [];
  return [
    ...(declared.handler === undefined ? [] : [declared.handler]),
    ...(declared.language === '' ? [] : [join(stack.folder, 'template', declared.language)]),
    ...copied,
  ];
}

/** Where the links below a folder lead, for those that lead somewhere: what is behind them gets into the image too. */
export async function linkTargets(folder: string): Promise<readonly string[]> {
  const leftOut = await leftOutOfHandler(folder, new Set());
  const found: string[] = [];
  const walk = async (path: string): Promise<void> => {
    const entries = await readdir(join(folder, path), { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      const child = path === '' ? entry.name : `${path}/${entry.name}`;
      if (leftOut(child) && leftOut.prunes) continue;
      if (entry.isDirectory()) await walk(child);
      else if (entry.isSymbolicLink()) {
        const target = await realpath(join(folder, child)).catch(() => undefined);
        if (target !== undefined) found.push(target);
      }
    }
  };
  await walk('');
  return found;
}

/** What faas-cli's `--tag digest` puts in the place of a tag: an md5 over the md5s of the handler's files in the order of their paths, links left out. */
export async function digestOfHandler(handler: string): Promise<string> {
  const entries = await readdir(handler, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const sums: string[] = [];
  for (const file of files.sort((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right))))
    sums.push(
      createHash('md5')
        .update(await readFile(file))
        .digest('hex'),
    );
  return createHash('md5').update(sums.join('')).digest('hex');
}
