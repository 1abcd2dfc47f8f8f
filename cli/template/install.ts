import { chmod, mkdir, mkdtemp, rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Interrupted } from '../errors.ts';
import { removeAbandoned } from './abandoned.ts';
import { isFolder } from './find.ts';
import { type LockedTemplate, lockTemplate, readLock, type TemplateOrigin } from './lock-file.ts';
import { copyTree, digestFiles, hashDigests, listTree, type TreeFile } from './tree.ts';

/** A template that a project can have a copy of: of bantam's own pack, or of a commit of a git repository. */
export interface TemplateOffer {
  /** What the copy is called: `template/NAME`. */
  readonly name: string;
  readonly origin: TemplateOrigin;
  readonly files: readonly TreeFile[];
  readonly digests: ReadonlyMap<string, string>;
  readonly hash: string;
}

/**
 * An offer beside what the project has. `absent`: nothing of that name. `same`: the copy is that of the offer. `outdated`:
 * it is as it was copied, and the offer is another. `changed`: somebody edited it, or it came from elsewhere.
 */
export interface TemplateInstallation extends TemplateOffer {
  /** `template/NAME` of the project, absolute. */
  readonly folder: string;
  readonly state: 'absent' | 'same' | 'outdated' | 'changed';
  /** What the lock file says of the copy. */
  readonly locked: LockedTemplate | undefined;
}

/** Makes an offer of files. */
export async function makeOffer(
  name: string,
  origin: TemplateOrigin,
  files: readonly TreeFile[],
): Promise<TemplateOffer> {
  const own = await withoutRecord(files);
  const digests = await digestFiles(own);
  return { name, origin, files: own, digests, hash: hashDigests(digests) };
}

/** Compares an offer with the project's copy of that name. */
export async function planCopy(offer: TemplateOffer, projectFolder: string): Promise<TemplateInstallation> {
  const folder = join(projectFolder, 'template', offer.name);
  if (!(await isFolder(folder))) return { ...offer, folder, state: 'absent', locked: undefined };
  const present = hashDigests(await digestCopy(folder));
  const locked = (await readLock(projectFolder))[offer.name];
  const state = present === offer.hash ? 'same' : locked?.hash === present ? 'outdated' : 'changed';
  return { ...offer, folder, state, locked };
}

/** What a project's copy of a template consists of: {@link digestFiles} without what faas-cli adds to it. */
export async function digestCopy(folder: string): Promise<ReadonlyMap<string, string>> {
  return await digestFiles(await withoutRecord(await listTree(folder)));
}

/** The lock file's entry for an offer. */
export function lockEntry({ origin, hash, digests }: TemplateOffer): LockedTemplate {
  return { ...origin, hash, files: Object.fromEntries(digests) };
}

/**
 * Puts the offer's files in place: through a folder beside the target, so all or nothing, then the lock file. What is there
 * is replaced, so the caller decides whether it may be. Returns how to undo both where nothing was replaced. Throws Interrupted.
 */
export async function carryOutInstallation(
  installation: TemplateInstallation,
  projectFolder: string,
  signal?: AbortSignal,
): Promise<() => Promise<void>> {
  const parent = join(projectFolder, 'template');
  const steps: (() => Promise<unknown>)[] = [];
  const undo = async (): Promise<void> => {
    for (const step of steps.reverse()) await step();
  };
  try {
    if (!(await isFolder(parent))) {
      await mkdir(parent, { recursive: true });
      steps.push(() => removeIfEmpty(parent));
      await chmod(parent, 0o755);
    }
    await removeAbandoned(parent, stagedPrefix, abandonedAfter);
    const staged = await mkdtemp(join(parent, stagedPrefix));
    const old = join(staged, 'old');
    try {
      await copyTree(installation.files, join(staged, 'copy'), signal);
      if (signal?.aborted) throw new Interrupted();
      const replaces = installation.state !== 'absent';
      if (replaces) await rename(installation.folder, old);
      let placed = false;
      try {
        await rename(join(staged, 'copy'), installation.folder);
        placed = true;
        const unlock = await lockTemplate(projectFolder, installation.name, lockEntry(installation));
        steps.push(() => rm(installation.folder, { recursive: true, force: true }), unlock);
      } catch (error) {
        if (placed) await rm(installation.folder, { recursive: true, force: true });
        if (replaces) await rename(old, installation.folder);
        throw error;
      }
    } finally {
      await rm(staged, { recursive: true, force: true });
    }
  } catch (error) {
    await undo();
    throw error;
  }
  return undo;
}

/** How the folders begin that copies are made in, and after how long one is nobody's: a copy takes seconds. Milliseconds. */
const stagedPrefix = '.new-';
const abandonedAfter = 600_000;

/**
 * Without `meta.json` of faas-cli's: it writes one into each template that it pulls, with the time of the pull, so copies of
 * the same commit would all differ.
 */
async function withoutRecord(files: readonly TreeFile[]): Promise<readonly TreeFile[]> {
  const record = files.find(({ path }) => path === 'meta.json');
  if (record === undefined || readPullRecord(await record.read()) === undefined) return files;
  return files.filter((file) => file !== record);
}

/** Where faas-cli has pulled a template from, out of the `meta.json` that it leaves; undefined for any other file. */
export function readPullRecord(bytes: Uint8Array): TemplateOrigin | undefined {
  if (bytes.length > 4096) return undefined;
  try {
    const found: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (typeof found !== 'object' || found === null || !('written_at' in found) || !('repository' in found))
      return undefined;
    const { repository } = found;
    if (typeof repository !== 'string') return undefined;
    const ref = 'ref_name' in found && typeof found.ref_name === 'string' ? found.ref_name : undefined;
    const commit = 'sha' in found && typeof found.sha === 'string' ? found.sha : undefined;
    return { source: repository, ref: ref || undefined, commit: commit || undefined };
  } catch {
    return undefined; // Somebody else's file of that name.
  }
}

/** Another program may have put something of its own into it meanwhile. */
async function removeIfEmpty(folder: string): Promise<void> {
  await rmdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST' && error.code !== 'ENOENT') throw error;
  });
}
