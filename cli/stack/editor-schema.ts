import { mkdir, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import writeFileAtomic from 'write-file-atomic';

/**
 * Where a project keeps the schema that editors check its stack file with, relative to that file. A copy in the project works
 * offline, for everybody who clones it, and without bantam; faas-cli looks at folders only in template/.
 */
export const editorSchema = 'template/stack.schema.json';

/** The same for files of examples (`tests/NAME.http.yml`), which name it as `../../template/examples.schema.json`. */
const examplesSchema = 'template/examples.schema.json';

/** The line in a stack file that names it, for the YAML language server (VS Code, Neovim, Helix, …). */
const modeline = new RegExp(
  `^#\\s+yaml-language-server:.*\\$schema=(?:\\./)?${editorSchema.replaceAll('.', '\\.')}\\s*$`,
  'm',
);

/**
 * Writes the schemas of this bantam into the project of a stack file that names its own, where they are missing or others:
 * that of the stack file, and that of examples if the function has some. Returns the files that were written. Throws what the
 * file system refuses.
 */
export async function refreshEditorSchemas(
  stackFile: string,
  packageFolder: string,
  { examples }: { readonly examples: boolean },
): Promise<readonly string[]> {
  if (!modeline.test(await readFile(stackFile, 'utf8'))) return [];
  const written: string[] = [];
  for (const path of examples ? [editorSchema, examplesSchema] : [editorSchema]) {
    const file = join(dirname(stackFile), path);
    const wanted = await readFile(join(packageFolder, 'docs', basename(path)), 'utf8');
    // What cannot be read is written anew, and that says why it cannot.
    if ((await readFile(file, 'utf8').catch(() => undefined)) === wanted) continue;
    await mkdir(dirname(file), { recursive: true });
    await writeFileAtomic(file, wanted, { mode: 0o644 });
    written.push(file);
  }
  return written;
}
