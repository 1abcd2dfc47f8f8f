import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Interrupted, UserError } from '../../cli/errors.ts';
import type { Event } from '../../cli/events.ts';
import { openTemplateBringer } from '../../cli/template/bring.ts';
import { type ConfiguredTemplates, findForeign, readOffer, sourceOf } from '../../cli/template/foreign.ts';
import { compareDigests, inspectTemplates } from '../../cli/template/inspect.ts';
import { carryOutInstallation, planCopy } from '../../cli/template/install.ts';
import { lockTemplate, readLock } from '../../cli/template/lock-file.ts';
import { type PullRequest, pullTemplates } from '../../cli/template/pull.ts';
import { openRepositories } from '../../cli/template/repository.ts';
import { prepareScaffold, scaffold } from '../../cli/template/scaffold.ts';
import { parseSource } from '../../cli/template/source.ts';
import { runProgram } from '../../cli/tools/exec.ts';
import { runGit } from '../../cli/tools/git.ts';
import { temporaryProject } from '../stack/project.ts';
import { makeRepository, templateFiles } from './git-repository.ts';
import { snapshot } from './snapshot.ts';

async function setUp(files: Record<string, string> = {}) {
  const temporary = await temporaryProject({
    'pack/bantam-ts/template.yml': 'language: bantam-ts\n',
    'pack/bantam-ts/function/handler.ts': 'export default 1;\n',
    'project/.keep': '',
    ...files,
  });
  const project = join(temporary.folder, 'project');
  const pack = { folder: join(temporary.folder, 'pack'), source: 'bantam', version: '0.1.0' };
  const events: Event[] = [];
  const report = (event: Event): void => {
    events.push(event);
  };
  const open = (signal = new AbortController().signal) =>
    openRepositories({
      folder: join(temporary.folder, 'cache'),
      signal,
      environment: process.env,
      report,
      git: async (gitArguments, options) => await runGit(runProgram, gitArguments, options),
    });
  const pull = async (
    request: Partial<Omit<PullRequest, 'source'>> & { readonly from?: string },
    signal = new AbortController().signal,
  ) => {
    const { from, ...rest } = request;
    return await pullTemplates(
      {
        projectFolder: project,
        source: from === undefined ? undefined : parseSource(from, { from: project, project }),
        names: [],
        configured: [],
        languages: [],
        update: false,
        overwrite: false,
        ...rest,
      },
      { pack, repositories: open(signal), report, signal },
    );
  };
  const states = async (...call: Parameters<typeof pull>) =>
    (await pull(...call)).map(
      (outcome) => `${outcome.name} ${'failure' in outcome ? outcome.failure.code : outcome.state}`,
    );
  return {
    ...temporary,
    project,
    pack,
    events,
    report,
    open,
    pull,
    states,
    text: async (path: string) => await readFile(join(project, path), 'utf8'),
    inspect: async (configured: ConfiguredTemplates = []) =>
      (await inspectTemplates(project, configured, pack)).map(({ name, state }) => `${name} ${state}`),
  };
}

