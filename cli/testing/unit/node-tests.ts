import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import pLimit from 'p-limit';
import * as v from 'valibot';
import type { RunProgram } from '../../build/builder.ts';
import type { Report } from '../../events.ts';
import type { TestCase } from '../result.ts';
import type { TestBundle } from './bundle-tests.ts';
import { type EndedProcess, judgeProcess } from './judge-process.ts';
import { hasMochaFile, type MochaSettings } from './mocha.ts';
import { readReport } from './report-events.ts';
import { mochaReporterSource, nodeReporterSource, watcherSource } from './report-source.ts';

/** What running bundled tests needs. */
export interface NodeTestRun {
  readonly name: string;
  /** The function's folder: tests run in it. */
  readonly handler: string;
  readonly bundle: TestBundle;
  /** A folder for what the processes write. */
  readonly into: string;
  /** Milliseconds for all of the tests of one file. */
  readonly limit: number;
  /** Where V8 writes what ran; no coverage without it. */
  readonly coverage: string | undefined;
  readonly run: RunProgram;
  readonly report: Report;
  readonly signal: AbortSignal;
}

/** Which runner a function's tests are written for. */
export type Runner = 'node:test' | 'mocha';

const manifestSchema = v.object({
  scripts: v.optional(v.record(v.string(), v.unknown()), {}),
  dependencies: v.optional(v.record(v.string(), v.unknown()), {}),
  devDependencies: v.optional(v.record(v.string(), v.unknown()), {}),
});

/** mocha where the function's package.json asks for it (its test script, or a dependency without a script for node:test), or a configuration of mocha's is there; else node:test. */
export async function chooseRunner(handler: string): Promise<Runner> {
  const text = await readFile(join(handler, 'package.json'), 'utf8').catch(() => '{}');
  const read = v.safeParse(v.pipe(v.string(), v.parseJson(), manifestSchema), text);
  // A package.json that cannot be read is told by the build.
  if (!read.success) return 'node:test';
  const { scripts, dependencies, devDependencies } = read.output;
  const script = String(scripts['test'] ?? '');
  if (/\bmocha\b/.test(script)) return 'mocha';
  if (/--test\b/.test(script)) return 'node:test';
  return 'mocha' in { ...dependencies, ...devDependencies } || (await hasMochaFile(handler)) ? 'mocha' : 'node:test';
}

/** Runs the tests, each file in a process of its own (with mocha all in one), and says what became of each. Throws Interrupted. */
export async function runNodeTests(
  request: NodeTestRun,
  mocha: MochaSettings | undefined,
): Promise<readonly TestCase[]> {
  const { handler, bundle, into } = request;
  await mkdir(into, { recursive: true });
  if (mocha !== undefined) return await runMocha(request, mocha);
  const limit = pLimit(Math.max(1, availableParallelism()));
  const files = bundle.files.map(({ test, bundle: file }, index) =>
    limit(async () => {
      const events = join(into, `${index}.events`);
      const [reporter, watcher] = [join(into, `${index}.reporter.mjs`), join(into, `${index}.watcher.mjs`)];
      await writeFile(reporter, nodeReporterSource(events));
      await writeFile(watcher, watcherSource(events));
      const ended = await runProcess(request, [
        '--import',
        pathToFileURL(watcher).href,
        `--test-reporter=${pathToFileURL(reporter).href}`,
        file,
      ]);
      return judgeProcess({ ...ended, test: join(handler, test), events: await readReport(events), handler });
    }),
  );
  return (await Promise.all(files)).flat();
}

async function runMocha(
  request: NodeTestRun,
  { program, config, imports }: MochaSettings,
): Promise<readonly TestCase[]> {
  const { handler, bundle, into } = request;
  const events = join(into, 'mocha.events');
  const [reporter, watcher] = [join(into, 'reporter.cjs'), join(into, 'watcher.mjs')];
  await writeFile(reporter, mochaReporterSource(events));
  await writeFile(watcher, watcherSource(events));
  const files = bundle.files.map(({ bundle: file }) => file);
  const ended = await runProcess(request, [
    '--import',
    pathToFileURL(watcher).href,
    ...imports.flatMap((module) => ['--import', module]),
    program,
    '--config',
    config,
    '--no-package',
    // Else mocha shortens paths.
    '--full-trace',
    '--reporter',
    reporter,
    ...files,
  ]);
  const sources = new Map(bundle.files.map(({ test, bundle: file }) => [basename(file), join(handler, test)]));
  const report = (await readReport(events)).map((event) => {
    if (event.type !== 'result' || event.bundle === undefined) return event;
    return { ...event, file: sources.get(basename(event.bundle)) };
  });
  return judgeProcess({ ...ended, test: handler, events: report, handler });
}

async function runProcess(
  { name, handler, limit, coverage, run, report, signal }: NodeTestRun,
  words: readonly string[],
): Promise<Pick<EndedProcess, 'exitCode' | 'timedOut' | 'limit' | 'lines'>> {
  const lines: string[] = [];
  const hear =
    (stream: 'stdout' | 'stderr') =>
    (line: string): void => {
      const text = stripVTControlCharacters(line);
      lines.push(text);
      if (lines.length > mostLines) lines.shift();
      report({ type: 'log', about: name, text, stream });
    };
  const ended = await run(process.execPath, ['--enable-source-maps', ...words], {
    cwd: handler,
    environment: {
      NODE_V8_COVERAGE: coverage,
      // Of a test runner that started this program, and of terminals.
      NODE_TEST_CONTEXT: undefined,
      FORCE_COLOR: undefined,
      NO_COLOR: '1',
    },
    signal,
    timeout: limit,
    onStdoutLine: hear('stdout'),
    onStderrLine: hear('stderr'),
  });
  return { exitCode: ended.exitCode, timedOut: ended.timedOut, limit, lines };
}

const mostLines = 200;
