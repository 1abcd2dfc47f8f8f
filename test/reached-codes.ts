import assert from 'node:assert/strict';
import { appendFileSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Suite, Test } from 'mocha';
import { errorCodes } from '../cli/errors.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * Which error codes an assertion has found in what the product did, and in which test files. Kept globally: mocha loads test files as
 * CommonJS where it can, and test/root-hooks.ts as an ES module, so that this file is there twice.
 */
const reached = sharedMap(Symbol.for('bantam: reached codes'));

function sharedMap(key: symbol): Map<string, Set<string>> {
  const all = globalThis as unknown as Record<symbol, Map<string, Set<string>> | undefined>;
  all[key] ??= new Map();
  return all[key];
}

/** BANTAM_SUITE_REACHED=FILE: `CODE TEST-FILE` is appended to it for every code found, also when a part of the tests runs. */
const protocol = process.env['BANTAM_SUITE_REACHED'] || undefined;

/** The file of the test that runs now; set before each test. */
let current: string | undefined;

/** An expectation with more codes than this is a list of all codes, not what a failure said. */
const mostInOneAssertion = 8;

/**
 * Watches the assertions of this process. When one has passed, a code that stands both in what was found and in what was expected was
 * reached by the test: what is only mentioned, or compared and found different, does not count. Nothing in cli/ knows of it.
 */
export function watchAssertions(): void {
  const methods = assert as unknown as Record<string, (...given: unknown[]) => unknown>;
  for (const name of ['equal', 'strictEqual', 'deepEqual', 'deepStrictEqual', 'match']) {
    const original = methods[name];
    assert.ok(original !== undefined);
    methods[name] = (actual, expected, ...rest) => {
      original(actual, expected, ...rest);
      const wanted = codesIn(expected);
      if (wanted.size > 0) keep(wanted, codesIn(actual));
    };
  }
  // What was thrown is compared by assert itself with an object or a pattern; a function judges the error that it is given.
  for (const name of ['throws', 'rejects']) {
    const original = methods[name];
    assert.ok(original !== undefined);
    methods[name] = (work, expected, ...rest) => {
      const wanted = new Set<string>();
      const judged = isJudge(expected) ? watchJudge(expected, wanted) : expected;
      if (judged === expected) codesIn(expected, wanted);
      const outcome = original(work, judged, ...rest);
      if (outcome instanceof Promise) return outcome.then(() => keep(wanted, wanted));
      keep(wanted, wanted);
      return outcome;
    };
  }
}

type Judge = (error: unknown) => unknown;

/** A class of errors is a function, too. */
function isJudge(expected: unknown): expected is Judge {
  return typeof expected === 'function' && expected !== Error && !Object.prototype.isPrototypeOf.call(Error, expected);
}

/** The code of the error that was accepted, if the test's file names it: a judge that looks at the hint alone asserts no code. */
function watchJudge(judge: Judge, accepted: Set<string>): Judge {
  return (error) => {
    const verdict = judge(error);
    const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
    if (/^BAN-E\d{3}$/.test(code) && current !== undefined && readFileSync(join(root, current), 'utf8').includes(code))
      accepted.add(code);
    return verdict;
  };
}

/** Names the test that runs now. */
export function enterTest(test: Test | undefined): void {
  current = test?.file === undefined ? undefined : relative(root, test.file);
}

/** What a run was, as far as it changes the verdict on it. */
export interface RunKind {
  /** `npm test` without arguments: every test file must have a test in it, or nobody could tell this run from a part. */
  readonly whole: boolean;
  /** CI=true: no part may be missing, so that a skipped test excuses nothing. */
  readonly strict: boolean;
}

/** The run of this process, as scripts/test.mjs and the environment tell it before test/root-hooks.ts clears them away. */
export const thisRun: RunKind = {
  whole: process.env['BANTAM_SUITE_WHOLE'] === '1',
  strict: process.env['CI'] === 'true',
};

/**
 * The codes of cli/errors.ts that no test has reached. Undefined where nobody can say: a part of the tests ran, or some failed. A file with
 * skipped tests (a machine without Docker) is given the benefit of the doubt for the codes that it names, unless the run is strict.
 * Throws if the run is a whole one and a test file holds no test.
 */
export function unreachedCodes(
  top: Pick<Suite, 'tests' | 'suites'>,
  { whole, strict }: RunKind = thisRun,
  found: ReadonlyMap<string, ReadonlySet<string>> = reached,
): readonly string[] | undefined {
  const tests = testsOf(top);
  const files = new Set(tests.map(fileOf));
  const all = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' });
  const missing = all.filter((file) => file.endsWith('.test.ts') && !files.has(join('test', file)));
  if (missing.length > 0 && whole) throw new Error(`no test is in ${missing.join(', ')}`);
  if (missing.length > 0) return undefined;
  if (tests.some((test) => test.state !== 'passed' && !test.isPending())) return undefined;
  const skipped = new Set(strict ? [] : tests.filter((test) => test.isPending()).map(fileOf));
  const doubtful = [...skipped].map((file) => readFileSync(join(root, file), 'utf8')).join('\n');
  return Object.keys(errorCodes).filter(
    (code) => !doubtful.includes(code) && ![...(found.get(code) ?? [])].some((file) => isEvidence(file, code)),
  );
}

/** The test files that have reached a code so far. */
export function filesThatReached(code: string): readonly string[] {
  return [...(reached.get(code) ?? [])];
}

function testsOf(suite: Pick<Suite, 'tests' | 'suites'>): readonly Test[] {
  return [...suite.tests, ...suite.suites.flatMap(testsOf)];
}

function fileOf({ file = '' }: Test): string {
  return relative(root, file);
}

function keep(wanted: ReadonlySet<string>, found: ReadonlySet<string>): void {
  if (current === undefined || wanted.size > mostInOneAssertion) return;
  for (const code of wanted) {
    if (!found.has(code)) continue;
    const files = reached.get(code) ?? new Set();
    if (protocol !== undefined && !files.has(current) && isEvidence(current, code))
      appendFileSync(protocol, `${code} ${current}\n`);
    reached.set(code, files.add(current));
  }
}

/** A test that makes the error itself shows how it is printed, not that anything leads to it. */
function isEvidence(file: string, code: string): boolean {
  if (file.startsWith('test/ui/') || !existsSync(join(root, file))) return false;
  return !new RegExp(`new UserError\\(\\s*'${code}'`).test(readFileSync(join(root, file), 'utf8'));
}

/** The codes in texts, patterns, errors, and a few levels of objects and lists. */
function codesIn(value: unknown, found = new Set<string>(), depth = 0): Set<string> {
  if (typeof value === 'string') for (const [code] of value.matchAll(/BAN-E\d{3}/g)) found.add(code);
  else if (value instanceof RegExp) codesIn(value.source, found, depth);
  else if (typeof value === 'object' && value !== null && depth < 5 && !ArrayBuffer.isView(value)) {
    if (value instanceof Error) codesIn(value.message, found, depth);
    let count = 0;
    for (const each of value instanceof Map || value instanceof Set ? value : Object.values(value)) {
      if (++count > 200) break;
      codesIn(each, found, depth + 1);
    }
  }
  return found;
}
