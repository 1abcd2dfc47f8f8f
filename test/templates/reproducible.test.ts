import assert from 'node:assert/strict';
import { chmod, cp, lstat, readdir, readFile, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { skip } from '../real-parts.ts';
import {
  bundle,
  compile,
  hasGo,
  makeContext,
  makeTemporaryFolder,
  removeTemporaryFolders,
  repository,
} from './build-context.ts';
import { describeTree } from './describe-tree.ts';

const builders = { 'bantam-ts': bundle, 'bantam-go': compile };

/** What a checkout with another umask at another time looks like. */
async function disturb(folder: string): Promise<void> {
  for (const path of await readdir(folder, { recursive: true })) {
    const file = join(folder, path);
    const info = await lstat(file);
    if (info.isSymbolicLink() || file.includes('node_modules')) continue;
    await chmod(file, info.isDirectory() ? 0o700 : 0o600);
    await utimes(file, 1, 1);
  }
}

describe('what a template puts into the image', () => {
  after(removeTemporaryFolders);

  for (const template of ['bantam-ts', 'bantam-go'] as const) {
    it(`${template}: the same tree from a folder of another name, with other times, modes, umask and a meta.json`, async function () {
      if (template === 'bantam-go' && !hasGo) skip(this, 'no Go compiler on PATH');
      this.timeout(240_000);
      const build = builders[template];
      const first = await build(await makeContext(template));
      assert.equal(first.code, 0, first.output);

      const other = await makeContext(
        template,
        undefined,
        join(await makeTemporaryFolder('ünother place '), 'deep', 'er'),
      );
      await cp(join(repository, 'templates', template, 'template.yml'), join(other, 'meta.json'));
      await disturb(other);
      const umask = process.umask(0o077);
      const second = await build(other).finally(() => process.umask(umask));
      assert.equal(second.code, 0, second.output);

      const tree = await describeTree(first.root);
      assert.deepEqual(await describeTree(second.root), tree);
      for (const line of tree) assert.match(line, /^\S+ \d+ 0 /, 'every time is 0');

      const output = await readFile(join(first.root, template === 'bantam-ts' ? 'app/function.mjs.map' : 'function'));
      for (const place of [first.root, other, repository]) {
        assert.ok(!output.includes(place), `${place} is in the output`);
      }
    });
  }
});
