import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import writeFileAtomic from 'write-file-atomic';

/**
 * Where a project keeps the schema that editors check its stack file with, relative to that file. A copy in the project works
 * offline, for everybody who clones it, and without bantam; faas-cli looks at folders only in template/.
 */
export const editorSchema = 'template/stack.schema.json';

/** The line in a stack file that names it, for the YAML language server (VS Code, Neovim, Helix, …). */
const modeline = new RegExp(
  `^#\\s+yaml-language-server:.*\\$schema=(?:\\./)?${editorSchema.replaceAll('.', '\\.')}\\s*$`,
  'm',
);

/** Writes the schema of this bantam beside a stack file that names it, if it is missing or another one. Returns the file if something was written. Throws what the file system refuses. */
export async function refreshEditorSchema(stackFile: string, packageFolder: string): Promise<string | undefined> {
  if (!modeline.test(await readFile(stackFile, 'utf8'))) return undefined;
  const file = join(dirname(stackFile), editorSchema);
  const wanted = await readFile(join(packageFolder, 'docs', 'stack.schema.json'), 'utf8');
  // What cannot be read is written anew, and that says why it cannot.
  if ((await readFile(file, 'utf8').catch(() => undefined)) === wanted) return undefined;
  await mkdir(dirname(file), { recursive: true });
  await writeFileAtomic(file, wanted, { mode: 0o644 });
  return file;
}
