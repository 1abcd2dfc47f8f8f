import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** A temporary folder (with a space and a letter outside ASCII in its path) that holds the given files, removed when its scope ends. */
export async function temporaryProject(
  files: Readonly<Record<string, string | Uint8Array>> = {},
): Promise<{ readonly folder: string } & AsyncDisposable> {
  const outer = await realpath(await mkdtemp(join(tmpdir(), 'bantam-test-')));
  const folder = join(outer, 'my projéct');
  await mkdir(folder);
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  return { folder, [Symbol.asyncDispose]: () => rm(outer, { recursive: true, force: true }) };
}
