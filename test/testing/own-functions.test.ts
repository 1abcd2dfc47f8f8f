import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packagesFolder, packagesKey } from '../../cli/build/recipe/kept-packages.ts';
import { runInProcess } from '../commands/in-process.ts';
import { skip } from '../real-parts.ts';
import { hasGo, repository } from '../templates/build-context.ts';

describe("this repository's own functions", function () {
  this.timeout(240_000);

  it('pass their unit tests and examples', async function () {
    if (!hasGo) skip(this, 'no Go compiler on PATH');
    const home = await mkdtemp(join(tmpdir(), 'bantam-own-functions-'));
    try {
      const kept = packagesFolder(join(home, 'bantam'));
      const key = await packagesKey(join(repository, 'templates/bantam-ts'));
      await mkdir(kept, { recursive: true });
      await symlink(join(repository, 'node_modules'), join(kept, key ?? ''));
      const run = await runInProcess(['fn', 'test', '--only', 'unit,examples'], {
        folder: repository,
        home,
        environment: { XDG_CACHE_HOME: home },
      });
      assert.equal(run.exitCode, 0, `${run.stdout}${run.stderr}`);
      const rows = run.stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.split('\t').slice(0, 3).join(' '));
      for (const name of ['arch-check', 'node-info'])
        for (const stage of ['unit', 'examples'])
          assert.ok(rows.filter((row) => row === `${name} ${stage} passed`).length >= 3, run.stdout);
    } finally {
      await rm(home, { recursive: true, force: true });
    }
  });
});
