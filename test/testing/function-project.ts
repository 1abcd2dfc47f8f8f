import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { packagesFolder, packagesKey } from '../../cli/build/recipe/kept-packages.ts';
import { runInProcess } from '../commands/in-process.ts';
import type { Run } from '../e2e/program.ts';
import { repository } from '../templates/build-context.ts';

/** A project with functions, as `fn test` finds it. */
export interface FunctionProject extends AsyncDisposable {
  readonly folder: string;
  /** Writes files below the project's folder. */
  write(files: Readonly<Record<string, string>>): Promise<void>;
  /** Runs `bantam fn test` there, in this process. */
  test(
    words: readonly string[],
    options?: { readonly signal?: AbortSignal; readonly environment?: Readonly<Record<string, string>> },
  ): Promise<Run>;
}

/** A case of a stage as documents have it. */
export interface DocumentCase {
  readonly name: string;
  readonly verdict: string;
  readonly file?: string;
  readonly line?: number;
  readonly reason?: string;
  readonly failure?: { readonly code: string; readonly message: string; readonly details?: readonly string[] };
}

/** A function's part of the document of `--json`. */
export interface DocumentTest {
  readonly name: string;
  readonly ok: boolean;
  readonly skipped?: string;
  readonly failure?: {
    readonly code: string;
    readonly message: string;
    readonly details?: readonly string[];
    readonly places?: readonly { readonly file: string; readonly line: number }[];
  };
  readonly stages: readonly {
    readonly stage: string;
    readonly verdict: string;
    readonly reason?: string;
    readonly cases: readonly DocumentCase[];
    readonly coverage?: {
      readonly unit: string;
      readonly covered: number;
      readonly total: number;
      readonly files: readonly { readonly file: string; readonly missed: readonly (readonly [number, number])[] }[];
    };
  }[];
}

/**
 * Makes a project with one function `hello`, whose folder is the template's sample, with these files over it. The runtime's
 * packages are this repository's own (same versions), so that npm has nothing to do.
 */
export async function makeFunctionProject(
  language: 'ts' | 'go',
  files: Readonly<Record<string, string>> = {},
  declared = '',
): Promise<FunctionProject> {
  const folder = await mkdtemp(join(tmpdir(), 'bantam-fn-test-'));
  const cache = join(folder, 'cache');
  const template = join(repository, 'templates', `bantam-${language}`);
  const key = await packagesKey(template);
  const kept = packagesFolder(join(cache, 'bantam'));
  await mkdir(kept, { recursive: true });
  if (key !== undefined) await symlink(join(repository, 'node_modules'), join(kept, key));
  await cp(join(template, 'function'), join(folder, 'hello'), {
    recursive: true,
    filter: (source) => !source.endsWith('node_modules'),
  });
  const write: FunctionProject['write'] = async (added) => {
    for (const [path, text] of Object.entries(added)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    }
  };
  const lines = declared === '' ? '' : `${declared.replace(/^/gm, '    ')}\n`;
  await write({
    'stack.yml': `provider:\n  name: openfaas\nfunctions:\n  hello:\n    lang: bantam-${language}\n    handler: ./hello\n    image: hello:latest\n${lines}`,
    '.git/HEAD': 'ref: refs/heads/main\n',
    ...files,
  });
  return {
    folder,
    write,
    test: (words, { signal, environment } = {}) =>
      runInProcess(['fn', 'test', ...words], {
        folder,
        environment: {
          HOME: folder,
          XDG_CACHE_HOME: cache,
          ...environment,
        },
        signal,
      }),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** The one function's part of a document. */
export function onlyTest(run: Run): DocumentTest {
  const { tests } = JSON.parse(run.stdout) as { readonly tests?: readonly DocumentTest[] };
  const [first] = tests ?? [];
  assert.ok(first, `${run.stdout}\n${run.stderr}`);
  return first;
}

/** The cases of a stage. */
export function casesOf(test: DocumentTest, stage: string): readonly DocumentCase[] {
  return test.stages.find((one) => one.stage === stage)?.cases ?? [];
}
