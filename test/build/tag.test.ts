import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openTagger } from '../../cli/build/tag.ts';
import { UserError } from '../../cli/errors.ts';
import { runProgram } from '../../cli/tools/exec.ts';
import { fieldsOf, type GitProject, makeGitProject, stackText } from './git-project.ts';

describe('--tag', function () {
  this.timeout(30_000);
  let project: GitProject;
  beforeEach(async () => {
    project = await makeGitProject();
  });
  afterEach(async () => await project[Symbol.asyncDispose]());

  async function tagged(
    wanted: string | undefined,
    environment: Readonly<Record<string, string>> = {},
    copied: readonly string[] = [],
  ): Promise<readonly string[]> {
    const stack = await project.stack();
    const { signal } = new AbortController();
    const tag = openTagger(wanted, { stack, copied, environment, run: runProgram, signal });
    const images: string[] = [];
    for (const declared of stack.functions) images.push((await tag(declared)).image);
    // The second time is what `fn deploy` does after its build.
    for (const [index, declared] of stack.functions.entries())
      assert.equal((await tag({ ...declared, namespace: 'dev' })).image, images[index]);
    return images;
  }
  const refused = async (wanted: string, words: RegExp, hint = /./): Promise<void> =>
    await assert.rejects(tagged(wanted), (error) => {
      assert.ok(error instanceof UserError, String(error));
      assert.equal(error.code, 'BAN-E217');
      assert.match(error.message, words);
      assert.match(error.hint ?? '', hint);
      return true;
    });

  it('asks git a few questions, however many functions there are', async () => {
    const fields = Object.fromEntries(
      Array.from({ length: 500 }, (_, index) => [
        `fn-${index}`,
        fieldsOf(index % 2 === 0 ? 'one' : 'two').replace(/lan\/\w+/, `lan/fn-${index}`),
      ]),
    );
    await project.commit({ 'stack.yml': stackText(fields) });
    await project.write({ 'two/new/größe.js': '1' });
    const stack = await project.stack();
    let calls = 0;
    const run: typeof runProgram = async (...call) => {
      calls += 1;
      return await runProgram(...call);
    };
    const { signal } = new AbortController();
    const tag = openTagger('git', { stack, copied: [], environment: {}, run, signal });
    const images = await Promise.all(stack.functions.map(async (declared) => (await tag(declared)).image));
    assert.equal(images.filter((image) => image.endsWith('-dirty')).length, 250);
    assert.ok(images[1]?.endsWith('-dirty') && !images[0]?.endsWith('-dirty'), images[0]);
    assert.equal(calls, 3);
  });

  it('leaves images alone where it is not given, and takes any text', async () => {
    assert.deepEqual(await tagged(undefined), ['registry.lan/one:1.0', 'registry.lan/two:1.0']);
    assert.deepEqual(await tagged('2.0-rc.1'), ['registry.lan/one:2.0-rc.1', 'registry.lan/two:2.0-rc.1']);
    assert.deepEqual(await tagged('latest'), ['registry.lan/one:latest', 'registry.lan/two:latest']);
  });

  it('git appends twelve digits of the commit, and stands alone instead of latest', async () => {
    await project.write({
      'stack.yml': stackText({
        a: fieldsOf('one').replace(':1.0', ':latest'),
        b: fieldsOf('one').replace('one:1.0', 'b'),
        c: fieldsOf('two').replace('registry.lan', 'registry.lan:5000'),
        d: 'lang: mine, handler: ./one, image: "me/d"',
      }),
    });
    await project.commit();
    const commit = (await project.git('rev-parse', 'HEAD')).slice(0, 12);
    assert.deepEqual(await tagged('git'), [
      `registry.lan/one:${commit}`,
      `registry.lan/b:${commit}`,
      `registry.lan:5000/two:1.0-${commit}`,
      `me/d:${commit}`,
    ]);
  });

  it('sha, branch, describe and digest are those of faas-cli', async () => {
    await project.commit();
    const short = await project.git('rev-parse', '--short', 'HEAD');
    assert.deepEqual(await tagged('sha'), [`registry.lan/one:1.0-${short}`, `registry.lan/two:1.0-${short}`]);
    assert.equal((await tagged('describe'))[0], `registry.lan/one:1.0-${short}`);
    await project.git('tag', 'v1.2');
    await project.git('switch', '-q', '-c', 'feature/größer');
    assert.equal((await tagged('branch'))[0], `registry.lan/one:1.0-feature-gr-er-${short}`);
    assert.equal((await tagged('describe'))[0], 'registry.lan/one:1.0-v1.2');
    const inner = createHash('md5').update('one').digest('hex');
    assert.equal((await tagged('digest'))[0], `registry.lan/one:${createHash('md5').update(inner).digest('hex')}`);
  });

  it('appends -dirty to those functions that are not what was committed', async () => {
    await project.commit({ 'shared/x': '' });
    const ends = async (): Promise<readonly boolean[]> =>
      (await tagged('git', {}, [join(project.folder, 'shared')])).map((image) => image.endsWith('-dirty'));
    await project.write({ 'README.md': 'changed', 'two/ignored': 'no matter', 'notes.txt': 'untracked' });
    assert.deepEqual(await ends(), [false, false]);
    await project.write({ 'two/new.js': 'untracked' });
    assert.deepEqual(await ends(), [false, true]);
    await project.commit();
    await project.write({ 'template/mine/Dockerfile': 'FROM other\n' });
    assert.deepEqual(await ends(), [true, true]);
    await project.commit();
    await project.write({ 'shared/x': 'changed' });
    assert.deepEqual(await ends(), [true, true]);
    await project.commit();
    await project.write({ 'stack.yml': `${stackText({ one: fieldsOf('one'), two: fieldsOf('two') })}# changed\n` });
    assert.deepEqual(await ends(), [true, true]);
  });

  it('takes the branch from CI where none is checked out', async () => {
    await project.commit();
    await project.git('checkout', '-q', '--detach');
    const short = await project.git('rev-parse', '--short', 'HEAD');
    assert.equal((await tagged('branch', { GITHUB_REF_NAME: 'main' }))[0], `registry.lan/one:1.0-main-${short}`);
    assert.equal(
      (await tagged('branch', { GITHUB_HEAD_REF: 'fix/it', GITHUB_REF_NAME: '7/merge' }))[0],
      `registry.lan/one:1.0-fix-it-${short}`,
    );
    await refused('branch', /no branch is checked out/, /--tag git/);
  });

  it('is an error without a commit, outside of a repository, and for what is no tag', async () => {
    await refused('sha', /there is none yet/);
    for (const text of ['a b', '-x', '.x', 'ä', 'a/b', 'a:b', '', 'x'.repeat(129)]) await refused(text, /is no tag/);
    await rm(join(project.root, 'project/.git'), { recursive: true });
    for (const word of ['git', 'sha', 'branch', 'describe']) await refused(word, /in no git repository/, /--tag 1\.0/);
    assert.match((await tagged('digest'))[0] ?? '', /^registry\.lan\/one:[0-9a-f]{32}$/);
  });

  it('is an error where two functions would get the same image, and for images pinned by digest', async () => {
    await project.write({
      'stack.yml': stackText({ one: fieldsOf('one'), two: fieldsOf('two').replace('two:1.0', 'one:2.0') }),
    });
    await refused('3', /would give one and two the same image, registry\.lan\/one:3/);
    const pinned = fieldsOf('one').replace(':1.0', `@sha256:${'a'.repeat(64)}`);
    await project.write({ 'stack.yml': stackText({ one: pinned }) });
    await refused('3', /pinned by its digest/, /stack\.yml:5/);
  });

  it('leaves functions alone that are not built', async () => {
    await project.write({ 'stack.yml': stackText({ one: 'image: "ghcr.io/x/store:1", skip_build: true' }) });
    assert.deepEqual(await tagged('2'), ['ghcr.io/x/store:1']);
  });

  it('says that git is missing', async () => {
    const empty = await mkdtemp(join(tmpdir(), 'bantam-no-git-'));
    const stack = await project.stack();
    const tag = openTagger('git', {
      stack,
      copied: [],
      environment: {},
      run: (file, words, options) =>
        runProgram(file, words, { ...options, environment: { ...options?.environment, PATH: empty } }),
      signal: new AbortController().signal,
    });
    const [declared] = stack.functions;
    assert.ok(declared !== undefined);
    await assert.rejects(tag(declared), (error) => error instanceof UserError && error.code === 'BAN-E212');
    await rm(empty, { recursive: true });
  });
});
