import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bantam, type RunOptions, temporaryFolder } from '../e2e/program.ts';
import { makeRepository, serveRepository, templateFiles } from '../template/git-repository.ts';

async function setUp() {
  const root = await temporaryFolder();
  const folder = join(root.path, 'project');
  const cache = join(root.path, 'cache');
  await mkdir(folder);
  return {
    folder,
    kept: join(cache, 'bantam/templates'),
    run: async (argv: readonly string[], options: Partial<RunOptions> = {}) =>
      await bantam(argv, {
        folder,
        ...options,
        environment: { HOME: root.path, XDG_CACHE_HOME: cache, ...options.environment },
      }),
    [Symbol.asyncDispose]: async () => await root[Symbol.asyncDispose](),
  };
}

describe('bantam template pull as a process', () => {
  it('gets along with others that pull at the same time', async () => {
    const names = ['a', 'b', 'c'];
    await using repository = await makeRepository(Object.assign({}, ...names.map((name) => templateFiles(name))));
    await using bed = await setUp();
    const runs = await Promise.all(
      [...names, 'a'].map(async (name) => await bed.run(['template', 'pull', repository.path, name])),
    );
    // Two that bring the same template: the second one finds it there, or finds that it was faster.
    for (const { exitCode, stdout, stderr } of runs) assert.equal(exitCode, 0, `${stdout}${stderr}`);
    assert.deepEqual((await readdir(join(bed.folder, 'template'))).sort(), ['.bantam.json', ...names]);
    assert.equal((await bed.run(['template', 'verify'])).exitCode, 0);
    assert.equal((await readdir(bed.kept)).length, 1);
  });

  it('ends at Ctrl-C while a host is silent, with git, and leaves nothing', async () => {
    await using repository = await makeRepository(templateFiles('a'));
    await using server = await serveRepository(repository, { silent: true });
    await using bed = await setUp();
    for (const source of [server.url, `${server.url}#${'1'.repeat(40)}`]) {
      const before = server.requests.length;
      const { exitCode } = await bed.run(['template', 'pull', source, 'a', '-v'], {
        interruptAt: /git (?:ls-remote|--git-dir)/,
      });
      assert.equal(exitCode, 130);
      assert.ok(server.requests.length >= before);
      assert.deepEqual(await readdir(bed.folder), []);
      assert.deepEqual(await readdir(bed.kept).catch(() => []), []);
      assert.doesNotMatch(
        execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' }),
        new RegExp(`git.*${new URL(server.url).port}`),
      );
    }
  });

  it('fails with a code where it cannot write, and leaves everything as it was', async () => {
    await using repository = await makeRepository(templateFiles('a'));
    await using bed = await setUp();
    await writeFile(join(bed.folder, 'template'), 'mine');
    const { exitCode, stdout, stderr } = await bed.run(['template', 'pull', repository.path]);
    assert.deepEqual([exitCode, /BAN-E003/.test(`${stdout}${stderr}`)], [1, true], `${stdout}${stderr}`);
    assert.equal(await readFile(join(bed.folder, 'template'), 'utf8'), 'mine');
    await rm(join(bed.folder, 'template'));
    assert.deepEqual(await readdir(bed.folder), []);
  });

  it('is not led astray by a hook’s variables of another repository', async () => {
    await using repository = await makeRepository(templateFiles('a'));
    await using other = await makeRepository({ 'README.md': 'other' });
    await using bed = await setUp();
    const environment = { GIT_DIR: other.path, GIT_WORK_TREE: bed.folder, GIT_INDEX_FILE: join(bed.folder, 'index') };
    const { exitCode, stderr } = await bed.run(['template', 'pull', repository.path], { environment });
    assert.equal(exitCode, 0, stderr);
    assert.deepEqual((await readdir(bed.folder)).sort(), ['template']);
    assert.equal(other.git('for-each-ref', '--format=%(refname)'), 'refs/heads/main');
  });
});
