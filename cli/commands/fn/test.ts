import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import pLimit from 'p-limit';
import { openKeptPackages, packagesFolder } from '../../build/recipe/kept-packages.ts';
import { type Answer, defineCommand, type Input } from '../../command.ts';
import type { Context } from '../../context.ts';
import { type ExitCode, exitCodeOf, exitCodes, gravest, Interrupted, UserError } from '../../errors.ts';
import { selectFunctions } from '../../stack/select.ts';
import type { Stack, StackFunction } from '../../stack/stack.ts';
import { formatJunit } from '../../testing/junit.ts';
import { type FunctionResult, type StageName, stageNames } from '../../testing/result.ts';
import { type TestedFunction, type TestSettings, testFunction } from '../../testing/test-function.ts';
import { watchFunctions } from '../../testing/watch.ts';
import { describeTestFailures, describeTests, listTests, summarise } from '../describe-tests.ts';
import { testImages } from '../test-image.ts';

/** Seconds that unit tests and answers may take, unless `--timeout` says otherwise. */
const usualTimeout = 60;

const options = {
  watch: { flags: '--watch', kind: 'flag', description: 'again whenever a file changes, until Ctrl-C' },
  only: { flags: '--only <list>', kind: 'list', description: `only some of ${stageNames.join(', ')}` },
  timeout: {
    flags: '--timeout <seconds>',
    kind: 'number',
    description: `how long the unit tests of a file, or an answer, may take (default: ${usualTimeout})`,
  },
  coverage: { flags: '--coverage', kind: 'flag', description: 'which lines the unit tests run' },
  junit: { flags: '--junit <file>', kind: 'text', description: 'write the results as JUnit’s XML too' },
  image: { flags: '--image', kind: 'flag', description: 'test the built image in a container instead' },
  platform: {
    flags: '--platform <list>',
    kind: 'list',
    description: 'with --image: the platforms to run (default: the engine’s own)',
  },
  path: { flags: '--path <path>', kind: 'text', description: 'with --image: path of the call (default: /)' },
  data: {
    flags: '-d, --data <text>',
    kind: 'text',
    description: 'with --image: body of the call (POST); without it a GET',
  },
  noCall: {
    flags: '--no-call',
    kind: 'flag',
    description: 'with --image: ask for health and readiness only, never run the handler',
  },
} as const;