describe('pulling templates', () => {
  it('copies all of a repository, locks commit and content, and is done then', async () => {
    await using repository = await makeRepository();
    await using bed = await setUp();
    const commit = repository.commit({ ...templateFiles('a'), ...templateFiles('b'), 'template/a/run': { run: 'x' } });
    assert.deepEqual(await bed.states({ from: repository.path }), ['a pulled', 'b pulled']);
    const lock = await readLock(bed.project);
    assert.deepEqual(Object.keys(lock), ['a', 'b']);
    assert.equal(lock['a']?.commit, commit);
    assert.equal(lock['a']?.source, repository.path);
    assert.match(lock['a']?.files?.['run'] ?? '', /^sha256:[0-9a-f]{64} executable$/);
    const before = await snapshot(bed.project);
    assert.deepEqual(await bed.states({ from: repository.path }), ['a same', 'b same']);
    assert.deepEqual(await bed.states({}), ['a same', 'b same']);
    assert.deepEqual(await snapshot(bed.project), before);
    assert.deepEqual(await bed.inspect(), ['a same', 'b same', 'bantam-ts available']);
  });

  it('takes templates and files of any name, also those that objects have already', async () => {
    await using repository = await makeRepository({
      ...templateFiles('constructor'),
      ...templateFiles('toString'),
      'template/constructor/prototype': 'x',
      'template/constructor/__proto__': 'x',
    });
    await using bed = await setUp();
    assert.deepEqual(await bed.states({ from: repository.path }), ['constructor pulled', 'toString pulled']);
    const lock = await readLock(bed.project);
    assert.deepEqual(Object.keys(lock), ['constructor', 'toString']);
    const files = Object.keys(lock['constructor']?.files ?? {});
    assert.ok(files.includes('prototype') && files.includes('__proto__'), files.join());
    assert.deepEqual(await bed.states({}), ['constructor same', 'toString same']);
    assert.deepEqual(await bed.inspect(), ['bantam-ts available', 'constructor same', 'toString same']);
  });

  it('removes what a killed pull has left', async () => {
    await using repository = await makeRepository(templateFiles('a'));
    await using bed = await setUp();
    const left = ['.new-killed', '.new-running'].map((name) => join(bed.project, 'template', name));
    for (const folder of left) await mkdir(join(folder, 'copy'), { recursive: true });
    const anHourAgo = new Date(Date.now() - 3_600_000);
    await utimes(left[0] ?? '', anHourAgo, anHourAgo);
    assert.deepEqual(await bed.states({ from: repository.path }), ['a pulled']);
    assert.deepEqual((await readdir(join(bed.project, 'template'))).sort(), ['.bantam.json', '.new-running', 'a']);
  });

  it('takes only what is named, and says what there is instead', async () => {
    await using repository = await makeRepository({ ...templateFiles('a'), ...templateFiles('b') });
    await using bed = await setUp();
    const outcomes = await bed.pull({ from: repository.path, names: ['b', 'c', '../x'] });
    assert.deepEqual(
      outcomes.map((outcome) => ('failure' in outcome ? outcome.failure.code : outcome.state)),
      ['pulled', 'BAN-E116', 'BAN-E111'],
    );
    assert.deepEqual((await readdir(join(bed.project, 'template'))).sort(), ['.bantam.json', 'b']);
  });

  it('calls those of a reference NAME@REF, as faas-cli does; named ones as they are named', async () => {
    await using repository = await makeRepository(templateFiles('a', 'one'));
    await using bed = await setUp();
    repository.git('tag', 'v1');
    const commit = repository.commit(templateFiles('a', 'two'), 'feature/x');
    const short = `sha-${commit.slice(0, 7)}`;
    assert.deepEqual(await bed.states({ from: `${repository.path}#v1` }), ['a@v1 pulled']);
    assert.deepEqual(await bed.states({ from: `${repository.path}#${short}` }), [`a@${short} pulled`]);
    assert.deepEqual(await bed.states({ from: `${repository.path}#feature/x`, names: ['a'] }), ['a pulled']);
    assert.equal(await bed.text('template/a/function/handler.txt'), 'two\n');
    assert.equal(await bed.text('template/a@v1/function/handler.txt'), 'one\n');
    await assert.rejects(
      bed.pull({ from: `${repository.path}#feature/x` }),
      (error) => error instanceof UserError && error.code === 'BAN-E116' && /#feature\/x a$/.test(error.hint ?? ''),
    );
  });

  it('keeps the locked commit while its branch moves, until it is told to update', async () => {
    await using repository = await makeRepository(templateFiles('a', 'one'));
    await using bed = await setUp();
    await bed.pull({ from: repository.path });
    repository.commit(templateFiles('a', 'two'));
    assert.deepEqual(await bed.states({ from: repository.path }), ['a same']);
    await rm(join(bed.project, 'template/a'), { recursive: true });
    assert.deepEqual(await bed.inspect(), ['a missing', 'bantam-ts available']);
    assert.deepEqual(await bed.states({}), ['a pulled']);
    assert.equal(await bed.text('template/a/function/handler.txt'), 'one\n');
    assert.deepEqual(await bed.states({ update: true }), ['a updated']);
    assert.equal(await bed.text('template/a/function/handler.txt'), 'two\n');
    const lock = await readLock(bed.project);
    assert.equal(lock['a']?.commit, repository.git('rev-parse', 'main'));
    assert.deepEqual((await readdir(join(bed.project, 'template'))).sort(), ['.bantam.json', 'a']);
  });

  it('brings a locked commit back with its source gone', async () => {
    await using repository = await makeRepository(templateFiles('a'));
    await using bed = await setUp();
    await bed.pull({ from: repository.path });
    await repository[Symbol.asyncDispose]();
    await rm(join(bed.project, 'template/a'), { recursive: true });
    assert.deepEqual(await bed.states({ names: ['a'] }), ['a pulled']);
    const [outcome] = await bed.pull({ names: ['a'], update: true });
    assert.ok(outcome !== undefined && 'failure' in outcome && outcome.failure.code === 'BAN-E114');
  });

  it('never writes over an edit without being told to', async () => {
    await using repository = await makeRepository(templateFiles('a', 'one'));
    await using bed = await setUp();
    await bed.pull({ from: repository.path });
    await writeFile(join(bed.project, 'template/a/Dockerfile'), 'mine');
    assert.deepEqual(await bed.inspect(), ['a changed', 'bantam-ts available']);
    const before = await snapshot(bed.project);
    repository.commit(templateFiles('a', 'two'));
    assert.deepEqual(await bed.states({}), ['a kept']);
    assert.deepEqual(await bed.states({ update: true }), ['a kept']);
    for (const request of [{ names: ['a'] }, { from: repository.path }, { names: ['a'], update: true }]) {
      const [outcome] = await bed.pull(request);
      assert.ok(outcome !== undefined && 'failure' in outcome);
      assert.equal(outcome.failure.code, 'BAN-E117');
      assert.match(outcome.failure.hint ?? '', /--overwrite/);
    }
    assert.deepEqual(await snapshot(bed.project), before);
    assert.deepEqual(await bed.states({ names: ['a'], overwrite: true }), ['a overwritten']);
    assert.deepEqual(await bed.inspect(), ['a same', 'bantam-ts available']);
    assert.equal(await bed.text('template/a/function/handler.txt'), 'one\n');
  });

  it('takes over what faas-cli has pulled, where it is the same', async () => {
    await using repository = await makeRepository(templateFiles('a'));
    await using bed = await setUp();
    await bed.pull({ from: repository.path });
    await rm(join(bed.project, 'template/.bantam.json'));
    await writeFile(
      join(bed.project, 'template/a/meta.json'),
      JSON.stringify({ repository: repository.path, sha: '1'.repeat(40), written_at: '2026-01-01T00:00:00Z' }),
    );
    assert.deepEqual(await bed.inspect(), ['a unlocked', 'bantam-ts available']);
    const [found] = await inspectTemplates(bed.project, [], bed.pack);
    assert.deepEqual(found?.origin, { source: repository.path, ref: undefined, commit: '1'.repeat(40) });
    assert.deepEqual(await bed.states({ from: repository.path }), ['a same']);
    assert.deepEqual(await bed.inspect(), ['a same', 'bantam-ts available']);
    await writeFile(join(bed.project, 'template/a/meta.json'), '{"mine": true}');
    assert.deepEqual(await bed.inspect(), ['a changed', 'bantam-ts available']);
  });

  it('without a source brings what the stack file and the lock name, and bantam’s own', async () => {
    await using repository = await makeRepository({ ...templateFiles('a'), ...templateFiles('b') });
    await using bed = await setUp();
    repository.git('tag', '1.0');
    const configured = [
      { name: 'a', source: repository.path },
      { name: 'b@1.0', source: `${repository.path}#1.0` },
      { name: 'a@1.0', source: repository.path },
      { name: 'unknown', source: undefined },
    ];
    const languages = ['a', 'bantam-ts', 'dockerfile', 'nobody-knows'];
    assert.deepEqual(await bed.states({ configured, languages }), [
      'a pulled',
      'a@1.0 pulled',
      'b@1.0 pulled',
      'bantam-ts pulled',
      'nobody-knows BAN-E111',
      'unknown BAN-E111',
    ]);
    const lock = await readLock(bed.project);
    assert.equal(lock['a@1.0']?.ref, '1.0');
    assert.equal(lock['bantam-ts']?.version, '0.1.0');
    assert.deepEqual(await bed.states({ configured, languages: ['a', 'b@1.0'] }), [
      'a same',
      'a@1.0 same',
      'b@1.0 same',
      'bantam-ts same',
      'unknown BAN-E111',
    ]);
  });

  it('brings bantam’s own to this version when it is named or updated, and tells that it is outdated', async () => {
    await using bed = await setUp();
    await bed.pull({ names: ['ts'] });
    await writeFile(join(bed.pack.folder, 'bantam-ts/function/handler.ts'), 'export default 2;\n');
    assert.deepEqual(await bed.inspect(), ['bantam-ts outdated']);
    assert.deepEqual(await bed.states({}), ['bantam-ts kept']);
    assert.deepEqual(await bed.states({ names: ['bantam-ts'] }), ['bantam-ts updated']);
    assert.deepEqual(await bed.inspect(), ['bantam-ts same']);
  });

  it('with another source in the stack file follows that one', async () => {
    await using first = await makeRepository(templateFiles('a', 'one'));
    await using second = await makeRepository(templateFiles('a', 'two'));
    await using bed = await setUp();
    await bed.pull({ configured: [{ name: 'a', source: first.path }] });
    assert.deepEqual(await bed.states({ configured: [{ name: 'a', source: second.path }] }), ['a updated']);
    assert.equal((await readLock(bed.project))['a']?.source, second.path);
  });

  it('refuses a commit whose content is not what was locked', async () => {
    await using repository = await makeRepository(templateFiles('a'));
    await using bed = await setUp();
    await bed.pull({ from: repository.path });
    const entry = (await readLock(bed.project))['a'];
    assert.ok(entry !== undefined);
    await lockTemplate(bed.project, 'a', { ...entry, hash: `sha256:${'0'.repeat(64)}` });
    await rm(join(bed.project, 'template/a'), { recursive: true });
    assert.deepEqual(await bed.states({}), ['a BAN-E117']);
    assert.deepEqual(await readdir(join(bed.project, 'template')), ['.bantam.json']);
  });

  it('takes names that objects have already, and leaves out those that are none', async () => {
    await using repository = await makeRepository({
      ...templateFiles('hasOwnProperty'),
      ...templateFiles('toString'),
      ...templateFiles('a b'),
    });
    await using bed = await setUp({ 'project/.gitignore': 'template\n' });
    assert.deepEqual(await bed.states({ from: repository.path }), ['hasOwnProperty pulled', 'toString pulled']);
    assert.deepEqual(
      bed.events.flatMap((event) => (event.type === 'warning' || event.type === 'note' ? [event.text.slice(-23)] : [])),
      ['e "a b": that is no name', 'builds need it: remove that line'].map((text) => text.slice(-23)),
    );
    assert.deepEqual(await bed.states({}), ['hasOwnProperty same', 'toString same']);
    assert.deepEqual(await bed.states({ names: ['valueOf'] }), ['valueOf BAN-E111']);
    assert.deepEqual(await bed.inspect(), ['bantam-ts available', 'hasOwnProperty same', 'toString same']);
  });

  it('believes no lock file that was written to harm', async () => {
    const entry = { commit: '1'.repeat(40), hash: `sha256:${'1'.repeat(64)}` };
    await using bed = await setUp({
      'project/template/.bantam.json': JSON.stringify({
        a: { ...entry, source: '--upload-pack=touch pwned' },
        b: { ...entry, source: 'ext::sh -c id' },
        c: { ...entry, source: './x', ref: '--upload-pack=x' },
        '../../d': { ...entry, source: './x' },
      }),
    });
    assert.deepEqual(await bed.states({}), ['../../d BAN-E111', 'a BAN-E113', 'b BAN-E113', 'c BAN-E113']);
    assert.deepEqual(await readdir(join(bed.project, 'template')), ['.bantam.json']);
  });

  it('loses no entry when many write the lock file at once', async () => {
    await using repository = await makeRepository(
      Object.assign({}, ...['a', 'b', 'c', 'd', 'e', 'f'].map((name) => templateFiles(name))),
    );
    await using bed = await setUp();
    await Promise.all(
      ['a', 'b', 'c', 'd', 'e', 'f'].map(async (name) => await bed.pull({ from: repository.path, names: [name] })),
    );
    assert.deepEqual(Object.keys(await readLock(bed.project)), ['a', 'b', 'c', 'd', 'e', 'f']);
    assert.deepEqual((await readdir(join(bed.project, 'template'))).sort(), [
      '.bantam.json',
      'a',
      'b',
      'c',
      'd',
      'e',
      'f',
    ]);
  });

  it('leaves everything as it was when interrupted, or when something cannot be written', async () => {
    await using repository = await makeRepository(templateFiles('a', 'one'));
    await using bed = await setUp();
    await bed.pull({ from: repository.path });
    repository.commit(templateFiles('a', 'two'));
    const before = await snapshot(bed.project);
    await assert.rejects(bed.pull({ update: true }, AbortSignal.abort()), Interrupted);
    assert.deepEqual(await snapshot(bed.project), before);
    const where = parseSource(repository.path, { from: '/', project: '/' });
    const offer = await readOffer('a', where, undefined, true, { repositories: bed.open(), report: bed.report });
    const installation = await planCopy(offer, bed.project);
    assert.equal(installation.state, 'outdated');
    await assert.rejects(carryOutInstallation(installation, bed.project, AbortSignal.abort()), Interrupted);
    assert.deepEqual(await snapshot(bed.project), before);
    // The lock file cannot be written: the copy that was replaced comes back.
    await rm(join(bed.project, 'template/.bantam.json'));
    await mkdir(join(bed.project, 'template/.bantam.json'));
    await assert.rejects(carryOutInstallation(installation, bed.project), { code: 'EISDIR' });
    assert.deepEqual(await snapshot(bed.project), { ...before, [join('template', '.bantam.json')]: '(no file)' });
  });

  it('replaces a link by a copy, and leaves what it led to alone', async () => {
    await using repository = await makeRepository(templateFiles('a'));
    await using bed = await setUp({ 'elsewhere/template.yml': 'language: mine\n' });
    await mkdir(join(bed.project, 'template'));
    await symlink('../../elsewhere', join(bed.project, 'template/a'));
    assert.deepEqual(await bed.states({ from: repository.path }), ['a BAN-E117']);
    assert.deepEqual(await bed.states({ from: repository.path, overwrite: true }), ['a overwritten']);
    assert.equal(await readFile(join(bed.folder, 'elsewhere/template.yml'), 'utf8'), 'language: mine\n');
  });
});

