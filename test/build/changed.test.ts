import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Changes, findChanges } from '../../cli/build/changed.ts';
import { findCopiedPaths } from '../../cli/build/copied-paths.ts';
import { UserError } from '../../cli/errors.ts';
import { readStack } from '../../cli/stack/read.ts';
import { runProgram } from '../../cli/tools/exec.ts';
import { fieldsOf, type GitProject, makeGitProject, stackText } from './git-project.ts';

describe('--changed', function () {
  this.timeout(60_000);
  let project: GitProject;
  beforeEach(async () => {
    project = await makeGitProject();
  });
  afterEach(async () => await project[Symbol.asyncDispose]());

  async function changes(
    reference: string | undefined = 'HEAD',
    environment: Readonly<Record<string, string>> = {},
    folder = project.folder,
  ): Promise<Changes> {
    const { stack } = await readStack(join(folder, 'stack.yml'), { environment });
    const paths = stack.configuration?.copy ?? [];
    const copied = await findCopiedPaths(folder, { paths, folder, where: '' });
    return await findChanges({
      stack,
      functions: stack.functions,
      copied: copied.map(({ from }) => from),
      reference,
      environment,
      run: runProgram,
      signal: new AbortController().signal,
    });
  }
  const names = async (...given: Parameters<typeof changes>): Promise<readonly string[]> => [
    ...(await changes(...given)).reasons.keys(),
  ];
  const refused = async (work: Promise<unknown>, words: RegExp, hint: RegExp): Promise<void> =>
    await assert.rejects(work, (error) => {
      assert.ok(error instanceof UserError, String(error));
      assert.equal(error.code, 'BAN-E218');
      assert.match(error.message, words);
      assert.match(error.hint ?? '', hint);
      return true;
    });

  it('sees nothing where nothing changed, nor files that no function is made of', async () => {
    await project.commit();
    assert.deepEqual(await names(), []);
    await project.write({ 'README.md': 'changed', 'three/handler.js': 'not declared', 'one/ignored': 'ignored' });
    assert.deepEqual(await names(), []);
  });

  it('sees edited, staged, untracked, renamed and deleted files of a handler', async () => {
    await project.commit({ 'one/größe.js': '1' });
    for (const change of [
      async () => await project.write({ 'one/handler.js': 'edited' }),
      async () => {
        await project.write({ 'one/handler.js': 'staged' });
        await project.git('add', '-A');
      },
      async () => await project.write({ 'one/new folder/neü.js': 'untracked' }),
      async () => await project.git('mv', 'one/größe.js', 'two/größe.js'),
      async () => await rm(join(project.folder, 'one/größe.js')),
    ]) {
      await change();
      const found = await names();
      assert.ok(found.includes('one'), `${change}: ${found}`);
      if (!String(change).includes('mv')) assert.deepEqual(found, ['one']);
      await project.git('reset', '-q', '--hard');
      await project.git('clean', '-qfd');
      assert.deepEqual(await names(), []);
    }
  });

  it('sees the template, what is copied into every function, and what links lead to', async () => {
    const text = stackText(
      { one: fieldsOf('one'), two: fieldsOf('two', ', build_secrets: { npmrc: npmrc }') },
      'configuration:\n  copy:\n    - ./shared\n',
    );
    await symlinkInto('one/link', '../elsewhere');
    await project.commit({ 'stack.yml': text, 'shared/x': '1', 'elsewhere/y': '1', npmrc: 'token' });
    await project.write({ npmrc: 'another token' });
    assert.deepEqual(await names(), [], 'build secrets are no inputs');
    await project.write({ 'elsewhere/y': '2' });
    assert.deepEqual(await names(), ['one']);
    await project.commit();
    await project.write({ 'shared/x': '2' });
    assert.deepEqual(await names(), ['one', 'two']);
    await project.commit();
    await project.write({ 'template/mine/Dockerfile': 'FROM other\n' });
    assert.deepEqual(await names(), ['one', 'two']);
  });

  async function symlinkInto(path: string, target: string): Promise<void> {
    await mkdir(join(project.folder, 'elsewhere'), { recursive: true });
    await symlink(target, join(project.folder, path));
  }

  it('compares the settings of each function, not the bytes of the stack file', async () => {
    await project.commit();
    const original = await readFile(join(project.folder, 'stack.yml'), 'utf8');
    const write = async (text: string): Promise<readonly string[]> => {
      await writeFile(join(project.folder, 'stack.yml'), text);
      return await names();
    };
    assert.deepEqual(await write(`# a comment\n${original.replace('provider:', '\nprovider:')}`), []);
    assert.deepEqual(await write(original.replace('one: { lang: mine,', 'one: { labels: {a: b}, lang: mine,')), [
      'one',
    ]);
    assert.deepEqual(await write(`${original}  three: { ${fieldsOf('one').replace('one:1.0', 'three')} }\n`), [
      'three',
    ]);
    assert.deepEqual(await write(`${original}x-bantam:\n  platforms: linux/arm64\n`), ['one', 'two']);
    assert.deepEqual(await write(`${original}configuration:\n  copy: [README.md]\n`), ['one', 'two']);
    assert.deepEqual(await write(`${original}configuration:\n  templates: [{name: mine, source: x}]\n`), [
      'one',
      'two',
    ]);
    assert.deepEqual(await write(original.replace('provider:\n', 'provider:\n  gateway: http://other:8080\n')), []);
    const { reasons } = await changes();
    assert.equal(reasons.size, 0);
  });

  it('takes variables from now for both, and sees environment files', async () => {
    const text = stackText({
      one: fieldsOf('one', ', environment_file: [one.yml]').replace(':1.0', `:$${'{TAG:-dev}'}`),
      two: fieldsOf('two'),
    });
    await project.commit({ 'stack.yml': text, 'one.yml': 'environment:\n  A: "1"\n' });
    assert.deepEqual(await names('HEAD', { TAG: '2' }), []);
    await project.write({ 'one.yml': 'environment:\n  A: "2"\n' });
    assert.deepEqual(await names(), ['one']);
  });

  it('counts all where the stack file was elsewhere then, or is a link', async () => {
    await project.commit();
    await project.git('mv', 'stack.yml', 'moved.yml');
    await project.commit();
    await project.git('mv', 'moved.yml', 'stack.yml');
    const { reasons } = await changes();
    assert.deepEqual([...reasons.keys()], ['one', 'two']);
    assert.match(reasons.get('two') ?? '', /^my projéct\/stack\.yml was not there then$/);
    await project.git('mv', 'stack.yml', 'real.yml');
    await symlink('real.yml', join(project.folder, 'stack.yml'));
    await project.commit();
    assert.deepEqual(await names(), [], 'the file behind the link is compared');
  });

  it('counts all where the stack file was not there or cannot be read as it was', async () => {
    await project.write({ 'stack.yml': 'functions: [' });
    await project.commit();
    await project.write({ 'stack.yml': stackText({ one: fieldsOf('one'), two: fieldsOf('two') }) });
    const { reasons } = await changes();
    assert.deepEqual([...reasons.keys()], ['one', 'two']);
    assert.match(reasons.get('one') ?? '', /cannot be read/);
  });

  describe('without a reference', () => {
    it('compares with where the branch left the default branch of origin', async () => {
      await project.commit();
      const clone = join(project.root, 'clone');
      execFileSync('git', ['clone', '-q', join(project.root, 'project'), clone]);
      const there = join(clone, 'my projéct');
      const call = (...words: readonly string[]) =>
        execFileSync('git', ['-c', 'user.name=n', '-c', 'user.email=n@x', ...words], { cwd: there });
      call('switch', '-q', '-c', 'work');
      await writeFile(join(there, 'one/handler.js'), 'changed on the branch');
      call('commit', '-qam', 'one');
      // Meanwhile, on main:
      await project.commit({ 'two/handler.js': 'changed on main' });
      call('fetch', '-q');
      const found = await changes('', {}, there);
      assert.deepEqual([...found.reasons.keys()], ['one']);
      assert.match(found.since, /^[0-9a-f]{12}, where this branch left origin\/main$/);
    });

    it('compares with the commit before on the default branch itself, or with what was there before the push', async () => {
      await project.commit();
      const first = await project.git('rev-parse', 'HEAD');
      await project.commit({ 'one/handler.js': '2' });
      await project.commit({ 'two/handler.js': '2' });
      assert.deepEqual(await names(''), ['two']);
      const event = join(project.root, 'event.json');
      const inPush = { GITHUB_EVENT_NAME: 'push', GITHUB_EVENT_PATH: event };
      await writeFile(event, JSON.stringify({ before: first }));
      assert.deepEqual(await names('', inPush), ['one', 'two']);
      assert.match((await changes('', inPush)).since, /before this push/);
      await writeFile(event, JSON.stringify({ before: '0'.repeat(40) }));
      assert.deepEqual(await names('', inPush), ['two'], 'a new branch was before nothing');
      await writeFile(event, JSON.stringify({ before: 'a'.repeat(40) }));
      await refused(changes('', inPush), /before this push, aaaaaaaaaaaa, is not here/, /--changed=REF/);
    });

    it('counts all of the only commit', async () => {
      await project.commit();
      assert.deepEqual(await names(''), ['one', 'two']);
    });
  });

  it('says what to do in a shallow clone', async () => {
    await project.commit();
    const first = await project.git('rev-parse', 'HEAD');
    await project.commit({ 'one/handler.js': '2' });
    const clone = join(project.root, 'shallow');
    execFileSync('git', ['clone', '-q', '--depth=1', `file://${join(project.root, 'project')}`, clone]);
    const there = join(clone, 'my projéct');
    await refused(changes(first, {}, there), /knows no commit/, /fetch-depth: 0/);
    await refused(changes('', {}, there), /commit before the last is not here/, /fetch-depth: 0/);
  });

  it('is an error for unknown names, and where there is no repository or no commit', async () => {
    await refused(changes('HEAD'), /no commit yet/, /commit once/);
    await project.commit();
    await refused(changes('nowhere'), /git knows no commit "nowhere"/, /--changed=origin\/main/);
    await refused(changes('--output=/tmp/x'), /git knows no commit/, /--changed/);
    await rm(join(project.root, 'project/.git'), { recursive: true });
    await refused(changes('HEAD'), /in no git repository/, /leave out --changed/);
  });
});
