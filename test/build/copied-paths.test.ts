import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { layOutContext } from '../../cli/build/context.ts';
import { findCopiedPaths } from '../../cli/build/copied-paths.ts';
import { UserError } from '../../cli/errors.ts';
import type { Template } from '../../cli/template/template.ts';

describe('configuration.copy', () => {
  let root = '';
  let project = '';
  beforeEach(async () => {
    root = await realpath(await mkdtemp(join(tmpdir(), 'bantam-copy-')));
    project = join(root, 'p9');
    await write({
      'p9/hello/handler.ts': '',
      'p9/shared/x.ts': 'x',
      'p9/lib/deep/y.ts': 'y',
      'p9/.secrets/token': 'secret',
      'p9-other/z.ts': 'z',
      'outside.ts': 'o',
      'p9/template/mine/Dockerfile': 'FROM scratch\n',
    });
  });
  afterEach(async () => await rm(root, { recursive: true, force: true }));

  async function write(files: Readonly<Record<string, string>>): Promise<void> {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), text);
    }
  }
  const find = async (...paths: readonly string[]) =>
    await findCopiedPaths(project, { paths, folder: project, where: 'configuration.copy' });
  const template = (): Template => ({
    name: 'mine',
    folder: join(project, 'template/mine'),
    handlerFolder: 'function',
    process: undefined,
    welcomeMessage: undefined,
    bantam: true,
  });
  async function layOut(...paths: readonly string[]): Promise<string> {
    const copies = await find(...paths);
    const folder = join(root, 'out/hello');
    await rm(folder, { recursive: true, force: true });
    await layOutContext(template(), join(project, 'hello'), folder, { project, copies });
    return join(folder, 'function');
  }
  const tree = async (folder: string): Promise<readonly string[]> =>
    (await readdir(folder, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
      .sort();

  it('puts files and folders into the handler folder, under their path from the stack file', async () => {
    const places = (await find('./shared', 'lib/deep/', 'shared/../lib/deep/y.ts', join(project, 'shared'))).map(
      ({ place }) => place,
    );
    assert.deepEqual(places, ['shared', 'lib/deep', 'lib/deep/y.ts']);
    assert.deepEqual(await tree(await layOut('./shared', 'lib/deep/y.ts')), [
      'handler.ts',
      'lib/deep/y.ts',
      'shared/x.ts',
    ]);
  });

  it('follows the project’s own link', async () => {
    await symlink(project, join(root, 'linked'));
    const folder = join(root, 'linked');
    const [found] = await findCopiedPaths(folder, { paths: ['shared'], folder, where: '' });
    assert.deepEqual([found?.place, found?.from], ['shared', join(project, 'shared')]);
  });

  for (const [what, path, words] of [
    ['the folder above', '..', /outside of the project/],
    ['a file above', '../outside.ts', /outside of the project/],
    ['a folder whose name begins like the project’s', '../p9-other', /outside of the project/],
    ['the same by a detour', 'shared/../../p9-other', /outside of the project/],
    ['an absolute path', '/etc/passwd', /outside of the project/],
    ['the whole project', '.', /whole project/],
    ['the whole project by a detour', '../p9', /whole project/],
    ['nothing', '', /whole project/],
    ['what is not there', 'nowhere', /is not there/],
    ['secrets', '.secrets', /secrets/],
    ['a secret', './.secrets/token', /secrets/],
    ['a link that leads out', 'out-link', /outside of the project: it leads to/],
    ['a path below a link that leads out', 'out-link/z.ts', /outside of the project: it leads to/],
    ['a link to the project', 'self', /whole project/],
    ['a link to secrets', 'to-secrets', /secrets/],
  ] as const)
    it(`refuses ${what}`, async () => {
      await symlink('../p9-other', join(project, 'out-link'));
      await symlink('.', join(project, 'self'));
      await symlink('.secrets', join(project, 'to-secrets'));
      await assert.rejects(find(path), (error) => {
        assert.ok(error instanceof UserError, String(error));
        assert.equal(error.code, 'BAN-E216');
        assert.match(error.message, words);
        assert.ok(error.hint);
        return true;
      });
    });

  it('refuses secrets by any spelling, for file systems that fold case', async () => {
    await write({ 'p9/.Secrets/x': '', 'p9/shared/.BANTAM/local.json': 'password' });
    await assert.rejects(find('.Secrets'), /secrets/);
    assert.deepEqual(await tree(await layOut('shared')), ['handler.ts', 'shared/x.ts']);
  });

  it('refuses a link inside of what is copied that leads out', async () => {
    await symlink('../../outside.ts', join(project, 'shared/out.ts'));
    await assert.rejects(layOut('shared'), /leads out of the project/);
  });

  it('refuses to take the place of another file of the function, and takes the same file', async () => {
    await write({ 'p9/hello/shared/x.ts': 'another' });
    await assert.rejects(layOut('shared'), (error) => error instanceof UserError && error.code === 'BAN-E216');
    await rm(join(project, 'hello/shared'), { recursive: true });
    await symlink('../shared', join(project, 'hello/shared'));
    assert.equal(await readFile(join(await layOut('shared'), 'shared/x.ts'), 'utf8'), 'x');
  });

  it('never finds anything outside, however a path is written', async () => {
    await symlink('../p9-other', join(project, 'out-link'));
    const part = fc.constantFrom(
      '..',
      '.',
      '',
      'shared',
      'lib',
      'p9',
      'p9-other',
      'out-link',
      'x.ts',
      '/',
      'P9',
      '.secrets',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 6 }), async (parts) => {
        const found = await find(parts.join('/')).catch((error: unknown) => {
          assert.ok(error instanceof UserError && error.code === 'BAN-E216', String(error));
          return [];
        });
        for (const { from, place } of found) {
          assert.ok(from.startsWith(`${project}/`), from);
          assert.ok(!place.split('/').includes('..') && !place.startsWith('/') && place !== '', place);
        }
      }),
      { numRuns: 200 },
    );
  });
});