/** `bantam fn test`: unit tests, the HTTP contract and examples of functions, without Docker; `--image`: the built image as a container. */
export const test = defineCommand({
  arguments: [{ name: '[names...]', description: 'functions (default: all of the stack file)' }],
  options,
  examples: [
    'bantam fn test',
    'bantam fn test hello --watch',
    'bantam fn test --only unit --coverage',
    'bantam fn test --junit results.xml',
    'bantam fn test hello --image',
    'bantam fn test --image --platform linux/arm64,linux/arm/v7',
    `bantam fn test hello --image -d '{"name":"Pi"}'`,
  ],
  async run(input, context) {
    refuseMixed(input.options);
    const stages = readStages(input.options.only);
    const stack = await context.stack();
    const functions = selectFunctions(stack, input.names);
    if (input.options.image) return await testImages(functions, input.options, context);
    const scratch = await mkdtemp(join(tmpdir(), 'bantam-test-')).catch((cause: Error) => {
      throw new UserError('BAN-E003', `no temporary folder can be made in ${tmpdir()}: ${cause.message}`, {
        hint: 'make it writable, or name another one: TMPDIR=/path',
        cause,
      });
    });
    try {
      const run: Run = { stack, functions, scratch, stages, input, context };
      return await (input.options.watch ? watchTests(run) : testOnce(run));
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  },
});

interface Run {
  readonly stack: Stack;
  readonly functions: readonly StackFunction[];
  readonly scratch: string;
  readonly stages: ReadonlySet<StageName>;
  readonly input: Input<typeof options>;
  readonly context: Context;
}

async function testOnce(run: Run): Promise<Answer> {
  const { context, functions } = run;
  const test = openTester(run);
  const tested = await Promise.all(
    functions.map(async (declared) => {
      const { result } = await test(declared, false, context.signal);
      tell(result, context);
      return result;
    }),
  );
  if (tested.every(({ skipped }) => skipped !== undefined) && run.input.names.length > 0)
    throw new UserError(
      'BAN-E645',
      `nothing can be tested: ${tested.map(({ name, skipped }) => `${name}: ${skipped?.split(':')[0]}`).join('; ')}`,
      {
        hint: 'bantam fn test NAME --image runs its built image in a container',
      },
    );
  await writeJunit(tested, run);
  return {
    exit: exitOf(tested),
    document: { tests: tested },
    blocks: describeTests(tested, context.folder),
  };
}

/** Each round is told at once; with `--json` it is a line of its own. Ctrl-C ends it. */
async function watchTests(run: Run): Promise<Answer> {
  const { context, functions } = run;
  const latest = new Map<string, FunctionResult>();
  const say = (lines: readonly string[], results: readonly FunctionResult[]): void =>
    context.report({
      type: 'output',
      bytes: new TextEncoder().encode(lines.map((line) => `${line}\n`).join('')),
      entries: results.length === 0 ? [] : [{ tests: results }],
    });
  const test = openTester(run);
  const written: Promise<void>[] = [];
  try {
    await watchFunctions({
      names: functions.map(({ name }) => name),
      signal: context.signal,
      test: async (name, first, signal) => {
        const declared = functions.find((one) => one.name === name);
        if (declared === undefined) throw new TypeError(`no function ${name}`);
        return await test(declared, !first, signal);
      },
      onBegin(_names, changed) {
        if (changed.includes(run.stack.file))
          context.report({ type: 'note', text: `${run.stack.file} has changed: begin anew to have it read` });
        const shown = changed.map((file) => relative(context.folder, file));
        if (shown.length > 0)
          say([`— ${shown.slice(0, 3).join(', ')}${shown.length > 3 ? ` and ${shown.length - 3} more` : ''}`], []);
      },
      onRound(tested) {
        const results = tested.map(({ result }) => result);
        for (const result of results) latest.set(result.name, result);
        for (const result of results) list(result, context.report);
        const widest = Math.max(...results.map(({ name }) => name.length));
        say(
          results.flatMap((result) => [
            ...describeTestFailures(result, context.folder),
            // What kept all of it from running has been said.
            ...(result.failure === undefined ? summarise(result, widest, context.folder) : []),
          ]),
          results,
        );
        written.push(writeJunit([...latest.values()], run));
      },
    });
  } catch (thrown) {
    await Promise.all(written);
    // Ctrl-C is how watching ends.
    if (!(thrown instanceof Interrupted)) throw thrown;
  }
  return { exit: exitCodes.interrupted, document: { tests: [...latest.values()] }, blocks: [] };
}

type Tester = (declared: StackFunction, quick: boolean, signal: AbortSignal) => Promise<TestedFunction>;

/** Some functions at a time: each has processes of its own, which mostly wait. */
function openTester({ stack, scratch, stages, input, context }: Run): Tester {
  const cores = availableParallelism();
  const limit = pLimit(Math.min(4, cores));
  const packages = openKeptPackages(packagesFolder(context.cacheFolder));
  return async (declared, quick, signal) => {
    const settings: TestSettings = {
      stages,
      limit: (input.options.timeout ?? usualTimeout) * 1000,
      coverage: input.options.coverage,
      quick,
      concurrency: Math.max(3, Math.min(6, cores)),
      from: context.folder,
    };
    const { findTemplate, run, report } = context;
    const pack = context.templatePack();
    return await limit(async () => {
      if (signal.aborted) throw new Interrupted();
      return await testFunction(stack, declared, scratch, settings, {
        findTemplate,
        packages,
        run,
        report,
        pack,
        signal,
      });
    });
  };
}

/** What failed goes to stderr as it happens, with `-v` all tests; the answer counts them. */
function tell(result: FunctionResult, { report, folder }: Context): void {
  list(result, report);
  const lines = describeTestFailures(result, folder);
  if (lines.length > 0) report({ type: 'note', text: lines.join('\n') });
}

/** Each test on a line, where `-v` asks for them. */
function list(result: FunctionResult, report: Context['report']): void {
  for (const text of listTests(result)) report({ type: 'log', about: result.name, text, stream: 'stderr' });
}

function exitOf(results: readonly FunctionResult[]): ExitCode {
  return gravest(
    results.flatMap(({ ok, failure, stages }) => {
      const failures = [failure, ...stages.flatMap(({ cases }) => cases.map((one) => one.failure))];
      return [
        ok ? exitCodes.done : exitCodes.failure,
        ...failures.flatMap((one) => (one === undefined ? [] : [exitCodeOf(one)])),
      ];
    }),
  );
}

async function writeJunit(results: readonly FunctionResult[], { input, context }: Run): Promise<void> {
  if (input.options.junit === undefined) return;
  const file = resolve(context.folder, input.options.junit);
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, formatJunit(results, context.folder));
  } catch (thrown) {
    if (!(thrown instanceof Error && 'syscall' in thrown)) throw thrown;
    throw new UserError('BAN-E003', `${file} cannot be written: ${thrown.message}`, {
      hint: 'name a file in a folder of your own: --junit results.xml',
      cause: thrown,
    });
  }
}

/** Throws BAN-E001 for options that exclude each other. */
function refuseMixed({
  image,
  watch,
  coverage,
  junit,
  only,
  timeout,
  path,
  data,
  noCall,
  platform,
}: Run['input']['options']): void {
  const refuse = (message: string): UserError =>
    new UserError('BAN-E001', message, { hint: 'bantam fn test --help shows what belongs together' });
  if (image && (watch || coverage || junit !== undefined || only.length > 0 || timeout !== undefined))
    throw refuse(
      '--image runs the built image in a container: --watch, --only, --timeout, --coverage and --junit are for tests without it',
    );
  if (!image && (path !== undefined || data !== undefined || noCall || platform.length > 0))
    throw refuse('--path, --data, --no-call and --platform are for --image');
  if (timeout === 0) throw refuse('--timeout 0 leaves no time for any test');
}

function readStages(only: readonly string[]): ReadonlySet<StageName> {
  if (only.length === 0) return new Set(stageNames);
  const unknown = only.filter((name) => !(stageNames as readonly string[]).includes(name));
  if (unknown.length > 0)
    throw new UserError('BAN-E001', `there is no kind of test called ${unknown.join(', ')}`, {
      hint: `--only takes ${stageNames.join(', ')}`,
    });
  return new Set(stageNames.filter((name) => only.includes(name)));
}
