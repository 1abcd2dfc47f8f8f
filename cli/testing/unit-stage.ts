import { mkdtemp, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunProgram } from '../build/builder.ts';
import { UserError } from '../errors.ts';
import type { Report } from '../events.ts';
import type { PreparedFunction } from './built-function.ts';
import { readGoCoverage } from './coverage/go-coverage.ts';
import { readNodeCoverage } from './coverage/node-coverage.ts';
import { describeTrouble, type StageResult, stageOf, stageWithout, type TestCase } from './result.ts';
import { bundleTests, type TestBundle } from './unit/bundle-tests.ts';
import { findFiles, testFile } from './unit/find-tests.ts';
import { runGoTests } from './unit/go-tests.ts';
import { hasMochaFile, readMocha } from './unit/mocha.ts';
import { chooseRunner, runNodeTests } from './unit/node-tests.ts';

/** How the unit tests of a function are run. */
export interface UnitRun {
  readonly prepared: PreparedFunction;
  /** A folder of this run's own. */
  readonly scratch: string;
  /** Milliseconds for the tests of one file (Go: of one package). */
  readonly limit: number;
  readonly coverage: boolean;
  /** Brings the function's packages into the context; asked only where the user has installed none. */
  readonly install: () => Promise<void>;
  readonly run: RunProgram;
  readonly report: Report;
  readonly signal: AbortSignal;
}

/** What became of the unit tests, and which files they and the handler are made of. */
export interface UnitOutcome {
  readonly result: StageResult;
  readonly inputs: readonly string[];
}

/** Runs the function's own tests: node:test or mocha, or `go test`. What keeps all of them from running is a failed case. Throws Interrupted. */
export async function testUnits(request: UnitRun): Promise<UnitOutcome> {
  const began = performance.now();
  let inputs: readonly string[] = [];
  try {
    const outcome = await (request.prepared.description.kind === 'compile'
      ? testGo(request)
      : testNode(request, (found) => {
          inputs = found;
        }));
    inputs = outcome.inputs;
    if (outcome.cases.length === 0) return { result: stageWithout('unit', 'none', outcome.none), inputs };
    const { cases, coverage } = outcome;
    return { result: stageOf('unit', cases, performance.now() - began, { coverage }), inputs };
  } catch (thrown) {
    if (!(thrown instanceof UserError)) throw thrown;
    const [place] = thrown.places;
    const broken: TestCase = {
      name: 'unit tests',
      verdict: 'failed',
      milliseconds: 0,
      ...(place === undefined ? {} : { file: place.file, line: place.line }),
      failure: describeTrouble(thrown),
    };
    return { result: stageOf('unit', [broken], performance.now() - began), inputs };
  }
}

interface Outcome {
  readonly cases: readonly TestCase[];
  readonly inputs: readonly string[];
  readonly coverage?: StageResult['coverage'] | undefined;
  /** What to say where there are no tests. */
  readonly none: string;
}

async function testNode(request: UnitRun, onInputs: (inputs: readonly string[]) => void): Promise<Outcome> {
  const { prepared, scratch, limit, coverage, run, report, signal } = request;
  const { name, handler } = prepared;
  const named = await findFiles(handler, testFile);
  onInputs(named.map((test) => join(handler, test)));
  const bundles = await mkdtemp(join(scratch, 'unit-'));
  try {
    const runner = await chooseRunner(handler);
    const reading = { name, handler, tests: named, into: bundles, limit, run, signal };
    // What its configuration names may be called otherwise.
    const mocha =
      runner === 'mocha' && (named.length > 0 || (await hasMochaFile(handler))) ? await readMocha(reading) : undefined;
    const tests = mocha?.tests ?? named;
    onInputs(tests.map((test) => join(handler, test)));
    const bundle = await bundleWithPackages(request, tests, bundles);
    const none = 'no unit tests: a file NAME.test.ts beside the handler is one';
    if (tests.length === 0) return { cases: [], inputs: bundle.inputs, none };
    const measured = coverage ? join(bundles, 'coverage') : undefined;
    const into = join(bundles, 'run');
    const tested = {
      name,
      handler,
      bundle,
      into,
      limit,
      coverage: measured,
      run,
      report,
      signal,
    };
    const cases = await runNodeTests(tested, mocha);
    return {
      cases,
      inputs: bundle.inputs,
      none,
      coverage: measured === undefined ? undefined : await readNodeCoverage(measured, bundles, bundle.ofHandler),
    };
  } finally {
    await rm(bundles, { recursive: true, force: true });
  }
}

/** A user who has not run `npm install` gets the packages of the build; only what tests alone need is missing then. */
async function bundleWithPackages(
  { prepared, install, signal }: UnitRun,
  tests: readonly string[],
  into: string,
): Promise<TestBundle> {
  const { name, context, inContext, handler, copies, description } = prepared;
  const candidates = description.kind === 'bundle' ? description.handler.candidates : [];
  const there = await Promise.all(candidates.map((file) => stat(join(handler, file)).catch(() => undefined)));
  const entry = candidates.find((_file, index) => there[index] !== undefined);
  const request = { name, handler, copies, otherwise: join(context, inContext), tests, entry, into, signal };
  try {
    return await bundleTests(request);
  } catch (thrown) {
    const missing = thrown instanceof UserError && thrown.details.some((line) => /Could not resolve "[^./]/.test(line));
    if (!missing) throw thrown;
    await install();
    return await bundleTests(request);
  }
}

async function testGo({ prepared, scratch, limit, coverage, run, report, signal }: UnitRun): Promise<Outcome> {
  const { description, handler } = prepared;
  if (description.kind !== 'compile') throw new TypeError('the function is not compiled');
  const files = await findFiles(handler, /\.go$|^go\.(?:mod|sum)$/);
  const inputs = files.map((file) => join(handler, file));
  const none = 'no unit tests: a file NAME_test.go beside the handler is one';
  if (!files.some((file) => file.endsWith('_test.go'))) return { cases: [], inputs, none };
  const profile = coverage ? join(scratch, `${prepared.name}.coverage`) : undefined;
  const cases = await runGoTests({
    prepared: { ...prepared, description },
    limit,
    coverage: profile,
    run,
    report,
    signal,
  });
  const measured =
    profile === undefined ? undefined : await readGoCoverage(profile, description.handler.import, handler);
  return { cases, inputs, none, coverage: measured };
}
