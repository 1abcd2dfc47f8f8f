import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { UserError } from '../../cli/errors.ts';
import { findStack, lookForStack } from '../../cli/stack/find.ts';
import { temporaryProject } from './project.ts';

describe('finding the stack file', () => {
  it('takes stack.yaml before stack.yml', async () => {
    await using project = await temporaryProject({ 'stack.yml': '', 'stack.yaml': '' });
    assert.equal(await findStack({ from: project.folder }), join(project.folder, 'stack.yaml'));
  });

  it('looks upward, and the nearest wins', async () => {
    await using project = await temporaryProject({ 'stack.yaml': '', 'a/stack.yml': '', 'a/b/c/x': '' });
    assert.equal(await findStack({ from: join(project.folder, 'a/b/c') }), join(project.folder, 'a/stack.yml'));
  });

  it('stops at the root of the git checkout, be .git a folder or a file', async () => {
    await using project = await temporaryProject({
      'stack.yml': '',
      'a/.git/HEAD': '',
      'a/b/x': '',
      'c/.git': 'gitdir: ../x',
      'c/d/x': '',
    });
    for (const [from, last] of [
      ['a/b', 'a'],
      ['c/d', 'c'],
    ] as const) {
      const { file, folders } = await lookForStack({ from: join(project.folder, from) });
      assert.equal(file, undefined);
      assert.deepEqual(folders, [join(project.folder, from), join(project.folder, last)]);
    }
  });

  it('stops at home', async () => {
    await using project = await temporaryProject({ 'stack.yml': '', 'home/a/x': '' });
    const home = join(project.folder, 'home');
    assert.equal((await lookForStack({ from: join(home, 'a'), home })).file, undefined);
    assert.equal(
      (await lookForStack({ from: join(home, 'a'), home: dirname(home) })).file,
      join(project.folder, 'stack.yml'),
    );
  });

  it('says what was searched', async () => {
    await using project = await temporaryProject({ 'a/.git/HEAD': '', 'a/b/x': '' });
    await assert.rejects(findStack({ from: join(project.folder, 'a/b') }), (error) => {
      assert.ok(error instanceof UserError);
      assert.equal(error.code, 'BAN-E101');
      assert.equal(
        error.message,
        `no stack.yaml or stack.yml in ${join(project.folder, 'a/b')} or in a folder above it, up to ${join(project.folder, 'a')}`,
      );
      assert.match(error.hint ?? '', /bantam fn new/);
      return true;
    });
  });

  it('takes the file that -f names, relative to the working folder', async () => {
    await using project = await temporaryProject({ 'a/other.yml': '', 'stack.yml': '' });
    assert.equal(await findStack({ file: 'a/other.yml', from: project.folder }), join(project.folder, 'a/other.yml'));
  });

  it('refuses a -f that is missing, a folder or an address', async () => {
    await using project = await temporaryProject();
    await mkdir(join(project.folder, 'folder'));
    for (const [file, reason] of [
      ['nothing.yml', /does not exist/],
      ['folder', /is a folder/],
      ['https://example.com/stack.yml', /is an address/],
    ] as const) {
      await assert.rejects(
        findStack({ file, from: project.folder }),
        (error) => error instanceof UserError && error.code === 'BAN-E101' && reason.test(error.message),
      );
    }
  });

  it('does not take a folder called stack.yml', async () => {
    await using project = await temporaryProject({ '.git/HEAD': '', 'stack.yml/x': '' });
    assert.equal((await lookForStack({ from: project.folder })).file, undefined);
  });
});
