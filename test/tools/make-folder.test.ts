import assert from 'node:assert/strict';
import { mkdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from '../../cli/tools/make-folder.ts';
import { temporaryFolder } from '../e2e/program.ts';

describe('making a folder', () => {
  it('makes those above it too, takes what is there, and several at once agree', async () => {
    await using place = await temporaryFolder();
    const path = join(place.path, 'a', 'b', 'c');
    await Promise.all([makeFolder(path, 0o700), makeFolder(path, 0o700), makeFolder(join(path, 'd'), 0o700)]);
    await makeFolder(path);
    await makeFolder('/');
    assert.equal((await stat(path)).mode & 0o777, 0o700);
    await mkdir(join(place.path, 'real'));
    await symlink('real', join(place.path, 'link'));
    await makeFolder(join(place.path, 'link', 'x'));
    assert.ok((await stat(join(place.path, 'real', 'x'))).isDirectory());
  });

  it('ends where nothing can be made: below a file, a link to nowhere, /proc', async () => {
    await using place = await temporaryFolder();
    await writeFile(join(place.path, 'file'), '');
    await symlink('nowhere', join(place.path, 'dangling'));
    await assert.rejects(makeFolder(join(place.path, 'file')), { code: 'EEXIST' });
    await assert.rejects(makeFolder(join(place.path, 'file', 'a', 'b')), { code: 'ENOTDIR' });
    await assert.rejects(makeFolder(join(place.path, 'dangling', 'a')), { code: 'ENOENT' });
    if (process.platform === 'linux') await assert.rejects(makeFolder('/proc/nothing/a/b'), { code: 'ENOENT' });
  });
});
