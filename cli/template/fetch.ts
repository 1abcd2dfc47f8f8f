import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Interrupted, UserError } from '../errors.ts';
import type { Report } from '../events.ts';
import { environmentFor, type Git, gitSettings, sourceFailure } from './git.ts';
import type { TemplateSource } from './source.ts';

/** What repositories need. `folder`: where they are kept by commit, for instance ~/.cache/bantam/templates; it need not exist. */
export interface RepositoryPorts {
  readonly git: Git;
  readonly folder: string;
  readonly report: Report;
  readonly signal: AbortSignal;
  /** Of this process. */
  readonly environment: NodeJS.ProcessEnv;
  /** The most that one fetch may bring, in bytes; 512 MiB unless told. */
  readonly largest?: number;
}

/** How long a fetch may take, in milliseconds, and how much it may bring, in bytes. */
const fetchLimits = { milliseconds: 600_000, bytes: 512 * 1024 * 1024 };

/** Brings one commit, without its history, into a bare repository. Throws BAN-E114, BAN-E115, BAN-E116, Interrupted. */
export async function fetchCommit(
  source: TemplateSource,
  commit: string,
  folder: string,
  ports: RepositoryPorts,
): Promise<void> {
  const result = await fetchInto(source, folder, ports, ['--depth=1', '--no-tags'], [`+${commit}:refs/heads/kept`]);
  if (result.exitCode === 0) return;
  // Old servers, and those without protocol 2, give what branches and tags lead to, but no commit by its id.
  if (
    !/not our ref|unadvertised object|no such remote ref|dumb http|shallow capabilities|does not support/i.test(
      result.stderr,
    )
  )
    throw sourceFailure(source, result);
  await fetchAll(source, folder, ports);
  await commitOf(folder, commit, source, ports);
}

/** Brings all branches and tags with their history. Throws the same. */
export async function fetchAll(source: TemplateSource, folder: string, ports: RepositoryPorts): Promise<void> {
  const result = await fetchInto(
    source,
    folder,
    ports,
    ['--tags'],
    ['+refs/heads/*:refs/heads/*', '+HEAD:refs/kept/head'],
  );
  if (result.exitCode !== 0) throw sourceFailure(source, result);
}

async function fetchInto(
  source: TemplateSource,
  folder: string,
  ports: RepositoryPorts,
  options: readonly string[],
  wanted: readonly string[],
): ReturnType<Git> {
  const limit = ports.largest ?? fetchLimits.bytes;
  const guard = watchSize(join(folder, 'objects/pack'), limit);
  const tooLarge = (): UserError =>
    new UserError('BAN-E114', `${source.repository} is larger than ${Math.floor(limit / 1024 / 1024)} MiB`, {
      hint: 'templates belong in a repository of their own: copy them into one, or into template/ of the project',
    });
  try {
    const result = await talk(
      { ...ports, signal: AbortSignal.any([ports.signal, guard.signal]) },
      folder,
      source,
      [
        '--git-dir=.',
        'fetch',
        '--quiet',
        '--no-recurse-submodules',
        ...options,
        '--end-of-options',
        source.address,
        ...wanted,
      ],
      fetchLimits.milliseconds,
    );
    if (await guard.look()) throw tooLarge();
    return result;
  } catch (error) {
    throw error instanceof Interrupted && !ports.signal.aborted && guard.signal.aborted ? tooLarge() : error;
  } finally {
    guard.stop();
  }
}

/** Aborts when the files that a fetch is writing into a folder are larger than `limit` bytes: looks once a second, and when asked. */
function watchSize(
  folder: string,
  limit: number,
): { readonly signal: AbortSignal; look(): Promise<boolean>; stop(): void } {
  const controller = new AbortController();
  const look = async (): Promise<boolean> => {
    const names = await readdir(folder).catch(() => []);
    const sizes = await Promise.all(
      names.map(async (name) => (await stat(join(folder, name)).catch(() => undefined))?.size ?? 0),
    );
    if (sizes.reduce((sum, size) => sum + size, 0) > limit) controller.abort();
    return controller.signal.aborted;
  };
  const timer = setInterval(() => void look(), 1000);
  timer.unref();
  return { signal: controller.signal, look, stop: () => clearInterval(timer) };
}

/** Asks a source; `timeout` in milliseconds. */
export async function talk(
  { git, signal, report, environment }: RepositoryPorts,
  cwd: string,
  source: TemplateSource,
  gitArguments: readonly string[],
  timeout: number,
): ReturnType<Git> {
  report({ type: 'trace', text: `git ${gitArguments.join(' ')}` });
  return await git([...gitSettings, ...gitArguments], {
    cwd,
    signal,
    timeout,
    environment: environmentFor(source, environment),
  });
}

/** A question to a bare repository on this disk, which never leaves it. */
export async function askKept(
  { git, signal }: RepositoryPorts,
  cwd: string,
  gitArguments: readonly string[],
  options: Pick<Parameters<Git>[1], 'input' | 'onStdoutBytes'> = {},
): ReturnType<Git> {
  const environment = { GIT_ALLOW_PROTOCOL: '', GIT_NO_REPLACE_OBJECTS: '1', GIT_NO_LAZY_FETCH: '1' };
  return await git(['--git-dir=.', ...gitSettings, ...gitArguments], { cwd, signal, environment, ...options });
}

/** The whole id of a commit that a bare repository has. Throws BAN-E116. */
export async function commitOf(
  folder: string,
  id: string,
  source: TemplateSource,
  ports: RepositoryPorts,
): Promise<string> {
  const result = await askKept(ports, folder, [
    'rev-parse',
    '--verify',
    '--quiet',
    '--end-of-options',
    `${id}^{commit}`,
  ]);
  if (result.exitCode === 0) return result.stdout.trim();
  throw new UserError('BAN-E116', `${source.repository} has no commit ${id}`, {
    hint: 'git log in a clone of it shows the ids; a commit that no branch and no tag leads to is not found by a short one',
  });
}