describe('where a template comes from', () => {
  const commit = '1'.repeat(40);
  const hash = `sha256:${'1'.repeat(64)}`;
  const facts = {
    projectFolder: '/p',
    configured: [
      { name: 'a', source: 'https://x.lan/a' },
      { name: 'b', source: 'https://x.lan/b#v1' },
      { name: 'c@v2', source: 'https://x.lan/c' },
      { name: 'node22', source: undefined },
      { name: 'bad', source: 'ext::x' },
    ],
    locked: {
      a: { source: 'https://y.lan/a', commit, hash },
      d: { source: './packs', ref: 'v3', commit, hash },
      'bantam-ts': { source: 'bantam', version: '0.1.0', hash },
    },
    wellKnown: true,
  };
  for (const [name, expected] of [
    ['a', 'https://x.lan/a'],
    ['a@v9', 'https://x.lan/a#v9'],
    ['b', 'https://x.lan/b#v1'],
    ['b@v9', 'https://x.lan/b#v9'],
    ['c@v2', 'https://x.lan/c#v2'],
    ['c', undefined],
    ['d', './packs#v3'],
    ['node22', 'https://github.com/openfaas/templates'],
    ['golang-http@1.0', 'https://github.com/openfaas/golang-http-template#1.0'],
    ['bantam-ts', undefined],
    ['nobody', undefined],
  ] as const) {
    it(`is ${expected} for ${name}`, () => {
      const found = sourceOf(name, facts);
      assert.equal(found && [found.repository, found.ref].filter(Boolean).join('#'), expected);
    });
  }

  it('is not OpenFaaS’s own repository where nobody asked for the template by name', () =>
    assert.equal(sourceOf('node22', { ...facts, wellKnown: false }), undefined));

  it('is refused where it is none', () => assert.throws(() => sourceOf('bad', facts), { code: 'BAN-E113' }));
});

