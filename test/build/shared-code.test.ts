import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { layOutContext } from '../../cli/build/context.ts';
import { findCopiedPaths } from '../../cli/build/copied-paths.ts';
import { findTemplate } from '../../cli/template/find.ts';
import { skip } from '../real-parts.ts';
import {
  bundle,
  compile,
  hasGo,
  removeTemporaryFolders,
  repository,
  run,
  templates,
  writeFiles,
} from '../templates/build-context.ts';
import { buildWithRecipe } from './recipe-source.ts';

/** Two functions and what they share, as the rule of docs/building.md wants it. */
const project = {
  'shared/greeting.ts': "import { name } from './name.js';\nexport const greeting = 'hello ' + name;\n",
  'shared/name.js': "export const name = 'from the shared folder';\n",
  'shared/greeting.go': 'package shared\n\n// Greeting is shared.\nconst Greeting = "hello from the shared folder"\n',
  'lib/module/go.mod': 'module example.com/module\n\ngo 1.24.0\n',
  'lib/module/module.go': 'package module\n\nconst Name = "the shared module"\n',
  'ts/package.json': '{"type":"module"}\n',
  'ts/handler.ts':
    "import { greeting } from './shared/greeting.ts';\nexport default async () => new Response(greeting);\n",
  'go/go.mod':
    'module handler/function\n\ngo 1.24.0\n\nrequire example.com/module v0.0.0\n\nreplace example.com/module => ./lib/module\n',
  'go/handler.go': `package function

import (
	"net/http"

	"example.com/module"
	"handler/function/shared"
)

func Handle(w http.ResponseWriter, r *http.Request) {
	_, _ = w.Write([]byte(shared.Greeting + " and " + module.Name))
}
`,
};

describe('code that functions share through configuration.copy', function () {
  this.timeout(120_000);
  let root = '';
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'bantam-shared-'));
    await writeFiles(join(root, 'project'), project);
    await symlink(templates, join(root, 'project/template'));
  });
  after(async () => {
    await rm(root, { recursive: true, force: true });
    await removeTemporaryFolders();
  });

  async function context(name: 'ts' | 'go', builder: string): Promise<string> {
    const folder = join(root, 'project');
    const made = await layOutContext(
      await findTemplate(folder, `bantam-${name}`),
      join(folder, name),
      join(root, `${builder} ${name}`, name),
      {
        project: folder,
        copies: await findCopiedPaths(folder, { paths: ['./shared', './lib'], folder, where: 'configuration.copy' }),
      },
    );
    if (name === 'ts') await symlink(join(repository, 'node_modules'), join(made.folder, 'node_modules'));
    return made.folder;
  }

  it('is in the bundle of the template’s script and in that of the recipe, byte for byte', async () => {
    const script = await bundle(await context('ts', 'script'));
    assert.equal(script.code, 0, script.output);
    const recipe = await buildWithRecipe(await context('ts', 'recipe'), 'linux/arm/v7');
    const text = await readFile(join(script.root, 'app/function.mjs'), 'utf8');
    assert.match(text, /from the shared folder/);
    assert.equal(await readFile(join(recipe, 'app/function.mjs'), 'utf8'), text);
    const [left, right] = await Promise.all([script.root, recipe].map((tree) => readdir(tree, { recursive: true })));
    assert.deepEqual(right?.sort(), left?.sort());
  });

  it('is in the program of the template’s build program and in that of the recipe, as a package and as a module', async function () {
    if (!hasGo) skip(this, 'no Go compiler on PATH');
    const script = await compile(await context('go', 'script'));
    assert.equal(script.code, 0, script.output);
    const platform = process.arch === 'x64' ? 'linux/amd64' : `linux/${process.arch}`;
    const recipe = await buildWithRecipe(await context('go', 'recipe'), platform);
    const [left, right] = await Promise.all([script.root, recipe].map((tree) => readFile(join(tree, 'function'))));
    assert.ok(left !== undefined && right !== undefined && left.equals(right));
    for (const words of ['hello from the shared folder', 'the shared module']) assert.ok(left.includes(words), words);
  });

  it('is found by the editor and by unit tests through a link beside the handler, which changes nothing in the image', async () => {
    const { digest } = await layOutTs(undefined);
    await symlink('../shared', join(root, 'project/ts/shared'));
    assert.equal((await layOutTs(undefined)).digest, digest);
    // Without configuration.copy the link alone does it, for this one function.
    assert.match((await layOutTs([])).folder, /linked/);
    const ran = await run(
      process.execPath,
      [
        '--import',
        join(repository, 'node_modules/tsx/dist/loader.mjs'),
        '--input-type=module',
        '-e',
        "import('./handler.ts').then(async (m) => console.log(await (await m.default()).text()))",
      ],
      { cwd: join(root, 'project/ts') },
    );
    assert.match(ran.output, /hello from the shared folder/);
  });

  let count = 0;
  async function layOutTs(paths: readonly string[] | undefined) {
    const folder = join(root, 'project');
    count += 1;
    return await layOutContext(
      await findTemplate(folder, 'bantam-ts'),
      join(folder, 'ts'),
      join(root, `linked ${count}`, 'ts'),
      {
        project: folder,
        copies: await findCopiedPaths(folder, { paths: paths ?? ['shared'], folder, where: '' }),
      },
    );
  }
});
