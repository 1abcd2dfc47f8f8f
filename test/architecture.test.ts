import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { errorCodes } from '../cli/errors.ts';
import { biomeConfiguration, entrances, oneImporter, type Room, rooms } from '../scripts/rooms.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

interface Import {
  readonly file: string;
  readonly target: string;
}

/** Every import of cli/, static, dynamic, of types and re-exports; relative ones resolved to a path from the root. */
async function importsOfProgram(): Promise<readonly Import[]> {
  const found: Import[] = [];
  for (const file of await sources('cli')) {
    const text = await readFile(join(root, file), 'utf8');
    for (const match of text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)) {
      const target = match[1] ?? '';
      found.push({
        file,
        target: target.startsWith('.') ? relative(root, resolve(root, dirname(file), target)) : target,
      });
    }
  }
  return found;
}

async function sources(folder: string): Promise<string[]> {
  const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort();
}

const roomOf = (file: string): string | undefined => /^cli\/([^/]+)\//.exec(file)?.[1];
const packageOf = (target: string): string => target.split('/', target.startsWith('@') ? 2 : 1).join('/');

describe('architecture', () => {
  it('has a row for every room, and a folder for every row', async () => {
    const folders = (await readdir(join(root, 'cli'), { withFileTypes: true }))
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
    assert.deepEqual(folders.sort(), Object.keys(rooms).sort());
  });

  it('keeps to the table of who may import whom', async () => {
    const wrong = (await importsOfProgram()).filter(({ file, target }) => {
      const from = roomOf(file);
      if (from === undefined || !target.startsWith('cli/')) return false;
      const to = roomOf(target);
      if (to === undefined) {
        const everybody = ['cli/errors.ts', 'cli/events.ts'];
        return (
          !everybody.includes(target) && !(from === 'commands' && ['cli/context.ts', 'cli/command.ts'].includes(target))
        );
      }
      return to !== from && !(rooms[from as Room] as readonly string[]).includes(to);
    });
    assert.deepEqual(wrong, []);
  });

  it('lets only main, program and context see everything', async () => {
    const outside = (await sources('cli')).filter((file) => roomOf(file) === undefined);
    assert.deepEqual(
      outside,
      [
        ...entrances,
        'cli/command.ts',
        'cli/error-explanations.ts',
        'cli/errors.ts',
        'cli/events.ts',
        'cli/package-version.ts',
      ].sort(),
    );
  });

  it('imports each weighty package in one place', async () => {
    const imports = (await importsOfProgram()).filter(({ target }) => packageOf(target) in oneImporter);
    const wrong = imports.filter(({ file, target }) => !(oneImporter[packageOf(target)] ?? []).includes(file));
    assert.deepEqual(wrong, []);
    const seen = new Set(imports.map(({ file, target }) => `${packageOf(target)} ${file}`));
    const idle = Object.entries(oneImporter)
      .flatMap(([name, files]) => files.map((file) => `${name} ${file}`))
      .filter((row) => !seen.has(row));
    assert.deepEqual(idle, [], 'the table names importers that import nothing');
  });

  it('has generated biome.json from the table (npm run rooms)', async () => {
    const current = JSON.parse(await readFile(join(root, 'biome.json'), 'utf8')) as Record<string, unknown>;
    assert.deepEqual(current, JSON.parse(JSON.stringify(biomeConfiguration(current))));
  });

  for (const [what, entry, expected] of [
    ['no package for --version', 'cli/main.ts', []],
    ['commander and nothing else for --help', 'cli/run-process.ts', ['commander']],
    ['nothing more for completion, unless names are asked for', 'cli/complete.ts', []],
    ['no package to print a script of completion', 'cli/commands/completion.ts', []],
  ] as const)
    it(`loads ${what}`, async () => assert.deepEqual(await packagesFor(entry), expected));

  async function packagesFor(entry: string): Promise<readonly string[]> {
    const { outputs, inputs } = JSON.parse(await readFile(join(root, 'dist/metafile.json'), 'utf8')) as Metafile;
    const start = Object.keys(outputs).find((name) => outputs[name]?.entryPoint === entry);
    assert.ok(start, entry);
    const packages = new Set<string>();
    const seen = new Set<string>();
    const visit = (name: string): void => {
      if (seen.has(name)) return;
      seen.add(name);
      const output = outputs[name];
      assert.ok(output, name);
      for (const input of Object.keys(output.inputs)) {
        assert.ok(input in inputs);
        const inside = /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input)?.[1];
        if (inside !== undefined) packages.add(inside);
      }
      for (const { path, kind, external } of output.imports) {
        if (kind !== 'import-statement') continue;
        if (external !== true) visit(path);
        else if (!path.startsWith('node:')) packages.add(packageOf(path));
      }
    };
    visit(start);
    return [...packages];
  }

  it('uses every error code', async () => {
    const text = (
      await Promise.all(
        (
          await sources('cli')
        )
          .filter((file) => !['cli/errors.ts', 'cli/error-explanations.ts'].includes(file))
          .map((file) => readFile(join(root, file), 'utf8')),
      )
    ).join('\n');
    assert.deepEqual(
      Object.keys(errorCodes).filter((code) => !text.includes(code)),
      [],
    );
  });
});

interface Metafile {
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly outputs: Readonly<
    Record<
      string,
      {
        readonly entryPoint?: string;
        readonly inputs: Readonly<Record<string, unknown>>;
        readonly imports: readonly { readonly path: string; readonly kind: string; readonly external?: boolean }[];
      }
    >
  >;
}
