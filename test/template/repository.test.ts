import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Interrupted, UserError } from '../../cli/errors.ts';
import type { Event } from '../../cli/events.ts';
import type { CommitTemplates } from '../../cli/template/commit.ts';
import { openRepositories } from '../../cli/template/repository.ts';
import { parseSource } from '../../cli/template/source.ts';
import { runProgram } from '../../cli/tools/exec.ts';
import { runGit } from '../../cli/tools/git.ts';
import { makeRepository, serveRepository, templateFiles } from './git-repository.ts';

const source = (text: string) => parseSource(text, { from: '/', project: '/' });

async function openBed(more: { readonly signal?: AbortSignal; readonly path?: string } = {}) {
  const root = await mkdtemp(join(tmpdir(), 'bantam-test-kept-'));
  const folder = join(root, 'cache/templates');
  const events: Event[] = [];
  const calls: (readonly string[])[] = [];
  const open = (signal = more.signal ?? new AbortController().signal, largest?: number) =>
    openRepositories({
      folder,
      ...(largest === undefined ? {} : { largest }),
      signal,
      environment: process.env,
      report: (event) => events.push(event),
      git: async (gitArguments, options) => {
        calls.push(gitArguments);
        return await runGit(runProgram, gitArguments, {
          ...options,
          environment: {
            GIT_CONFIG_GLOBAL: '/dev/null',
            ...options.environment,
            ...(more.path === undefined ? {} : { PATH: more.path }),
          },
        });
      },
    });
  return {
    root,
    folder,
    events,
    calls,
    open,
    kept: async () => (await readdir(folder).catch(() => [])).sort(),
    [Symbol.asyncDispose]: async () => await rm(root, { recursive: true, force: true }),
  };
}

async function textsOf(templates: CommitTemplates, name: string): Promise<Record<string, string>> {
  const { files } = templates.files(name);
  return Object.fromEntries(
    await Promise.all(files.map(async ({ path, read }) => [path, Buffer.from(await read()).toString()])),
  );
}

