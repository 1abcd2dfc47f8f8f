import { stat } from 'node:fs/promises';
import { UserError } from '../errors.ts';
import type { ProgramResult, runProgram } from './exec.ts';

/** How git is called. `timeout` in milliseconds: a minute unless said otherwise. */
export interface GitOptions {
  /** An existing folder. */
  readonly cwd: string;
  readonly signal: AbortSignal;
  readonly timeout?: number | undefined;
  /** Added to the environment that {@link gitEnvironment} makes. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
  /** Written to standard input. */
  readonly input?: string | undefined;
  /** Gets standard output as it comes: contents of files are no text. */
  readonly onStdoutBytes?: ((chunk: Uint8Array) => void) | undefined;
}

/** Milliseconds for a question to a repository on this disk; a clone needs its own. */
const usualTimeout = 60_000;

/**
 * Runs git and waits for it; a failing git is a result, with English messages. It asks nobody: no password prompt on a
 * terminal or in a window, no ssh question. No hook and no file monitor of the user's runs. Names that come from outside
 * belong behind `--end-of-options` or `--`. Throws BAN-E212 if there is no git, and Interrupted.
 */
export async function runGit(
  run: typeof runProgram,
  gitArguments: readonly string[],
  options: GitOptions,
): Promise<ProgramResult> {
  const { cwd, signal } = options;
  const result = await run('git', ['-c', 'core.hooksPath=/dev/null', '-c', 'core.fsmonitor=false', ...gitArguments], {
    cwd,
    signal,
    timeout: options.timeout ?? usualTimeout,
    environment: { ...gitEnvironment, ...options.environment },
    ...(options.input === undefined ? {} : { input: options.input }),
    onStdoutBytes: options.onStdoutBytes,
  });
  if (!result.missing) return result;
  // A missing working folder looks like a missing program: say which of the two it is.
  await stat(cwd);
  throw new UserError('BAN-E212', 'git is not installed', {
    hint: 'install git (Debian, Raspberry Pi OS: apt install git) and see that it is in PATH',
  });
}

/** What git said about its failure: the last line of its errors without "fatal:", or its exit code. */
export function describeGitFailure(result: ProgramResult): string {
  if (result.timedOut) return 'git did not finish in time';
  const lines = result.stderr.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('hint:'));
  const fatal = lines.findLast((line) => /^(?:fatal|error):/.test(line)) ?? lines.at(-1);
  return fatal?.replace(/^(?:fatal|error): */, '') ?? `git ended with exit code ${result.exitCode ?? 'none'}`;
}

/**
 * The environment in which git asks nobody and knows no repository but that of its folder: a hook of git's, or
 * `git rebase --exec`, hands the variables of its own repository to all it starts (`git rev-parse --local-env-vars`).
 */
const gitEnvironment: Readonly<Record<string, string | undefined>> = {
  LC_ALL: 'C',
  GIT_TERMINAL_PROMPT: '0',
  GIT_ASKPASS: '',
  // ssh asks this program instead of the terminal, and gets no answer. A GIT_SSH_COMMAND would do it, too, but take the place
  // of the user's core.sshCommand.
  SSH_ASKPASS: 'false',
  SSH_ASKPASS_REQUIRE: 'force',
  GCM_INTERACTIVE: 'never',
  // Asking for the state of a repository writes nothing into it.
  GIT_OPTIONAL_LOCKS: '0',
  GIT_PAGER: 'cat',
  ...Object.fromEntries(
    ['DIR', 'WORK_TREE', 'IMPLICIT_WORK_TREE', 'INDEX_FILE', 'OBJECT_DIRECTORY', 'ALTERNATE_OBJECT_DIRECTORIES']
      .concat(
        'COMMON_DIR',
        'NAMESPACE',
        'PREFIX',
        'SHALLOW_FILE',
        'GRAFT_FILE',
        'REPLACE_REF_BASE',
        'INTERNAL_SUPER_PREFIX',
      )
      .map((name) => [`GIT_${name}`, undefined]),
  ),
};
