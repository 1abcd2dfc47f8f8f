import { isAbsolute, join, resolve } from 'node:path';

import { placesIn } from '../../build/places.ts';
import { Interrupted, UserError } from '../../errors.ts';
import { type BuildFailure, loadEsbuild, type Message } from './esbuild.ts';
import { ownPlacePlugin, placeNames } from './own-place-plugin.ts';
import { packagePlugin, type Resolving } from './package-plugin.ts';

/** What is bundled: tests and the handler, relative to the function's folder, and where the bundles go. */
export interface TestBundleRequest extends Resolving {
  readonly name: string;
  readonly tests: readonly string[];
  /** The handler's own file, for the graph and the coverage of what no test imports. */
  readonly entry: string | undefined;
  readonly into: string;
  readonly signal: AbortSignal;
}

/** The tests as files that Node 20 runs. */
export interface TestBundle {
  /** Bundled file of each test, in their order. */
  readonly files: readonly { readonly test: string; readonly bundle: string }[];
  /** Every file of the user's that took part: absolute paths. */
  readonly inputs: readonly string[];
  /** Those of them that the handler is made of. */
  readonly ofHandler: readonly string[];
}

/**
 * Bundles the tests with esbuild, in the user's own folder and with source maps, so that stacks name the user's files and
 * lines and `import.meta.url` is the test's own. Nothing is dropped from them: what no test runs counts for the coverage.
 * Throws BAN-E645 with the compiler's lines, {@link Interrupted} on abort.
 */
export async function bundleTests(request: TestBundleRequest): Promise<TestBundle> {
  const { handler, tests, entry, into, signal } = request;
  const { context } = await loadEsbuild();
  const entries = [...tests, ...(entry === undefined ? [] : [entry])];
  const building = await context({
    absWorkingDir: handler,
    logLevel: 'silent',
    entryPoints: entries.map((file, index) => ({ in: join(handler, file), out: String(index) })),
    outdir: into,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    treeShaking: false,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    charset: 'utf8',
    sourcemap: 'linked',
    metafile: true,
    define: { ...placeNames },
    banner: {
      js: `import{createRequire as test$require}from'node:module';const require=test$require(${JSON.stringify(join(handler, 'handler.js'))});`,
    },
    plugins: [packagePlugin(request), ownPlacePlugin],
  });
  const cancel = (): void => void building.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  try {
    const { metafile } = await building.rebuild();
    if (signal.aborted) throw new Interrupted();
    const { inputs, outputs } = metafile ?? { inputs: {}, outputs: {} };
    const bundles = new Map(Object.entries(outputs).map(([file, { entryPoint = '' }]) => [entryPoint, file]));
    const toPath = (file: string): string => (isAbsolute(file) ? file : resolve(handler, file));
    const handlerInputs = new Set<string>();
    const follow = (file: string): void => {
      if (handlerInputs.has(file)) return;
      handlerInputs.add(file);
      for (const { path, external } of inputs[file]?.imports ?? []) if (external !== true) follow(path);
    };
    if (entry !== undefined && entry in inputs) follow(entry);
    return {
      files: tests.map((test) => ({ test, bundle: toPath(bundles.get(test) ?? '') })),
      inputs: Object.keys(inputs).filter(isFile).map(toPath),
      ofHandler: [...handlerInputs].filter(isFile).map(toPath),
    };
  } catch (thrown) {
    if (signal.aborted) throw new Interrupted();
    if (!isBuildFailure(thrown)) throw thrown;
    throw cannotBundle(request, thrown.errors);
  } finally {
    signal.removeEventListener('abort', cancel);
    await building.dispose();
  }
}

function isFile(input: string): boolean {
  return !/^[(<]/.test(input);
}

function isBuildFailure(thrown: unknown): thrown is BuildFailure {
  return thrown instanceof Error && 'errors' in thrown && Array.isArray(thrown.errors);
}

/** Lines `file:line:column: error: …` with the source, as builds show them. */
function cannotBundle({ name, handler }: TestBundleRequest, errors: readonly Message[]): UserError {
  const details = errors.flatMap(({ text, location }) => {
    if (location === null) return [`error: ${text}`];
    const { file, line, column, lineText, length } = location;
    const place = `${isAbsolute(file) ? file : join(handler, file)}:${line}:${column + 1}`;
    const source = `    ${lineText.slice(0, 300)}`;
    return [`${place}: error: ${text}`, source, `    ${' '.repeat(column)}${'~'.repeat(Math.max(1, length))}`];
  });
  const missing = [...new Set(errors.flatMap(({ text }) => /^Could not resolve "([^./][^"]*)"/.exec(text)?.[1] ?? []))];
  return new UserError('BAN-E645', `${name}: the unit tests cannot be compiled`, {
    details,
    places: placesIn(details),
    hint:
      missing.length > 0
        ? `${missing.join(', ')} is not installed: add it to the function’s package.json and run npm install in ${handler}`
        : 'correct the lines named above',
  });
}
