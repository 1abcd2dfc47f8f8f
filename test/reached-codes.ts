import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Suite, Test } from 'mocha';
import { errorCodes } from '../cli/errors.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Which error codes an assertion has found in what the product did, and in which test files. */
const reached = new Map<string, Set<string>>();

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

/**
 * The codes of cli/errors.ts that no test has reached. Undefined where nobody can say: a part of the tests ran, or some failed. A file with
 * skipped tests (a machine without Docker) is given the benefit of the doubt for the codes that it names.
 */
export function unreachedCodes(top: Suite): readonly string[] | undefined {
  const tests = testsOf(top);
  const files = new Set(tests.map(fileOf));
  const all = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' });
  if (all.some((file) => file.endsWith('.test.ts') && !files.has(join('test', file)))) return undefined;
  if (tests.some((test) => test.state !== 'passed' && !test.isPending())) return undefined;
  const skipped = new Set(tests.filter((test) => test.isPending()).map(fileOf));
  const doubtful = [...skipped].map((file) => readFileSync(join(root, file), 'utf8')).join('\n');
  return Object.keys(errorCodes).filter(
    (code) => !doubtful.includes(code) && ![...(reached.get(code) ?? [])].some((file) => isEvidence(file, code)),
  );
}

function testsOf(suite: Suite): readonly Test[] {
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

/** For whoever looks for what is missing: every code and the test files that reached it. */
export function describeReached(): string {
  return Object.keys(errorCodes)
    .map((code) => `${code} ${[...(reached.get(code) ?? [])].filter((file) => isEvidence(file, code)).join(' ')}`)
    .join('\n');
}
