import { realpath } from 'node:fs/promises';
import { isAbsolute, relative, sep } from 'node:path';
import { describeGitFailure, runGit } from '../tools/git.ts';
import type { RunProgram } from './builder.ts';

/** The git repository that a project is in. Questions to it change nothing there. */
export interface Repository {
  /** Its top folder, links followed. */
  readonly root: string;
  /** What a git command prints, without the last line's end; `undefined` if it fails. */
  ask(...gitArguments: readonly string[]): Promise<string | undefined>;
  /** Paths relative to the root, with `/`, of those that lie in the repository (links of the way followed as far as it exists). */
  pathsOf(paths: readonly string[]): Promise<readonly string[]>;
  /** Whether something below these paths differed from the last commit when it was first asked, untracked files (but not ignored ones) included. */
  isDirty(paths: readonly string[]): Promise<boolean>;
}

/** Whether a changed path is an input, or below it; or the input is in a folder that is untracked as a whole (`folder/`) or a submodule. */
function overlap(input: string, changed: string): boolean {
  const path = changed.replace(/\/$/, '');
  return input === '.' || path === input || path.startsWith(`${input}/`) || input.startsWith(`${path}/`);
}

/** The repository around a folder, or why there is none. Throws BAN-E212 without git. */
export async function findRepository(
  run: RunProgram,
  folder: string,
  signal: AbortSignal,
): Promise<Repository | { readonly none: string }> {
  const call = async (cwd: string, gitArguments: readonly string[]) =>
    await runGit(run, gitArguments, { cwd, signal, environment: { GIT_LITERAL_PATHSPECS: '1' } });
  const found = await call(folder, ['rev-parse', '--show-toplevel']);
  if (found.exitCode !== 0 || found.stdout === '')
    return { none: found.exitCode === 0 ? 'it has no working tree' : describeGitFailure(found) };
  const root = await realpath(found.stdout);
  const pathsOf: Repository['pathsOf'] = async (paths) => {
    const all: string[] = [];
    for (const path of paths)
      for (const each of new Set([path, await realpath(path).catch(() => path)])) {
        const inside = relative(root, each);
        if (!isAbsolute(inside) && inside !== '..' && !inside.startsWith(`..${sep}`))
          all.push(inside.split(sep).join('/') || '.');
      }
    return [...new Set(all)];
  };
  // Asked once, for all functions: each question reads the whole index.
  let status: Promise<readonly string[] | undefined> | undefined;
  const readStatus = async (): Promise<readonly string[] | undefined> => {
    const found = await call(root, ['status', '--porcelain', '-z', '--no-renames', '--untracked-files=normal']);
    if (found.exitCode !== 0) return undefined;
    return found.stdout.split('\0').flatMap((line) => (line === '' ? [] : [line.slice(3)]));
  };
  return {
    root,
    async ask(...gitArguments) {
      const result = await call(root, gitArguments);
      return result.exitCode === 0 ? result.stdout : undefined;
    },
    pathsOf,
    async isDirty(paths) {
      const inside = await pathsOf(paths);
      if (inside.length === 0) return false;
      status ??= readStatus();
      const changed = await status;
      return changed === undefined || changed.some((path) => inside.some((input) => overlap(input, path)));
    },
  };
}
