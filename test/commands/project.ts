import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { bantam, type Run, type RunOptions, temporaryFolder } from '../e2e/program.ts';

/** A folder with one scaffolded function, `hello`, and a home of its own. */
export interface Project extends AsyncDisposable {
  readonly path: string;
  /** Runs the built program there. */
  run(argv: readonly string[], options?: Partial<RunOptions>): Promise<Run>;
}

/** Makes one. */
export async function makeProject(): Promise<Project> {
  const folder = await temporaryFolder();
  await mkdir(join(folder.path, 'home'));
  const run: Project['run'] = (argv, options = {}) =>
    bantam(argv, {
      folder: folder.path,
      ...options,
      environment: { HOME: join(folder.path, 'home'), XDG_CACHE_HOME: undefined, ...options.environment },
    });
  const made = await run(['fn', 'new', 'hello', '--lang', 'ts', '--prefix', '127.0.0.1:1']);
  assert.equal(made.exitCode, 0, made.stderr);
  return { path: folder.path, run, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}
