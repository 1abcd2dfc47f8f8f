import { readFile, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative, sep } from 'node:path';
import * as v from 'valibot';
import type { RunProgram } from '../../build/builder.ts';
import { UserError } from '../../errors.ts';

/** Names under which mocha looks for its configuration (mochajs.org, Configuring Mocha); the first that is there counts. */
export const mochaFiles = ['js', 'cjs', 'mjs', 'yaml', 'yml', 'jsonc', 'json'].map((ending) => `.mocharc.${ending}`);

/** Whether a function's folder has a configuration of mocha. */
export async function hasMochaFile(handler: string): Promise<boolean> {
  const found = await Promise.all(mochaFiles.map((name) => stat(join(handler, name)).catch(() => undefined)));
  return found.some((one) => one !== undefined);
}

/** How mocha's own configuration wants the tests run. */
export interface MochaSettings {
  /** mocha's program. */
  readonly program: string;
  /** A configuration file for it, of this run's own. */
  readonly config: string;
  /** What Node imports before anything else. */
  readonly imports: readonly string[];
  /** The tests, relative to the function's folder. */
  readonly tests: readonly string[];
}

/** What {@link readMocha} needs. */
export interface MochaRequest {
  readonly name: string;
  /** The function's folder. */
  readonly handler: string;
  /** Tests by their names, relative to it: those that run unless the configuration names others (`spec`). */
  readonly tests: readonly string[];
  /** A folder of this run's own. */
  readonly into: string;
  readonly limit: number;
  readonly run: RunProgram;
  readonly signal: AbortSignal;
}

/**
 * Has mocha read its configuration (`.mocharc.*`, `mocha` in package.json) as it would in the function's folder: which files
 * are tests, and what to run them with. Throws BAN-E645 where mocha is not installed, or cannot use what it reads.
 */
export async function readMocha(request: MochaRequest): Promise<MochaSettings> {
  const { name, handler, tests, into, limit, run, signal } = request;
  const folder = findMocha(handler);
  if (folder === undefined)
    throw new UserError('BAN-E645', `${name}: its tests are for mocha, which is not installed`, {
      hint: `run npm install in ${handler}; node:test needs nothing: "test": "node --test" in its package.json`,
    });
  const [program, config, answer] = [join(into, 'mocha.cjs'), join(into, 'mocha.json'), join(into, 'mocha.settings')];
  await writeFile(program, readerSource);
  const lines: string[] = [];
  const hear = (line: string): void => void (lines.length < mostLines && lines.push(line));
  const ended = await run(process.execPath, [program, folder, config, answer, ...tests], {
    cwd: handler,
    environment: { NODE_TEST_CONTEXT: undefined, FORCE_COLOR: undefined, NO_COLOR: '1' },
    signal,
    timeout: limit,
    onStdoutLine: hear,
    onStderrLine: hear,
  });
  if (ended.timedOut || ended.exitCode !== 0)
    throw new UserError('BAN-E645', `${name}: mocha cannot use its configuration`, {
      details: lines.filter((line) => line.trim() !== '' && !/^Node\.js v|^\s+at /.test(line)),
      hint: `try it there: npx mocha --dry-run in ${handler}`,
    });
  const { files, imports } = v.parse(settingsSchema, await readFile(answer, 'utf8'));
  return {
    program: join(folder, 'bin', 'mocha.js'),
    config,
    imports,
    tests: files.map((file) => relative(handler, file).split(sep).join('/')),
  };
}

const mostLines = 20;

const settingsSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ files: v.array(v.string()), imports: v.array(v.string()) }),
);

/** mocha's folder as the function sees it: in its own folder or in one above. */
function findMocha(handler: string): string | undefined {
  try {
    return dirname(createRequire(join(handler, 'package.json')).resolve('mocha/package.json'));
  } catch {
    return undefined;
  }
}

/** Kept of a configuration: not what chooses the output, other processes, or flags of Node's. */
const kept = [
  ...['allow-uncaught', 'async-only', 'bail', 'check-leaks', 'delay', 'exit', 'fgrep', 'file', 'forbid-only'],
  ...['forbid-pending', 'global', 'grep', 'invert', 'require', 'retries', 'slow', 'timeout', 'ui'],
] as const;

/** Runs in a process of its own, since a configuration may be code. */
const readerSource = `
const { writeFileSync } = require('node:fs');
const { join } = require('node:path');
const [folder, config, answer, ...tests] = process.argv.slice(2);
const { loadOptions } = require(join(folder, 'lib/cli/options.js'));
const collect = require(join(folder, 'lib/cli/collect-files.js'));
const options = loadOptions([]);
const list = (value) => (value === undefined ? [] : [value].flat());
const named = list(options._);
const extension = [...list(options.extension), 'ts', 'mts', 'cts', 'tsx', 'jsx'];
const spec = named.length > 0 ? named : tests;
const found = spec.length === 0 ? [] : collect({
  ignore: list(options.ignore), extension, file: [], recursive: options.recursive === true, sort: options.sort === true, spec,
});
const imports = [...list(options.import), ...list(options['node-option']).flatMap((text) => /^-*import=(.+)$/.exec(text)?.[1] ?? [])];
const kept = ${JSON.stringify(kept)};
writeFileSync(config, JSON.stringify(Object.fromEntries(kept.flatMap((key) => (options[key] === undefined ? [] : [[key, options[key]]])))));
writeFileSync(answer, JSON.stringify({ files: Array.isArray(found) ? found : found.files, imports }));
`;
