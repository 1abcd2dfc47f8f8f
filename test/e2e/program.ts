import { spawn } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assertNoSecret } from '../canary.ts';
import { checkDocument } from '../documents.ts';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** How a run of the built program ended. */
export interface Run {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How to run it. `until` ends the run with `signal` (SIGINT) as soon as the text shows on stdout or stderr. */
export interface RunOptions {
  readonly folder: string;
  readonly input?: string;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly interruptAt?: string | RegExp;
  /** Standard input is a pipe that nobody closes. */
  readonly inputStaysOpen?: true;
  readonly program?: string;
}

/** Runs the built program (dist/main.js) as a process, as users do; a document of `--json` must satisfy its schema. Standard input is empty unless given; a run is ended after five minutes. */
export async function bantam(argv: readonly string[], options: RunOptions): Promise<Run> {
  const child = spawn(process.execPath, [options.program ?? join(root, 'dist/main.js'), ...argv], {
    cwd: options.folder,
    env: { ...process.env, CI: undefined, ...options.environment },
    stdio: 'pipe',
  });
  const limit = setTimeout(() => child.kill('SIGKILL'), 300_000);
  let stdout = '';
  let stderr = '';
  let interrupted = false;
  const watch = (): void => {
    if (options.interruptAt === undefined || interrupted) return;
    const pattern = typeof options.interruptAt === 'string' ? new RegExp(options.interruptAt) : options.interruptAt;
    if (!pattern.test(stdout) && !pattern.test(stderr)) return;
    // Once: a second signal ends the program without its clean-up.
    interrupted = true;
    child.kill('SIGINT');
  };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    watch();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    watch();
  });
  child.stdin.on('error', () => undefined); // A program that does not read its input closes the pipe.
  if (options.inputStaysOpen !== true) child.stdin.end(options.input ?? '');
  const exitCode = await new Promise<number | null>((resolve) => child.on('close', resolve));
  clearTimeout(limit);
  if (argv.includes('--json')) checkDocument(argv, stdout);
  assertNoSecret(`${stdout}${stderr}`, `the output of bantam ${argv.slice(0, 2).join(' ')}`);
  return { exitCode, stdout, stderr };
}

/** A program that keeps running (`local up`): resolves when `ready` shows; `stop` interrupts it and tells how it ended. */
export async function startBantam(
  argv: readonly string[],
  options: RunOptions & { readonly ready: RegExp },
): Promise<{ output(): string; stop(signal?: NodeJS.Signals): Promise<number | null> }> {
  const child = spawn(process.execPath, [join(root, 'dist/main.js'), ...argv], {
    cwd: options.folder,
    env: { ...process.env, CI: undefined, ...options.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const ready = new Promise<void>((resolve, reject) => {
    const limit = setTimeout(() => reject(new Error(`not ready in time:\n${output}`)), 60_000);
    const take = (text: string): void => {
      output += text;
      if (!options.ready.test(output)) return;
      clearTimeout(limit);
      resolve();
    };
    child.stdout.setEncoding('utf8').on('data', take);
    child.stderr.setEncoding('utf8').on('data', take);
    void ended.then((code) => {
      clearTimeout(limit);
      reject(new Error(`ended with ${code}:\n${output}`));
    });
  });
  await ready;
  return {
    output: () => output,
    async stop(signal = 'SIGINT') {
      child.kill(signal);
      const code = await ended;
      assertNoSecret(output, `the output of bantam ${argv.slice(0, 2).join(' ')}`);
      return code;
    },
  };
}

/** An empty folder that is gone after the test. */
export async function temporaryFolder(name = 'bantam-e2e-'): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), name));
  return { path, [Symbol.asyncDispose]: async () => await rm(path, { recursive: true, force: true }) };
}

/** Copies a folder. */
export async function copyFolder(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true });
}
