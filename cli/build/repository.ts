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
  /** Whether something below these paths differs from the last commit, untracked files (but not ignored ones) included. */
  isDirty(paths: readonly string[]): Promise<boolean>;
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
      const status = await call(root, ['status', '--porcelain', '-z', '--untracked-files=normal', '--', ...inside]);
      return status.exitCode !== 0 || status.stdout !== '';
    },
  };
}
