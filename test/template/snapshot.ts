import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Every path below a folder with its content, for telling whether anything changed. */
export async function snapshot(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const result: Record<string, string> = {};
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    result[path.slice(folder.length + 1)] = entry.isFile() ? await readFile(path, 'utf8') : '(no file)';
  }
  return result;
}
