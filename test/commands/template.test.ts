import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '../e2e/program.ts';
import { makeRepository, serveRepository, templateFiles } from '../template/git-repository.ts';
import { runInProcess } from './in-process.ts';

async function setUp(stack?: string) {
  const root = await temporaryFolder();
  const folder = join(root.path, 'my functions ü');
  await mkdir(folder);
  if (stack !== undefined) await writeFile(join(folder, 'stack.yml'), `provider: {name: openfaas}\n${stack}`);
  const home = join(root.path, 'home');
  return {
    folder,
    home,
    run: async (argv: readonly string[], from = folder) => await runInProcess(argv, { folder: from, home }),
    [Symbol.asyncDispose]: async () => await root[Symbol.asyncDispose](),
  };
}

describe('bantam template', () => {
  it('list tells what there is and what there can be', async () => {
    await using repository = await makeRepository(templateFiles('shell'));
    await using bed = await setUp(
      `functions:\n  a: {lang: shell, handler: ./a, image: x/a}\n  b: {lang: shell, handler: ./b, image: x/b}\nconfiguration:\n  templates:\n    - {name: shell, source: "${repository.path}"}\n    - {name: later, source: "https://me:s3cret@host.lan/x#v1"}\n`,
    );
    assert.equal((await bed.run(['template', 'pull', 'shell', 'ts'])).exitCode, 0);
    await mkdir(join(bed.folder, 'template/own'));
    await writeFile(join(bed.folder, 'template/own/template.yml'), 'language: own\n');
    await writeFile(join(bed.folder, 'template/shell/new'), '');
    const commit = repository.git('rev-parse', '--short=7', 'main');
    const { exitCode, stdout } = await bed.run(['template', 'list']);
    assert.equal(exitCode, 0);
    assert.match(
      stdout.replaceAll(repository.path, 'REPOSITORY'),
      new RegExp(
        [
          '^bantam-go\tavailable\tbantam \\S+\t',
          'bantam-ts\tsame\tbantam \\S+\t',
          'later\tconfigured\thttps://\\*\\*\\*@host.lan/x#v1\t',
          'own\tunlocked\t\t',
          `shell\tchanged\tREPOSITORY \\(${commit}\\)\ta, b\n$`,
        ].join('\n'),
      ),
    );
    const json = await bed.run(['template', 'list', '--json']);
    assert.ok(!json.stdout.includes('s3cret'));
    const { templates } = JSON.parse(json.stdout) as { templates: { name: string; files?: unknown }[] };
    assert.deepEqual(templates.find(({ name }) => name === 'shell')?.files, [{ path: 'new', change: 'added' }]);
  });

  it('pull brings, verify names every file that differs, pull --overwrite brings it back', async () => {
    await using repository = await makeRepository({ ...templateFiles('shell'), 'template/shell/run.sh': { run: 'x' } });
    await using bed = await setUp();
    const below = join(bed.folder, 'deep');
    await mkdir(below);
    await writeFile(join(bed.folder, 'stack.yml'), 'provider: {name: openfaas}\nfunctions: {}\n');
    const pulled = await bed.run(['template', 'pull', repository.path], below);
    assert.equal(pulled.exitCode, 0, pulled.stderr);
    assert.match(pulled.stdout, /^shell\tpulled\t\S+ \([0-9a-f]{7}\)\n$/);
    const good = await bed.run(['template', 'verify']);
    assert.deepEqual([good.exitCode, /^✓ shell/.test(good.stdout)], [0, true]);
    const template = join(bed.folder, 'template/shell');
    await writeFile(join(template, 'Dockerfile'), 'FROM mine\n');
    await writeFile(join(template, 'added'), '');
    await rm(join(template, 'function'), { recursive: true });
    await writeFile(join(template, 'copy'), '');
    await rm(join(template, 'run.sh'));
    await writeFile(join(template, 'run.sh'), 'x', { mode: 0o644 });
    const bad = await bed.run(['template', 'verify']);
    assert.equal(bad.exitCode, 1);
    assert.match(
      bad.stdout,
      /^✗ shell {3}.*\(BAN-E117\)\n {4}~ template\/shell\/Dockerfile\n {4}\+ template\/shell\/added\n {4}\+ template\/shell\/copy\n {4}- template\/shell\/function\/handler.txt\n {4}~ template\/shell\/run.sh \(executable or not\)\n {4}next: bantam template pull shell --overwrite/,
    );
    const refused = await bed.run(['template', 'pull', repository.path, '--json']);
    assert.equal(refused.exitCode, 1);
    assert.match(refused.stdout, /"BAN-E117"/);
    const kept = await bed.run(['template', 'pull']);
    assert.match(kept.stdout, /^shell\tkept as it is/);
    assert.equal((await bed.run(['template', 'pull', 'shell', '--overwrite'])).exitCode, 0);
    assert.equal((await bed.run(['template', 'verify'])).exitCode, 0);
    await rm(template, { recursive: true });
    const missing = await bed.run(['template', 'verify', '--json']);
    assert.equal(missing.exitCode, 1);
    const { templates } = JSON.parse(missing.stdout) as { templates: { state: string; failure: { code: string } }[] };
    assert.deepEqual([templates[0]?.state, templates[0]?.failure.code], ['missing', 'BAN-E117']);
  });

  it('says that a template of the project’s own is not locked, and fails for none', async () => {
    await using bed = await setUp();
    assert.match((await bed.run(['template', 'verify'])).stdout, /^no templates in /);
    await mkdir(join(bed.folder, 'template/own'), { recursive: true });
    const { exitCode, stdout } = await bed.run(['template', 'verify']);
    assert.deepEqual([exitCode, /^\? own {3}not locked/.test(stdout)], [0, true]);
  });

  for (const [argv, exit, code] of [
    [['ext::sh -c id'], 2, 'BAN-E113'],
    [['file:///srv/x'], 2, 'BAN-E113'],
    [['--', '--upload-pack=touch x'], 2, 'BAN-E111'],
    [['--', './x#--upload-pack=y'], 2, 'BAN-E113'],
    [['./packs'], 1, 'BAN-E114'],
    [['http://127.0.0.1:1/x'], 1, 'BAN-E114'],
    [['./packs', './more'], 2, 'BAN-E001'],
    [['node', 'https://x.lan/y'], 2, 'BAN-E001'],
  ] as const) {
    it(`pull ${argv.join(' ')} is an error that leaves nothing`, async () => {
      await using bed = await setUp();
      const { exitCode, stdout } = await bed.run(['template', 'pull', '--json', ...argv]);
      const { error, templates } = JSON.parse(stdout) as {
        error?: { code: string };
        templates?: { failure: { code: string } }[];
      };
      assert.deepEqual([exitCode, error?.code ?? templates?.[0]?.failure.code], [exit, code], stdout);
      assert.deepEqual(await readdir(bed.folder), []);
    });
  }

  it('pull never asks for a password, and says where it can come from', async () => {
    await using repository = await makeRepository(templateFiles('shell'));
    await using server = await serveRepository(repository, { login: 'me:s3cret' });
    await using bed = await setUp();
    const { exitCode, stderr } = await bed.run(['template', 'pull', server.url]);
    assert.equal(exitCode, 4);
    assert.match(stderr, /BAN-E115 .*credentials are missing or refused/);
    const named = server.url.replace('//', '//me:s3cret@');
    const pulled = await bed.run(['template', 'pull', named, '-v']);
    assert.equal(pulled.exitCode, 0, pulled.stderr);
    assert.ok(
      !`${pulled.stdout}${pulled.stderr}${await readFile(join(bed.folder, 'template/.bantam.json'), 'utf8')}`.includes(
        's3cret',
      ),
    );
  });

  it('pull of a repository without templates says what is wanted', async () => {
    await using repository = await makeRepository({ 'README.md': 'x' });
    await using bed = await setUp();
    const { exitCode, stderr } = await bed.run(['template', 'pull', repository.path]);
    assert.equal(exitCode, 1);
    assert.match(stderr, /BAN-E116 .*there is no folder template at its root/);
  });
});

