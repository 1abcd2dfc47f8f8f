import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import coverageLibrary from 'istanbul-lib-coverage';
import v8ToIstanbul from 'v8-to-istanbul';
import * as v from 'valibot';
import type { Coverage, FileCoverage } from '../result.ts';
import { missedRanges, sumCoverage } from './line-coverage.ts';

const range = v.object({ startOffset: v.number(), endOffset: v.number(), count: v.number() });
const reportSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    result: v.array(
      v.object({
        scriptId: v.string(),
        url: v.string(),
        functions: v.array(
          v.object({ functionName: v.string(), isBlockCoverage: v.boolean(), ranges: v.array(range) }),
        ),
      }),
    ),
  }),
);

/**
 * What the tests ran of `files` (the handler's sources), from what V8 has written into `folder`, mapped from the bundles in
 * `bundles` to the user's lines. Files that no test has loaded count as not run.
 */
export async function readNodeCoverage(
  folder: string,
  bundles: string,
  files: readonly string[],
): Promise<Coverage | undefined> {
  const names = await readdir(folder).catch(() => []);
  const map = coverageLibrary.createCoverageMap({});
  const wanted = new Set(files);
  for (const name of names.filter((one) => one.endsWith('.json'))) {
    const { result } = v.parse(reportSchema, await readFile(join(folder, name), 'utf8'));
    for (const { url, functions } of result) {
      if (!url.startsWith('file:')) continue;
      const path = fileURLToPath(url);
      if (!path.startsWith(bundles)) continue;
      const converter = v8ToIstanbul(path);
      try {
        await converter.load();
        converter.applyCoverage(functions);
        map.merge(converter.toIstanbul());
      } finally {
        converter.destroy();
      }
    }
  }
  if (names.length === 0) return undefined;
  const seen = map.files().filter((file) => wanted.has(file));
  const loaded = seen.map((file): FileCoverage => {
    const lines = new Map<number, boolean>();
    for (const [line, count] of Object.entries(map.fileCoverageFor(file).getLineCoverage()))
      lines.set(Number(line), count > 0);
    return {
      file,
      covered: [...lines.values()].filter((hit) => hit).length,
      total: lines.size,
      missed: missedRanges(lines),
    };
  });
  const never = files.filter((file) => !seen.includes(file) && /\.[cm]?[jt]sx?$/.test(file));
  return sumCoverage('lines', [...loaded, ...(await Promise.all(never.map(notLoaded)))]);
}

async function notLoaded(file: string): Promise<FileCoverage> {
  const total = (await readFile(file, 'utf8')).split('\n').length;
  return { file, covered: 0, total, missed: [[1, total]] };
}