describe('a build whose template has a source', () => {
  it('brings it, locked, and says so once', async () => {
    await using repository = await makeRepository(templateFiles('a', 'one'));
    await using bed = await setUp();
    const configured = async () => [{ name: 'a', source: repository.path }];
    const open = (signal = new AbortController().signal) =>
      openTemplateBringer({
        pack: bed.pack,
        report: bed.report,
        signal,
        foreign: async (folder, name) =>
          await findForeign(folder, name, { repositories: bed.open(signal), report: bed.report, configured }, false),
      });
    await assert.rejects(open(AbortSignal.abort())(bed.project, 'a'), Interrupted);
    assert.deepEqual(await readdir(bed.project), ['.keep']);
    bed.events.length = 0;
    const bring = open();
    const found = await Promise.all(['a', 'a', 'a'].map(async (name) => await bring(bed.project, name)));
    assert.equal(found[0]?.process, 'sh');
    const commit = repository.git('rev-parse', 'main');
    assert.deepEqual(
      bed.events.filter(({ type }) => type === 'wrote'),
      [{ type: 'wrote', text: `template/a brought from ${repository.path} (${commit.slice(0, 7)})` }],
    );
    assert.equal((await readLock(bed.project))['a']?.commit, commit);
    // Another checkout has the lock file, no copy, and a branch that moved.
    repository.commit(templateFiles('a', 'two'));
    await rm(join(bed.project, 'template/a'), { recursive: true });
    await open()(bed.project, 'a');
    assert.equal(await bed.text('template/a/function/handler.txt'), 'one\n');
    await assert.rejects(
      bring(bed.project, 'node22'),
      (error) =>
        error instanceof UserError &&
        error.code === 'BAN-E111' &&
        /bantam template pull https:\/\/github.com\/openfaas\/templates node22/.test(error.hint ?? ''),
    );
  });

  it('needs no template for lang: dockerfile, in either spelling', async () => {
    await using bed = await setUp();
    const bring = openTemplateBringer({
      ...bed,
      foreign: async () => assert.fail('asked'),
      signal: new AbortController().signal,
    });
    for (const language of ['dockerfile', 'Dockerfile']) {
      const { name, handlerFolder, bantam } = await bring(bed.project, language);
      assert.deepEqual([name, handlerFolder, bantam], ['dockerfile', '.', false]);
    }
    assert.deepEqual(await readdir(bed.project), ['.keep']);
  });
});

