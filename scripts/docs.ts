/**
 * `npm run docs`: writes what is generated from the code into docs/: errors.md, stack.schema.json, examples.schema.json, cli/ (a page per noun) and json/ (a JSON Schema per command).
 * A test fails while they are stale. A schema that would break its readers is refused; `-- --break NAME` accepts it.
 */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { renderCommandPages } from './docs/command-pages.ts';
import { renderErrors } from './docs/error-page.ts';
import { renderExamplesSchema } from './docs/examples-schema.ts';
import { findBreaks } from './docs/json-compatibility.ts';
import { renderDocumentSchemas } from './docs/json-schemas.ts';
import { renderStackSchema } from './docs/stack-schema.ts';

const docs = fileURLToPath(new URL('../docs', import.meta.url));

/** Folders of docs/ in which every file is generated. */
export const generatedFolders = ['cli', 'json'];

/** Every generated file: its path below docs/ and its text. */
export async function renderDocs(): Promise<ReadonlyMap<string, string>> {
  return new Map([
    ['errors.md', renderErrors()],
    ['stack.schema.json', renderStackSchema()],
    ['examples.schema.json', renderExamplesSchema()],
    ...(await renderCommandPages()),
    ...renderDocumentSchemas(),
  ]);
}

/** What is committed of them; files that nothing generates any more are in it, too. */
export async function readDocs(): Promise<ReadonlyMap<string, string>> {
  const names = ['errors.md', 'stack.schema.json', 'examples.schema.json'];
  for (const folder of generatedFolders) {
    const entries = await readdir(join(docs, folder)).catch(() => []);
    names.push(...entries.map((entry) => `${folder}/${entry}`));
  }
  return new Map(
    await Promise.all(
      names.map(async (name) => [name, await readFile(join(docs, name), 'utf8').catch(() => '')] as const),
    ),
  );
}

async function writeDocs(accepted: readonly string[]): Promise<void> {
  const [wanted, present] = await Promise.all([renderDocs(), readDocs()]);
  const breaks = findBreaks(present, wanted).filter(({ file }) => !accepted.includes(file));
  if (breaks.length > 0) {
    for (const { file, problem } of breaks) console.error(`docs/${file}: ${problem}`);
    console.error('readers of --json would break; -- --break json/NAME.json writes that file all the same');
    process.exitCode = 1;
  }
  const refused = new Set(breaks.map(({ file }) => file));
  for (const [name, text] of wanted) {
    if (text === present.get(name) || refused.has(name)) continue;
    await mkdir(dirname(join(docs, name)), { recursive: true });
    await writeFile(join(docs, name), text);
    console.log(`docs/${name}`);
  }
  for (const name of present.keys()) if (!wanted.has(name) && !refused.has(name)) await rm(join(docs, name));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const words = process.argv.slice(2);
  await writeDocs(words.filter((_, position) => words[position - 1] === '--break'));
}
