import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readIgnored } from '../../cli/build/recipe/ignored.ts';
import { makeContext, makeTemporaryFolder, removeTemporaryFolders } from '../templates/build-context.ts';
import { buildWithRecipe } from './recipe-source.ts';

describe('the .dockerignore of a build context', () => {
  after(removeTemporaryFolders);

  it('is read as Docker reads it', async () => {
    const folder = await makeTemporaryFolder();
    assert.equal((await readIgnored(folder))('anything'), false, 'without one nothing is left out');
    await writeFile(join(folder, '.dockerignore'), '# a comment\r\n/function/data\n**/*.log\n!**/keep.log\n\n*.md\n');
    const isIgnored = await readIgnored(folder);
    const seen = ['function/data', 'function/data/a', 'function/a.log', 'function/keep.log', 'function/a.md', 'a.md'];
    assert.deepEqual(seen.map(isIgnored), [true, true, true, false, false, true]);
  });

  it('keeps files of the function out of a tree that is made without Docker', async () => {
    const context = await makeContext('bantam-ts', {
      'handler.ts': 'export default async () => new Response();\n',
      'data/private.txt': 'p',
      'data/public.txt': 'p',
    });
    const rules = await readFile(join(context, '.dockerignore'), 'utf8');
    await writeFile(join(context, '.dockerignore'), `${rules}\nfunction/data/*\n!function/data/public.txt\n`);
    const root = await buildWithRecipe(context, 'linux/amd64');
    assert.deepEqual(await readdir(join(root, 'home/app/function/data')), ['public.txt']);
  });
});
