import { chmod, mkdir, mkdtemp, readFile, rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import writeFileAtomic from 'write-file-atomic';
import { Interrupted, UserError } from '../errors.ts';
import { foldersIn, isFolder, isTemplateName, templateName, templateNames, unknownTemplate } from './find.ts';
import { copyTree, hashTree, listTree, type TreeFile } from './tree.ts';

/** Templates that come with a program. `folder`: absolute, one folder per template. `source` and `version` are recorded where a template is copied to. */
export interface TemplatePack {
  readonly folder: string;
  readonly source: string;
  readonly version: string;
}

/**
 * A template of the pack beside what the project has. `absent`: will be copied. `same`: the project's copy is the pack's.
 * `outdated`: it is as it was copied, and the pack has another by now. `changed`: somebody edited it, or it came from
 * elsewhere. Only an absent one is ever written.
 */
export interface TemplateInstallation {
  readonly name: string;
  /** `template/NAME` of the project, absolute. */
  readonly folder: string;
  readonly state: 'absent' | 'same' | 'outdated' | 'changed';
  readonly source: string;
  readonly version: string;
  /** Of the pack's files. */
  readonly hash: string;
  readonly files: readonly TreeFile[];
}

/** Compares the pack's template `language` (short names allowed) with the project's. Throws BAN-E111 if the pack does not have it. */
export async function planInstallation(
  pack: TemplatePack,
  language: string,
  projectFolder: string,
): Promise<TemplateInstallation> {
  const name = templateName(language);
  if (!(await isInPack(pack, name)))
    throw unknownTemplate(language, [
      ...new Set([...(await foldersIn(pack.folder)), ...(await templateNames(projectFolder))]),
    ]);
  const files = await listTree(join(pack.folder, name));
  const hash = await hashTree(files);
  const folder = join(projectFolder, 'template', name);
  return {
    name,
    folder,
    state: await compare(folder, name, projectFolder, hash),
    source: pack.source,
    version: pack.version,
    hash,
    files,
  };
}

/** Whether the pack has a template of exactly this name. */
export async function isInPack(pack: TemplatePack, name: string): Promise<boolean> {
  return isTemplateName(name) && (await isFolder(join(pack.folder, name)));
}

/** Copies the pack's template into the project if it is absent, all or nothing. Returns what was found before. */
export async function installTemplate(
  pack: TemplatePack,
  language: string,
  projectFolder: string,
  signal?: AbortSignal,
): Promise<TemplateInstallation> {
  const installation = await planInstallation(pack, language, projectFolder);
  if (installation.state === 'absent') await carryOutInstallation(installation, projectFolder, signal);
  return installation;
}

/** Carries out a planned installation: the files through a folder beside the target, then the record. Returns how to undo both. */
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
    const staged = await mkdtemp(join(parent, '.new-'));
    try {
      await copyTree(installation.files, join(staged, 'copy'), signal);
      if (signal?.aborted) throw new Interrupted();
      await rename(join(staged, 'copy'), installation.folder);
      steps.push(() => rm(installation.folder, { recursive: true, force: true }));
    } finally {
      await rm(staged, { recursive: true, force: true });
    }
    steps.push(await writeRecord(installation, projectFolder));
  } catch (error) {
    await undo();
    throw error;
  }
  return undo;
}

/** Adds a template to the record. Returns how to undo it. */
async function writeRecord(
  { name, source, version, hash }: TemplateInstallation,
  projectFolder: string,
): Promise<() => Promise<void>> {
  const file = join(projectFolder, 'template', recordName);
  const before = await readFile(file).catch((error: NodeJS.ErrnoException) =>
    error.code === 'ENOENT' ? undefined : Promise.reject(error),
  );
  const record = { ...(await readRecord(projectFolder)), [name]: { source, version, hash } };
  await writeFileAtomic(file, `${JSON.stringify(record, undefined, 2)}\n`, { mode: 0o644 });
  return async () => (before === undefined ? rm(file, { force: true }) : writeFileAtomic(file, before));
}

/** Another program may have put something of its own into it meanwhile. */
async function removeIfEmpty(folder: string): Promise<void> {
  await rmdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST' && error.code !== 'ENOENT') throw error;
  });
}

/** Where the project's copies come from, by template name. The record stands beside the templates, in none of them, so it is part of no build. */
export async function readRecord(projectFolder: string): Promise<Readonly<Record<string, TemplateOrigin>>> {
  const file = join(projectFolder, 'template', recordName);
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) =>
    error.code === 'ENOENT' ? '{}' : Promise.reject(error),
  );
  try {
    return v.parse(recordSchema, JSON.parse(text));
  } catch (error) {
    throw new UserError('BAN-E112', `${file} is damaged: ${error instanceof Error ? error.message : String(error)}`, {
      hint: 'correct it, or delete it: it only records where templates came from',
      cause: error,
    });
  }
}

/** Where a template was copied from. `hash`: of its files, as {@link hashTree} gives it. */
export interface TemplateOrigin {
  readonly source: string;
  readonly version: string;
  readonly hash: string;
}

const recordName = '.bantam.json';
const recordSchema = v.record(v.string(), v.object({ source: v.string(), version: v.string(), hash: v.string() }));

async function compare(
  folder: string,
  name: string,
  projectFolder: string,
  hash: string,
): Promise<TemplateInstallation['state']> {
  if (!(await isFolder(folder))) return 'absent';
  const present = await hashTree(await listTree(folder));
  if (present === hash) return 'same';
  return (await readRecord(projectFolder))[name]?.hash === present ? 'outdated' : 'changed';
}
