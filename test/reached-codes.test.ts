import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Suite, Test } from 'mocha';
import { errorCodes } from '../cli/errors.ts';
import { filesThatReached, unreachedCodes } from './reached-codes.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const here = 'test/reached-codes.test.ts';
const every = Object.keys(errorCodes);

/** A finished run with one test in each file of test/. `states`: what is not `passed`. */
function finishedRun(states: Readonly<Record<string, 'failed' | 'pending' | 'absent' | undefined>> = {}) {
  const files = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .map((file) => join('test', file))
    .filter((file) => file.endsWith('.test.ts') && states[file] !== 'absent');
  const tests = files.map((file) => ({
    file: join(root, file),
    state: states[file] === 'pending' ? undefined : (states[file] ?? 'passed'),
    isPending: () => states[file] === 'pending',
  }));
  return { tests: [], suites: [{ tests: tests as unknown as Test[], suites: [] as Suite[] } as Suite] };
}

describe('the check that tests reach every error code', () => {
  const [some, whole, strict] = [
    { whole: false, strict: false },
    { whole: true, strict: false },
    { whole: true, strict: true },
  ];
  const nothing = new Map<string, Set<string>>();

  it('names what was not reached, after a run of all files only', () => {
    assert.deepEqual(unreachedCodes(finishedRun(), whole, nothing), every);
    assert.deepEqual(unreachedCodes(finishedRun(), some, new Map(every.map((code) => [code, new Set([here])]))), []);
    assert.equal(unreachedCodes(finishedRun({ [here]: 'failed' }), whole, nothing), undefined);
    assert.equal(unreachedCodes(finishedRun({ [here]: 'absent' }), some, nothing), undefined);
    assert.throws(
      () => unreachedCodes(finishedRun({ [here]: 'absent' }), whole, nothing),
      /no test is in reached-codes/,
    );
  });

  it('excuses what a file with skipped tests names, unless no test may be skipped', () => {
    const file = 'test/build/explain.test.ts';
    const named = every.filter((code) => readFileSync(join(root, file), 'utf8').includes(code));
    assert.ok(named.length > 3);
    const run = finishedRun({ [file]: 'pending' });
    assert.deepEqual(
      unreachedCodes(run, whole, nothing),
      every.filter((code) => !named.includes(code)),
    );
    assert.deepEqual(unreachedCodes(run, strict, nothing), every);
  });

  it('counts what an assertion found and expected, and nothing else', () => {
    const error = Object.assign(new Error('no'), { code: 'BAN-E991' });
    assert.throws(
      () => {
        throw error;
      },
      { code: 'BAN-E991' },
    );
    assert.match('it says BAN-E992', /BAN-E992/);
    assert.throws(() => assert.equal('BAN-E993', 'BAN-E993 and more'));
    assert.notEqual('BAN-E994', 'BAN-E995');
    assert.deepEqual(
      [1, 2, 3, 4, 5].map((last) => filesThatReached(`BAN-E99${last}`)),
      [[here], [here], [], [], []],
    );
  });

  it('takes no test for evidence that makes the error itself', () => {
    // A test of the terminal shows how a failure is printed.
    const found = new Map(every.map((code) => [code, new Set(['test/ui/reporters.test.ts'])]));
    assert.deepEqual(unreachedCodes(finishedRun(), whole, found), every);
  });
});
