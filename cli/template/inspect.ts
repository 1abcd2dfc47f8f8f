import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeFailure, type Failure, UserError } from '../errors.ts';
import { foldersIn, isFolder, templateNames } from './find.ts';
import type { ConfiguredTemplates } from './foreign.ts';
import { digestCopy, readPullRecord } from './install.ts';
import { type LockedTemplate, readLock, type TemplateOrigin } from './lock-file.ts';
import { isInPack, offerOfPack, type TemplatePack } from './pack.ts';
import { hideCredentials } from './source.ts';
import { hashDigests } from './tree.ts';

/**
 * How a template stands. Of those in the project: `same` as locked; `changed` since; `outdated`: as locked, and this bantam
 * has another; `unlocked`: the lock file does not know it (the project's own, or brought by faas-cli); `missing`: locked, and
 * not there; `unreadable`. Of the others: `configured` in the stack file and not pulled yet; `available`: bantam's own.
 */
export type TemplateState =
  | 'same'
  | 'changed'
  | 'outdated'
  | 'unlocked'
  | 'missing'
  | 'unreadable'
  | 'configured'
  | 'available';

/** A file of a copy that is not as it was locked. */
export interface TemplateDifference {
  readonly path: string;
  readonly change: 'changed' | 'added' | 'missing' | 'mode';
}

/** A template of a project, or one that it can have. `differences` are known for locked copies. */
export interface InspectedTemplate {
  readonly name: string;
  readonly state: TemplateState;
  readonly origin: TemplateOrigin | undefined;
  readonly hash: string | undefined;
  readonly differences: readonly TemplateDifference[];
  readonly failure?: Failure;
}

/** Looks at all templates of a project, sorted by name: those in `template/`, those locked, those that the stack file names, those of the pack. Asks no network. */
export async function inspectTemplates(
  projectFolder: string,
  configured: ConfiguredTemplates,
  pack: TemplatePack,
): Promise<readonly InspectedTemplate[]> {
  const locked = await readLock(projectFolder);
  const present = await templateNames(projectFolder);
  const own = await foldersIn(pack.folder);
  const names = [...new Set([...present, ...Object.keys(locked), ...configured.map(({ name }) => name), ...own])];
  const inspected: InspectedTemplate[] = [];
  for (const name of names.sort()) {
    if (present.includes(name)) inspected.push(await inspectCopy(projectFolder, name, locked[name], pack));
    else
      inspected.push(
        inspectAbsent(
          name,
          locked[name],
          configured.find((entry) => entry.name === name),
          pack,
        ),
      );
  }
  return inspected;
}

function inspectAbsent(
  name: string,
  entry: LockedTemplate | undefined,
  configured: ConfiguredTemplates[number] | undefined,
  pack: TemplatePack,
): InspectedTemplate {
  if (entry !== undefined)
    return { name, state: 'missing', origin: originOf(entry), hash: entry.hash, differences: [] };
  if (configured !== undefined) {
    const origin = configured.source === undefined ? undefined : { source: hideCredentials(configured.source) };
    return { name, state: 'configured', origin, hash: undefined, differences: [] };
  }
  const { source, version } = pack;
  return { name, state: 'available', origin: { source, version }, hash: undefined, differences: [] };
}

async function inspectCopy(
  projectFolder: string,
  name: string,
  entry: LockedTemplate | undefined,
  pack: TemplatePack,
): Promise<InspectedTemplate> {
  const folder = join(projectFolder, 'template', name);
  const origin = entry === undefined ? await pulledByOthers(folder) : originOf(entry);
  try {
    const digests = await digestCopy(folder);
    const hash = hashDigests(digests);
    if (entry === undefined) return { name, state: 'unlocked', origin, hash, differences: [] };
    if (entry.hash === hash) {
      const isOwn = entry.source === pack.source && (await isInPack(pack, name));
      const state = isOwn && (await offerOfPack(pack, name)).hash !== hash ? 'outdated' : 'same';
      return { name, state, origin, hash, differences: [] };
    }
    const files = entry.files ?? (await filesOfPack(pack, name, entry));
    const differences = files === undefined ? [] : compareDigests(files, digests);
    return { name, state: 'changed', origin, hash, differences };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { name, state: 'unreadable', origin, hash: undefined, differences: [], failure: describeFailure(error) };
  }
}

/** Entries of bantam 0.1 hold no files; those of the same pack still tell. */
async function filesOfPack(
  pack: TemplatePack,
  name: string,
  entry: LockedTemplate,
): Promise<Readonly<Record<string, string>> | undefined> {
  if (!(await isInPack(pack, name))) return undefined;
  const offer = await offerOfPack(pack, name);
  return offer.hash === entry.hash ? Object.fromEntries(offer.digests) : undefined;
}

/** Every file that differs, sorted by path. Pure. */
export function compareDigests(
  locked: Readonly<Record<string, string>>,
  present: ReadonlyMap<string, string>,
): readonly TemplateDifference[] {
  const paths = [...new Set([...Object.keys(locked), ...present.keys()])].sort();
  return paths.flatMap((path): TemplateDifference[] => {
    const before = Object.hasOwn(locked, path) ? locked[path] : undefined;
    const after = present.get(path);
    if (before === after) return [];
    if (before === undefined) return [{ path, change: 'added' }];
    if (after === undefined) return [{ path, change: 'missing' }];
    return [{ path, change: before.split(' ')[0] === after.split(' ')[0] ? 'mode' : 'changed' }];
  });
}

function originOf({ source, version, ref, commit }: LockedTemplate): TemplateOrigin {
  return { source, version, ref, commit };
}

async function pulledByOthers(folder: string): Promise<TemplateOrigin | undefined> {
  const record = join(folder, 'meta.json');
  const bytes = (await isFolder(record)) ? undefined : await readFile(record).catch(() => undefined);
  return bytes === undefined ? undefined : readPullRecord(bytes);
}
