import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeFailure, exitCodeOf, gravest, Interrupted, UserError } from '../cli/errors.ts';

describe('failures', () => {
  it('of the file system are no bugs: the path and the words are shown', async () => {
    for (const work of [() => readFile(join(tmpdir(), 'bantam-nothing-here')), () => mkdir('/dev/null/folder')]) {
      const failure = await work().then(() => assert.fail('it worked'), describeFailure);
      assert.equal(failure.code, 'BAN-E003');
      assert.match(failure.message, /^\/.*: (no such file or folder|a part of the path is no folder)$/);
      assert.equal(exitCodeOf(failure), 1);
    }
  });

  it('of ours show a stack and exit 70, interrupts exit 130, the rest their own code', () => {
    const bug = describeFailure(new TypeError('x is not a function'));
    assert.equal(bug.code, 'BAN-BUG');
    assert.ok((bug.details ?? []).some((line) => line.startsWith('at ')));
    assert.equal(exitCodeOf(bug), 70);
    assert.equal(exitCodeOf(describeFailure(new Interrupted())), 130);
    assert.equal(exitCodeOf(describeFailure(new UserError('BAN-E402', 'no'))), 4);
    assert.equal(describeFailure('a string was thrown').code, 'BAN-BUG');
  });

  it('carry the places in the user’s files, for programs', () => {
    const places = [{ file: '/project/stack.yml', line: 3, column: 5, message: 'no' }];
    assert.deepEqual(describeFailure(new UserError('BAN-E102', 'no', { places })).places, places);
    assert.equal('places' in describeFailure(new UserError('BAN-E102', 'no')), false);
  });

  it('of several functions: the gravest decides', () => {
    for (const [codes, expected] of [
      [[], 0],
      [[0, 1], 1],
      [[1, 8], 8],
      [[8, 4, 1], 4],
      [[4, 70, 8], 70],
      [[70, 130], 130],
      [[2, 1], 2],
    ] as const) {
      assert.equal(gravest(codes), expected, JSON.stringify(codes));
    }
  });
});