describe('a build with a template of others', () => {
  it('brings it where it may write, and says where it comes from where it may not', async () => {
    await using repository = await makeRepository(templateFiles('shell'));
    await using bed = await setUp(
      `functions:\n  a: {lang: shell, handler: ./a, image: r.lan/a}\nconfiguration:\n  templates:\n    - {name: shell, source: "${repository.path}"}\n`,
    );
    await mkdir(join(bed.folder, 'a'));
    const printed = await bed.run(['fn', 'build', '--print', '--json']);
    assert.equal(printed.exitCode, 2);
    assert.match(
      printed.stdout,
      /"BAN-E111"[\s\S]*is not in template\/ yet; it comes from \/[\s\S]*bantam template pull shell brings it/,
    );
    assert.ok(!(await readdir(bed.folder)).includes('template'));
    assert.equal((await bed.run(['template', 'pull'])).exitCode, 0);
    const again = await bed.run(['fn', 'build', '--print']);
    assert.equal(again.exitCode, 0, again.stderr);
  });
});

describe('fn new with a template of others', () => {
  it('copies it into the project, locked, and begins with its handler', async () => {
    await using repository = await makeRepository(templateFiles('shell', 'one'));
    await using bed = await setUp(
      `functions: {}\nconfiguration:\n  templates:\n    - {name: shell, source: "${repository.path}"}\n`,
    );
    repository.git('tag', 'v1');
    repository.commit(templateFiles('shell', 'two'));
    for (const [name, language, text] of [
      ['now', 'shell', 'two\n'],
      ['then', 'shell@v1', 'one\n'],
    ] as const) {
      const { exitCode, stdout, stderr } = await bed.run(['fn', 'new', name, '--lang', language, '--prefix', 'r.lan']);
      assert.equal(exitCode, 0, stderr);
      assert.match(stdout, new RegExp(`^wrote template/${language}\nwrote ${name}\n[\\s\\S]*Welcome to shell\\.`));
      assert.equal(await readFile(join(bed.folder, name, 'handler.txt'), 'utf8'), text);
    }
    assert.equal((await bed.run(['template', 'verify'])).exitCode, 0);
  });

  it('with a stack file that does not exist yet, and dockerfile', async () => {
    await using bed = await setUp();
    const made = await bed.run(['fn', 'new', 'web', '--lang', 'dockerfile', '--prefix', 'r.lan', '-f', 'other.yml']);
    assert.equal(made.exitCode, 0, made.stderr);
    assert.ok(!(await readdir(bed.folder, { recursive: true })).includes(join('template', 'dockerfile')));
    assert.match(await readFile(join(bed.folder, 'web/Dockerfile'), 'utf8'), /^FROM docker\.io\/library\/busybox/m);
    const unknown = await bed.run(['fn', 'new', 'x', '--lang', 'nobody', '-f', 'third.yml']);
    assert.deepEqual([unknown.exitCode, /BAN-E111/.test(unknown.stderr)], [2, true], unknown.stderr);
  });
});
