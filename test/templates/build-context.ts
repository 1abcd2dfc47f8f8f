import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const repository = fileURLToPath(new URL('../../', import.meta.url));
export const templates = join(repository, 'templates');

/** Files of a function's folder by their relative path. */
export type FunctionFiles = Readonly<Record<string, string>>;

/** Exit code and everything said, of a program that has ended. */
export interface Ended {
  readonly code: number;
  readonly output: string;
}

const made: string[] = [];
let goBuilder: Promise<string> | undefined;

/** A new temporary folder; `removeTemporaryFolders` takes it away. */
export async function makeTemporaryFolder(name = 'bantam templates '): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), name));
  made.push(folder);
  return folder;
}

export async function removeTemporaryFolders(): Promise<void> {
  goBuilder = undefined;
  await Promise.all(made.splice(0).map((folder) => rm(folder, { recursive: true, force: true })));
}

/**
 * A build context as faas-cli and bantam make it: the template's folder with the function's files as `function/`. Without
 * files the template's own sample is the function. The template's packages are those of this repository (same versions:
 * a test compares them), so nothing is downloaded.
 */
export async function makeContext(template: string, files?: FunctionFiles, folder?: string): Promise<string> {
  const context = folder ?? (await makeTemporaryFolder());
  await cp(join(templates, template), context, {
    recursive: true,
    filter: (source) => !source.endsWith('node_modules'),
  });
  if (template === 'bantam-ts') await symlink(join(repository, 'node_modules'), join(context, 'node_modules'));
  if (files !== undefined) {
    await rm(join(context, 'function'), { recursive: true });
    await writeFiles(join(context, 'function'), files);
  }
  return context;
}

export async function writeFiles(folder: string, files: FunctionFiles): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
}

/** Runs a program to its end, whatever its exit code. */
export function run(
  program: string,
  args: readonly string[],
  options: { cwd: string; env?: Record<string, string> },
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const settings = { cwd: options.cwd, env: { ...process.env, ...options.env }, timeout: 240_000 };
    execFile(program, args, { ...settings, maxBuffer: 16_000_000 }, (error, stdout, stderr) => {
      if (error !== null && typeof error.code !== 'number') reject(error);
      else resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr });
    });
  });
}

/** Bundles the TypeScript function of a context into `root/` beside it, as the Dockerfile does. */
export async function bundle(context: string): Promise<Ended & { root: string }> {
  const root = join(await makeTemporaryFolder(), 'root');
  const ended = await run(process.execPath, ['build.mjs', 'bundle', root], { cwd: context });
  return { ...ended, root };
}

/** Compiles the Go function of a context, for this machine unless another platform is named, as the Dockerfile does. */
export async function compile(context: string, platform = hostPlatform()): Promise<Ended & { root: string }> {
  goBuilder ??= makeGoBuilder();
  const root = join(await makeTemporaryFolder(), 'root');
  const ended = await run(await goBuilder, ['compile', platform, root], { cwd: context });
  return { ...ended, root };
}

async function makeGoBuilder(): Promise<string> {
  const program = join(await makeTemporaryFolder(), 'bantam-build');
  const { code, output } = await run('go', ['build', '-o', program, './build'], {
    cwd: join(templates, 'bantam-go'),
    env: { GOWORK: 'off' },
  });
  if (code !== 0) throw new Error(`the template's build program does not compile:\n${output}`);
  return program;
}

function hostPlatform(): string {
  return `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`;
}

/** Whether this machine has a Go compiler; the tests of the Go template need one. */
export const hasGo = (process.env['PATH'] ?? '').split(':').some((folder) => existsSync(join(folder, 'go')));
