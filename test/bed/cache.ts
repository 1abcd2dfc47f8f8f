import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import * as v from 'valibot';
import { isAlive, markOf } from './processes.ts';

/** What was made, and from which versions: package name to version. */
export type Versions = Readonly<Record<string, string>>;

const versionsFile = 'versions.json';
const versionsSchema = v.record(v.string(), v.string());

/** Where the bed keeps what it downloads and builds: `BANTAM_BED_CACHE`, else `bantam-bed` in the user's cache folder. */
export function cacheFolder(): string {
  const chosen = process.env['BANTAM_BED_CACHE'];
  if (chosen !== undefined && chosen !== '') return resolve(chosen);
  return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'bantam-bed');
}

/** Twelve hexadecimal digits that stand for a recipe (any JSON value). */
export function contentHash(recipe: unknown): string {
  return createHash('sha256').update(JSON.stringify(recipe)).digest('hex').slice(0, 12);
}

export interface Cached {
  readonly folder: string;
  readonly versions: Versions;
}

/**
 * The folder `<kind>-<hash of recipe>` of the cache; made once, under another name, and renamed when whole,
 * so that a killed run leaves nothing that looks finished. `make` fills the folder and says which versions it took.
 */
export async function cached(
  kind: string,
  recipe: unknown,
  make: (folder: string) => Promise<Versions>,
): Promise<Cached> {
  const folder = join(cacheFolder(), `${kind}-${contentHash(recipe)}`);
  const known = await readVersions(folder);
  if (known !== undefined) return { folder, versions: known };
  const unfinished = await unfinishedName(folder);
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { recursive: true });
  try {
    const versions = await make(unfinished);
    await writeFile(join(unfinished, versionsFile), `${JSON.stringify(versions, undefined, 2)}\n`);
    await rm(folder, { recursive: true, force: true });
    await rename(unfinished, folder);
    return { folder, versions };
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

/** The name of a folder while this process makes it; `sweepCache` removes it if this process dies over it. */
export async function unfinishedName(folder: string): Promise<string> {
  const { pid, start } = await markOf(process.pid);
  return `${folder}.new-${pid}-${start}`;
}

async function readVersions(folder: string): Promise<Versions | undefined> {
  const text = await readFile(join(folder, versionsFile), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : v.parse(versionsSchema, JSON.parse(text));
}

/** Removes the unfinished folders of processes that no longer live. */
export async function sweepCache(): Promise<void> {
  for (const name of await readdir(cacheFolder()).catch(() => [])) {
    const [, pid, start] = /\.new-(\d+)-(\d*)$/.exec(name) ?? [];
    if (pid === undefined || start === undefined) continue;
    if (!(await isAlive({ pid: Number(pid), start })))
      await rm(join(cacheFolder(), name), { recursive: true, force: true });
  }
}