describe('scaffolding from a template that is not there yet', () => {
  it('brings it, locked, with the handler out of it, at a reference too', async () => {
    await using repository = await makeRepository(templateFiles('a', 'one'));
    await using bed = await setUp();
    repository.git('tag', 'v1');
    repository.commit({
      ...templateFiles('a', 'two'),
      'template/a/template.yml': 'language: a\nhandler_folder: src\n',
      'template/a/src/main.sh': { run: 'x' },
    });
    const find = async (folder: string, name: string) =>
      await findForeign(
        folder,
        name,
        {
          repositories: bed.open(),
          report: bed.report,
          configured: async () => [{ name: 'a', source: repository.path }],
        },
        true,
      );
    const stackFile = join(bed.project, 'stack.yml');
    const done = await scaffold(await prepareScaffold({ name: 'shop', language: 'a', stackFile }, bed.pack, find));
    assert.deepEqual(done.written.slice(0, 2), [join('template', 'a'), 'shop']);
    assert.deepEqual(await readdir(join(bed.project, 'shop')), ['main.sh']);
    const pinned = await scaffold(await prepareScaffold({ name: 'old', language: 'a@v1', stackFile }, bed.pack, find));
    assert.equal(pinned.welcomeMessage, 'Welcome to a.');
    assert.equal(await bed.text('old/handler.txt'), 'one\n');
    assert.match(await bed.text('stack.yml'), /lang: a@v1\n/);
    assert.deepEqual(Object.keys(await readLock(bed.project)), ['a', 'a@v1']);
    await assert.rejects(prepareScaffold({ name: 'x', language: 'c', stackFile }, bed.pack, find), {
      code: 'BAN-E111',
    });
    await assert.rejects(prepareScaffold({ name: 'x', language: '../a', stackFile }, bed.pack, find), {
      code: 'BAN-E111',
    });
  });

  it('for lang dockerfile begins with a Dockerfile of bantam’s, or that of template/dockerfile', async () => {
    await using bed = await setUp();
    const stackFile = join(bed.project, 'stack.yml');
    await scaffold(await prepareScaffold({ name: 'web', language: 'Dockerfile', stackFile }, bed.pack));
    assert.deepEqual((await readdir(join(bed.project, 'web'))).sort(), ['.dockerignore', 'Dockerfile', '_', 'cgi-bin']);
    assert.match(await bed.text('stack.yml'), /lang: dockerfile\n/);
    assert.ok(!(await readdir(bed.project)).includes('template'));
    await mkdir(join(bed.project, 'template/dockerfile/function'), { recursive: true });
    await writeFile(join(bed.project, 'template/dockerfile/template.yml'), 'language: dockerfile\n');
    await writeFile(join(bed.project, 'template/dockerfile/function/Dockerfile'), 'FROM scratch\n');
    await scaffold(await prepareScaffold({ name: 'own', language: 'dockerfile', stackFile }, bed.pack));
    assert.equal(await bed.text('own/Dockerfile'), 'FROM scratch\n');
  });
});

