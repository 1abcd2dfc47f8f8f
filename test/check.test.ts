import assert from 'node:assert/strict';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

const root = fileURLToPath(new URL('..', import.meta.url));

describe('npm run check', function () {
  this.timeout(120_000);

  it('finds nothing wrong: types (the template’s too), lint, borders, format', async () => {
    const { exitCode, all } = await execa(process.execPath, [join(root, 'scripts/check.mjs')], {
      cwd: root,
      all: true,
      reject: false,
    });
    assert.equal(exitCode, 0, all);
  });
});