describe('a repository of templates', () => {
  it('is read by branch, tag, signed or not, commit, short commit, and its default branch', async () => {
    await using repository = await makeRepository();
    await using bed = await openBed();
    const one = repository.commit(templateFiles('a', 'one'));
    repository.git('tag', 'v1');
    repository.git('tag', '-a', '-m', 'x', 'v1-annotated');
    const two = repository.commit(templateFiles('a', 'two'));
    const other = repository.commit(templateFiles('a', 'other'), 'feature/x');
    repository.commit(templateFiles('a', 'branch before tag'), 'both');
    const both = repository.git('rev-parse', 'refs/heads/both');
    repository.git('tag', 'both', one);
    repository.commit(templateFiles('a', 'a name of digits'), '1234567');
    const repositories = bed.open();
    for (const [ref, commit] of [
      ['', two],
      ['#main', two],
      ['#v1', one],
      ['#v1-annotated', one],
      ['#feature/x', other],
      ['#both', both],
      [`#${one}`, one],
      [`#sha-${one}`, one],
      [`#sha-${one.slice(0, 7)}`, one],
      [`#${one.slice(0, 9)}`, one],
      ['#1234567', repository.git('rev-parse', 'refs/heads/1234567')],
    ] as const)
      assert.equal(await repositories.resolve(source(`${repository.path}${ref}`)), commit, ref);
    const templates = await repositories.read(source(repository.path), one);
    assert.deepEqual(templates.names, ['a']);
    assert.deepEqual(Object.keys(await textsOf(templates, 'a')), [
      'Dockerfile',
      'function/handler.txt',
      'template.yml',
    ]);
    assert.equal((await textsOf(templates, 'a'))['function/handler.txt'], 'one\n');
    for (const ref of ['#v2', '#sha-0000000', '#abcdef0'])
      await assert.rejects(repositories.resolve(source(`${repository.path}${ref}`)), { code: 'BAN-E116' });
    await assert.rejects(repositories.read(source(repository.path), '0'.repeat(40)), { code: /BAN-E11[46]/ });
    assert.throws(
      () => templates.files('b'),
      (error) => error instanceof UserError && error.code === 'BAN-E116' && error.hint === 'it has a',
    );
  });

  it('is asked once, and not at all for a commit that was read before', async () => {
    await using repository = await makeRepository(templateFiles('a'));
    await using bed = await openBed();
    const where = source(repository.path);
    const first = bed.open();
    const commit = await first.resolve(where);
    await Promise.all([first.read(where, commit), first.read(where, commit), first.resolve(where)]);
    assert.equal(bed.calls.filter((call) => call.includes('ls-remote')).length, 1);
    assert.equal(bed.calls.filter((call) => call.includes('fetch')).length, 1);
    await repository[Symbol.asyncDispose]();
    bed.calls.length = 0;
    const again = await bed.open().read(where, commit);
    assert.deepEqual(again.names, ['a']);
    assert.ok(!bed.calls.some((call) => call.includes('fetch') || call.includes('ls-remote')));
    assert.equal(await bed.open().resolve(source(`${repository.path}#sha-${commit.slice(0, 8)}`)), commit);
  });

  it('is as its commit has it: bytes, modes, links followed, no line ends or filters applied', async () => {
    await using repository = await makeRepository();
    await using bed = await openBed();
    const bytes = new Uint8Array([0, 255, 13, 10, 0x24, 0x49, 0x64, 0x24]);
    repository.commit({
      ...templateFiles('a'),
      '.gitattributes': '* text eol=crlf ident\n*.bin filter=lfs\ntemplate/a/left export-ignore\n',
      'template/a/data.bin': bytes,
      'template/a/run.sh': { run: '#!/bin/sh\n' },
      'template/a/left': 'kept',
      'template/a/shared.txt': { link: '../../shared/text' },
      'shared/text': 'shared\n',
      'template/b': { link: '../packs/b' },
      ...templateFiles('b', 'linked', 'packs/b'),
      'template/no-definition/Dockerfile': 'FROM scratch\n',
      'template/a/ü ö.txt': 'umlauts',
    });
    const where = source(repository.path);
    const repositories = bed.open();
    const templates = await repositories.read(where, await repositories.resolve(where));
    assert.deepEqual(templates.names, ['a', 'b']);
    const { files } = templates.files('a');
    assert.deepEqual(
      files.filter(({ executable }) => executable).map(({ path }) => path),
      ['run.sh'],
    );
    const binary = files.find(({ path }) => path === 'data.bin');
    assert.deepEqual(Buffer.from((await binary?.read()) ?? []), Buffer.from(bytes));
    const texts = await textsOf(templates, 'a');
    assert.equal(texts['shared.txt'], 'shared\n');
    assert.equal(texts['ü ö.txt'], 'umlauts');
    assert.equal(texts['left'], 'kept');
    assert.equal((await textsOf(templates, 'b'))['function/handler.txt'], 'linked\n');
  });

  it('tells of submodules and of what Git LFS keeps elsewhere', async () => {
    await using repository = await makeRepository({
      ...templateFiles('a'),
      'template/a/lib': 'submodule',
      'template/a/model.bin': `version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 12345\n`,
    });
    await using bed = await openBed();
    const repositories = bed.open();
    const where = source(repository.path);
    const { notes } = (await repositories.read(where, await repositories.resolve(where))).files('a');
    assert.deepEqual(notes, [
      'a/lib is a submodule: it was left out',
      'a/model.bin is kept by Git LFS: the template has a pointer of three lines in its place',
    ]);
  });

  it('with one bad template has the others', async () => {
    await using repository = await makeRepository({
      ...templateFiles('good'),
      ...templateFiles('bad'),
      'template/bad/passwd': { link: '/etc/passwd' },
      'template/case/template.yml': '',
      'template/case/README': '1',
      'template/case/readme': '2',
    });
    await using bed = await openBed();
    const repositories = bed.open();
    const where = source(repository.path);
    const templates = await repositories.read(where, await repositories.resolve(where));
    assert.equal(templates.files('good').files.length, 3);
    for (const name of ['bad', 'case']) assert.throws(() => templates.files(name), { code: 'BAN-E112' });
  });

  for (const [what, files, reason] of [
    ['no folder template', { 'templates/a/template.yml': '' }, /there is no folder template at its root/],
    ['a file template', { template: 'text' }, /template at its root is no folder/],
    ['a template that leads out', { template: { link: '/etc' } }, /is a link that leads out of it/],
  ] as const) {
    it(`with ${what} has none`, async () => {
      await using repository = await makeRepository(files);
      await using bed = await openBed();
      const repositories = bed.open();
      const where = source(repository.path);
      await assert.rejects(
        async () => await repositories.read(where, await repositories.resolve(where)),
        (error) => error instanceof UserError && error.code === 'BAN-E116' && reason.test(error.message),
      );
    });
  }

  it('that is empty or none at all is an error that says so', async () => {
    await using empty = await makeRepository();
    await using bed = await openBed();
    await assert.rejects(
      bed.open().resolve(source(empty.path)),
      (error) => error instanceof UserError && error.code === 'BAN-E116' && /is empty/.test(error.message),
    );
    await assert.rejects(
      bed.open().resolve(source(bed.root)),
      (error) => error instanceof UserError && error.code === 'BAN-E114' && /no git repository/.test(error.message),
    );
    await assert.rejects(
      bed.open().resolve(source('http://127.0.0.1:1/x')),
      (error) => error instanceof UserError && error.code === 'BAN-E114' && /does not answer/.test(error.message),
    );
    assert.deepEqual(await bed.kept(), []);
  });

  it('is read over HTTP, with the login of its address, which is in no command line and no event', async () => {
    await using repository = await makeRepository(templateFiles('a'));
    await using server = await serveRepository(repository, { login: 'me:c4nary' });
    await using bed = await openBed();
    const repositories = bed.open();
    const where = source(server.url.replace('//', '//me:c4nary@'));
    const commit = await repositories.resolve(where);
    assert.deepEqual((await repositories.read(where, commit)).names, ['a']);
    assert.ok(server.logins.length > 0 && server.logins.every((login) => login === 'me:c4nary'));
    assert.ok(!JSON.stringify([bed.calls, bed.events]).includes('c4nary'));
    for (const name of await readdir(join(bed.folder, `${commit}.git`), { recursive: true, withFileTypes: true }))
      if (name.isFile()) assert.ok(!(await readFile(join(name.parentPath, name.name))).includes('c4nary'), name.name);
    for (const address of [server.url, server.url.replace('//', '//me:wr0ng@')])
      await assert.rejects(
        bed.open().resolve(source(address)),
        (error) =>
          error instanceof UserError &&
          error.code === 'BAN-E115' &&
          error.exit === 4 &&
          !JSON.stringify([error.message, error.details, error.hint]).includes('wr0ng'),
      );
  });

  it('whose host stays silent is given up on Ctrl-C, and nothing is left', async () => {
    await using repository = await makeRepository(templateFiles('a'));
    await using server = await serveRepository(repository, { silent: true });
    const controller = new AbortController();
    await using bed = await openBed({ signal: controller.signal });
    const asked = bed.open().resolve(source(server.url));
    const read = bed.open().read(source(server.url), '1'.repeat(40));
    const watch = setInterval(() => {
      if (server.requests.length >= 2) controller.abort();
    }, 10);
    await assert.rejects(asked, Interrupted);
    await assert.rejects(read, Interrupted);
    clearInterval(watch);
    assert.deepEqual(await bed.kept(), []);
  });

  it('that was kept and damaged is fetched again', async () => {
    await using repository = await makeRepository(templateFiles('a'));
    await using bed = await openBed();
    const where = source(repository.path);
    const commit = await bed.open().resolve(where);
    await bed.open().read(where, commit);
    const kept = join(bed.folder, `${commit}.git`);
    const objects = (await readdir(join(kept, 'objects'), { recursive: true, withFileTypes: true })).filter((entry) =>
      entry.isFile(),
    );
    const damages: (() => Promise<unknown>)[] = [
      () => rm(join(kept, 'objects'), { recursive: true }),
      () => rm(join(kept, 'HEAD')),
      async () => {
        for (const { parentPath, name } of objects) {
          const file = join(parentPath, name);
          await chmod(file, 0o644).catch(() => undefined);
          await truncate(file, 20).catch(() => undefined);
        }
      },
      async () => {
        await rm(kept, { recursive: true });
        await mkdir(kept);
      },
    ];
    for (const damage of damages) {
      await damage();
      assert.equal((await textsOf(await bed.open().read(where, commit), 'a'))['function/handler.txt'], 'hello\n');
    }
    assert.deepEqual(await bed.kept(), [`${commit}.git`]);
  });

  it('that is too large is not kept', async () => {
    await using repository = await makeRepository({ ...templateFiles('a'), 'film.bin': randomBytes(200_000) });
    await using bed = await openBed();
    const where = source(repository.path);
    const commit = await bed.open().resolve(where);
    for (const read of [commit, commit.slice(0, 8)])
      await assert.rejects(
        async () => {
          const small = bed.open(new AbortController().signal, 100_000);
          await small.read(where, await small.resolve(source(`${repository.path}#sha-${read}`)));
        },
        (error) => error instanceof UserError && error.code === 'BAN-E114' && /is larger than/.test(error.message),
      );
    assert.deepEqual(await bed.kept(), []);
    assert.deepEqual((await bed.open().read(where, commit)).names, ['a']);
  });

  it('half a clone is nobody’s, and many at a time get along', async () => {
    await using repository = await makeRepository(templateFiles('a'));
    await using bed = await openBed();
    const where = source(repository.path);
    await mkdir(join(bed.folder, '.new-abcdef/fetched.git'), { recursive: true });
    const commit = await bed.open().resolve(where);
    const all = await Promise.all(Array.from({ length: 4 }, async () => await bed.open().read(where, commit)));
    for (const { names } of all) assert.deepEqual(names, ['a']);
    assert.deepEqual(await bed.kept(), ['.new-abcdef', `${commit}.git`]);
  });

  it('is read where nothing can be kept', async () => {
    await using repository = await makeRepository(templateFiles('a'));
    await using bed = await openBed();
    await writeFile(join(bed.root, 'cache'), 'a file');
    const where = source(repository.path);
    const repositories = bed.open();
    const templates = await repositories.read(where, await repositories.resolve(where));
    assert.equal((await textsOf(templates, 'a'))['function/handler.txt'], 'hello\n');
    assert.equal(await readFile(join(bed.root, 'cache'), 'utf8'), 'a file');
  });

  it('needs git', async () => {
    await using bed = await openBed({ path: '/nowhere' });
    await assert.rejects(bed.open().resolve(source('/x')), { code: 'BAN-E212' });
    await assert.rejects(bed.open().read(source('/x'), '1'.repeat(40)), { code: 'BAN-E212' });
  });

  it('runs nothing of the user’s: no hooks, no templates of git', async () => {
    await using repository = await makeRepository(templateFiles('a'));
    await using bed = await openBed();
    const hooks = join(bed.root, 'hooks');
    await mkdir(hooks, { recursive: true });
    for (const name of ['post-checkout', 'reference-transaction', 'post-index-change']) {
      await writeFile(join(hooks, name), `#!/bin/sh\ntouch "${bed.root}/ran"\n`, { mode: 0o755 });
    }
    const configuration = join(bed.root, 'gitconfig');
    await writeFile(configuration, `[core]\n\thooksPath = ${hooks}\n[init]\n\ttemplateDir = ${hooks}\n`);
    const before = process.env['GIT_CONFIG_GLOBAL'];
    process.env['GIT_CONFIG_GLOBAL'] = configuration;
    try {
      const repositories = openRepositories({
        folder: bed.folder,
        signal: new AbortController().signal,
        environment: process.env,
        report: () => undefined,
        git: async (gitArguments, options) => await runGit(runProgram, gitArguments, options),
      });
      const where = source(repository.path);
      await repositories.read(where, await repositories.resolve(where));
    } finally {
      if (before === undefined) delete process.env['GIT_CONFIG_GLOBAL'];
      else process.env['GIT_CONFIG_GLOBAL'] = before;
    }
    assert.ok(!(await readdir(bed.root)).includes('ran'));
  });
});