describe('a template’s differences', () => {
  it('are listed file by file', () => {
    const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;
    assert.deepEqual(
      compareDigests(
        { same: digest('0'), edited: digest('1'), gone: digest('2'), mode: digest('3') },
        new Map([
          ['same', digest('0')],
          ['edited', digest('9')],
          ['mode', `${digest('3')} executable`],
          ['new', digest('4')],
          ['__proto__', digest('5')],
        ]),
      ),
      [
        { path: '__proto__', change: 'added' },
        { path: 'edited', change: 'changed' },
        { path: 'gone', change: 'missing' },
        { path: 'mode', change: 'mode' },
        { path: 'new', change: 'added' },
      ],
    );
  });

  it('are told of entries without files, as bantam 0.1 wrote them', async () => {
    await using bed = await setUp();
    await bed.pull({ names: ['bantam-ts'] });
    const entry = (await readLock(bed.project))['bantam-ts'];
    assert.ok(entry !== undefined);
    const { files: _, ...old } = entry;
    await lockTemplate(bed.project, 'bantam-ts', old);
    await writeFile(join(bed.project, 'template/bantam-ts/template.yml'), 'language: mine\n');
    const [found] = await inspectTemplates(bed.project, [], bed.pack);
    assert.deepEqual(found?.differences, [{ path: 'template.yml', change: 'changed' }]);
  });

  for (const [what, text] of [
    ['no JSON', '{'],
    ['a list', '[]'],
    ['an entry without a hash', '{"a": {"source": "x"}}'],
    ['a hash that is none', '{"a": {"source": "x", "hash": "sha256:0"}}'],
    [
      'a commit that is none',
      `{"a": {"source": "x", "hash": "sha256:${'0'.repeat(64)}", "commit": "--upload-pack=x"}}`,
    ],
  ] as const) {
    it(`are not guessed from a lock file with ${what}`, async () => {
      await using bed = await setUp({ 'project/template/.bantam.json': text });
      await assert.rejects(
        bed.inspect(),
        (error) => error instanceof UserError && error.code === 'BAN-E112' && error.details.length > 0,
      );
    });
  }
});
