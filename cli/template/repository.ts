import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { UserError } from '../errors.ts';
import { removeAbandoned } from './abandoned.ts';
import { type CommitTemplates, readCommit } from './commit.ts';
import { askKept, commitOf, fetchAll, fetchCommit, type RepositoryPorts, talk } from './fetch.ts';
import { sourceFailure } from './git.ts';
import { abandonedAfter, boundKept, stagedPrefix, suffix, touchKept } from './kept-commits.ts';
import type { TemplateSource } from './source.ts';

/** Git repositories with templates. What was read once is kept by commit, and needs no network again. */
export interface TemplateRepositories {
  /** The commit that a source means now. Asks the repository, except for a whole commit id. Throws BAN-E114, BAN-E115, BAN-E116, Interrupted. */
  resolve(source: TemplateSource): Promise<string>;
  /** The templates of a commit. Throws as resolve, and BAN-E112 for one that no project may hold. */
  read(source: TemplateSource, commit: string): Promise<CommitTemplates>;
}

/** How long a question to a source may take, in milliseconds. */
const askLimit = 60_000;

/** Opens them; nothing is done yet. Answers are kept for as long as the value is. */
export function openRepositories(ports: RepositoryPorts): TemplateRepositories {
  const commits = new Map<string, Promise<string>>();
  const contents = new Map<string, Promise<CommitTemplates>>();
  const alone = pLimit(2);
  return {
    resolve: async (source) =>
      await once(commits, `${source.address}#${source.ref ?? ''}`, async () => await resolveCommit(source, ports)),
    read: async (source, commit) =>
      await once(contents, commit, async () => await alone(async () => await readKept(source, commit, ports))),
  };
}

async function resolveCommit(source: TemplateSource, ports: RepositoryPorts): Promise<string> {
  const { address, ref, repository } = source;
  const hex = commitIn(ref);
  if (hex?.length === 40) return hex;
  if (hex !== undefined && ref?.startsWith('sha-')) return await findCommit(source, hex, ports);
  const wanted = ref === undefined ? ['HEAD'] : [`refs/heads/${ref}`, `refs/tags/${ref}`, `refs/tags/${ref}^{}`];
  const result = await talk(
    ports,
    tmpdir(),
    source,
    ['ls-remote', '--quiet', '--end-of-options', address, ...wanted],
    askLimit,
  );
  if (result.exitCode !== 0) throw sourceFailure(source, result);
  const found = new Map(
    result.stdout.split('\n').map((line): [string, string] => {
      const [id = '', name = ''] = line.split('\t');
      return [name, id];
    }),
  );
  // A branch comes before a tag, as with git clone --branch; of a signed tag its commit.
  const [first, tag, commitOfTag] = wanted;
  const id = [first, commitOfTag, tag].map((name) => found.get(name ?? '-')).find((value) => value !== undefined);
  if (id !== undefined) return id;
  if (hex !== undefined) return await findCommit(source, hex, ports);
  throw new UserError(
    'BAN-E116',
    ref === undefined ? `${repository} is empty` : `${repository} has no branch and no tag ${ref}`,
    { hint: ref === undefined ? 'commit something first' : `git ls-remote ${repository} lists what it has` },
  );
}

/** The hexadecimal digits of `sha-69ca16a`, or of a bare commit id. */
function commitIn(ref: string | undefined): string | undefined {
  return /^(?:sha-)?([0-9a-f]{7,40})$/i.exec(ref ?? '')?.[1]?.toLowerCase();
}

/** A commit by the beginning of its id: only the whole history tells which it is. It is kept at once. */
async function findCommit(source: TemplateSource, hex: string, ports: RepositoryPorts): Promise<string> {
  const kept = (await readdir(ports.folder).catch(() => [])).filter(
    (name) => name.startsWith(hex) && name.endsWith(suffix),
  );
  if (kept.length === 1 && kept[0] !== undefined) return kept[0].slice(0, -suffix.length);
  let commit = '';
  await keep(source, ports, async (folder) => {
    await fetchAll(source, folder, ports);
    commit = await commitOf(folder, hex, source, ports);
    return commit;
  });
  return commit;
}

/** Reads a commit out of what is kept, or fetches it. What was damaged on the disk is fetched again, once. */
async function readKept(source: TemplateSource, commit: string, ports: RepositoryPorts): Promise<CommitTemplates> {
  const folder = join(ports.folder, `${commit}${suffix}`);
  const read = async (from: string): Promise<CommitTemplates> =>
    await readCommit(
      commit,
      source,
      async (gitArguments, options = {}) => await askKept(ports, from, gitArguments, options),
    );
  const there = await stat(folder).catch(() => undefined);
  if (there?.isDirectory()) {
    const sound = await askKept(ports, folder, ['cat-file', '-e', `${commit}^{tree}`]);
    if (sound.exitCode === 0) {
      await touchKept(folder);
      try {
        ports.report({ type: 'trace', text: `${source.repository} ${commit.slice(0, 7)} is in ${ports.folder}` });
        return await read(folder);
      } catch (error) {
        if (!(error instanceof UserError) || error.code !== 'BAN-E114') throw error;
      }
    }
    ports.report({ type: 'trace', text: `${folder} is damaged: it is fetched again` });
    await rm(folder, { recursive: true, force: true });
  }
  ports.report({ type: 'progress', about: source.repository, text: `fetching ${commit.slice(0, 7)}` });
  try {
    return await keep(
      source,
      ports,
      async (made) => {
        await fetchCommit(source, commit, made, ports);
        return commit;
      },
      read,
    );
  } finally {
    ports.report({ type: 'ended', about: source.repository });
  }
}

/**
 * Makes a bare repository beside the kept ones, has it filled, and renames it to the commit's name: half a clone never has
 * that name, and of two programs that fetch the same one wins. Where nothing can be kept (a read-only home), a temporary
 * folder serves.
 */
async function keep<Result>(
  source: TemplateSource,
  ports: RepositoryPorts,
  fill: (folder: string) => Promise<string>,
  use?: (folder: string) => Promise<Result>,
): Promise<Result> {
  const staged = await makeStaged(ports);
  const bare = join(staged, 'fetched.git');
  try {
    // An empty --template: no hooks of the user's either.
    const made = await ports.git(['init', '--quiet', '--bare', '--template=', bare], {
      cwd: staged,
      signal: ports.signal,
    });
    if (made.exitCode !== 0) throw sourceFailure(source, made);
    const commit = await fill(bare);
    const result = await (use ?? (async () => undefined as Result))(bare);
    if (staged.startsWith(ports.folder))
      await rename(bare, join(ports.folder, `${commit}${suffix}`)).catch((error: NodeJS.ErrnoException) => {
        // Another program was faster.
        if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
      });
    if (staged.startsWith(ports.folder)) await boundKept(ports.folder);
    return result;
  } finally {
    await rm(staged, { recursive: true, force: true });
  }
}

async function makeStaged({ folder, report }: RepositoryPorts): Promise<string> {
  try {
    await mkdir(folder, { recursive: true });
    await removeAbandoned(folder, stagedPrefix, abandonedAfter);
    return await mkdtemp(join(folder, stagedPrefix));
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error;
    report({ type: 'trace', text: `templates cannot be kept in ${folder}: ${error.message}` });
    return await mkdtemp(join(tmpdir(), 'bantam-templates-'));
  }
}

async function once<Value>(kept: Map<string, Promise<Value>>, key: string, make: () => Promise<Value>): Promise<Value> {
  const found = kept.get(key) ?? make();
  kept.set(key, found);
  return await found;
}
