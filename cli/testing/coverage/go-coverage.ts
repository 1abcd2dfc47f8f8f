import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Coverage, FileCoverage } from '../result.ts';
import { missedRanges, sumCoverage } from './line-coverage.ts';

/** One block of a profile: `handler/function/handler.go:15.60,18.2 3 1`, three statements, run once. */
const block = /^(.+):(\d+)\.\d+,(\d+)\.\d+ (\d+) (\d+)$/;

type Blocks = readonly {
  readonly file: string;
  readonly first: number;
  readonly last: number;
  readonly statements: number;
  readonly hits: number;
}[];

/** Reads a profile of `go test -coverprofile`, with `module`'s files as those of the user's folder. Undefined where no test has run. */
export async function readGoCoverage(file: string, module: string, handler: string): Promise<Coverage | undefined> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  // With several packages each tells of all blocks: the highest count is the one that counts.
  const blocks = new Map<string, Blocks[number]>();
  for (const line of text.split('\n')) {
    const [, name = '', first, last, statements, hits] = block.exec(line) ?? [];
    if (!name.startsWith(`${module}/`)) continue;
    const key = line.slice(0, line.lastIndexOf(' '));
    const known = blocks.get(key)?.hits ?? 0;
    blocks.set(key, {
      file: join(handler, name.slice(module.length + 1)),
      first: Number(first),
      last: Number(last),
      statements: Number(statements),
      hits: Math.max(known, Number(hits)),
    });
  }
  const files = new Map<string, Blocks>();
  for (const one of blocks.values()) files.set(one.file, [...(files.get(one.file) ?? []), one]);
  return sumCoverage(
    'statements',
    [...files].map(([name, all]): FileCoverage => {
      const lines = new Map<number, boolean>();
      for (const { first, last, hits } of all)
        for (let line = first; line <= last; line += 1) lines.set(line, hits > 0 || lines.get(line) === true);
      return {
        file: name,
        covered: all.reduce((sum, { statements, hits }) => sum + (hits > 0 ? statements : 0), 0),
        total: all.reduce((sum, { statements }) => sum + statements, 0),
        missed: missedRanges(lines),
      };
    }),
  );
}
