import assert from 'node:assert/strict';
import { join } from 'node:path';
import { execa } from 'execa';
import { root } from '../e2e/program.ts';

describe('npm run bench -- start', function () {
  this.timeout(120_000);
  const bench = (...argv: readonly string[]) =>
    execa(process.execPath, ['--import', 'tsx', join(root, 'test/bench/command.ts'), 'start', ...argv], {
      cwd: root,
      reject: false,
    });

  it('sets what the program takes to start beside bare Node', async () => {
    const { exitCode, stdout, stderr } = await bench('--rounds', '1');
    assert.equal(exitCode, 0, stderr);
    const [bare, ...rows] = stdout.split('\n');
    assert.match(bare ?? '', /^node -e 0 +\d+ ms .* 1 rounds$/);
    assert.equal(rows.length, 4);
    for (const row of rows) assert.match(row, /^bantam [\w -]+ +\d+ ms +\(median +\d+ ms\) +\d+\.\d\d x/);
    assert.match(rows[0] ?? '', /^bantam --version .*at most 1\.5/);
    assert.match(rows[1] ?? '', /^bantam --help .*at most 2/);
  });

  it('takes no nonsense', async () => {
    for (const argv of [
      ['--rounds', 'many'],
      ['--turns', '3'],
    ]) {
      const { exitCode, stderr } = await bench(...argv);
      assert.equal(exitCode, 2, stderr);
      assert.match(stderr, /usage: npm run bench/);
    }
  });
});
