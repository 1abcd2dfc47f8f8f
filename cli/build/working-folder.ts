import { mkdtemp, readdir, rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { failedWith, UserError } from '../errors.ts';
import type { Report } from '../events.ts';
import { removeAbandoned } from '../template/abandoned.ts';
import { makeFolder } from '../tools/make-folder.ts';
import type { BuildPlan } from './plan.ts';

/** Names of working folders; they are gone after a build unless it was killed. */
const scratchPrefix = '.bantam-';

/** A killed build's working folder is removed by the first build a day later: by then it is nobody's. Milliseconds. */
const abandonedAfter = 24 * 3600 * 1000;

/** A folder for what a builder writes. A layout of the user's is finished beside its place, so that moving it there is one step. Throws BAN-E003. */
export async function makeScratch(plan: BuildPlan, inCache: string, report: Report): Promise<string> {
  const beside = plan.output.kind === 'layout' ? dirname(plan.output.folder) : inCache;
  return await makeWorkingFolder(beside).catch(async (cause: Error) => {
    if (plan.output.kind === 'layout')
      throw new UserError('BAN-E003', `${beside} cannot be written to: ${cause.message}`, {
        hint: 'choose another folder behind --output',
        cause,
      });
    // The cache only saves time.
    report({ type: 'trace', about: plan.name, text: `${beside} is not used: ${cause.message}` });
    return await mkdtemp(join(tmpdir(), 'bantam-layout-'));
  });
}

/** Makes a folder of our own in `beside`, and removes those that killed builds have left there. */
export async function makeWorkingFolder(beside: string): Promise<string> {
  await makeFolder(beside);
  await removeAbandoned(beside, scratchPrefix, abandonedAfter);
  return await mkdtemp(join(beside, scratchPrefix));
}

/** Throws BAN-E003 if something else than an image layout is where the layout shall go (`--output .` would name the handler folder). */
export async function refuseForeignFolder(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return [];
    throw new UserError('BAN-E003', `${folder} is in the way: ${error.message}`, {
      hint: 'choose another folder behind --output',
      cause: error,
    });
  });
  if (names.length === 0 || (names.includes('oci-layout') && names.includes('index.json'))) return;
  throw new UserError('BAN-E003', `${folder} is there already and is no image layout`, {
    hint: 'a layout would take its place: choose another folder behind --output',
  });
}

/**
 * Puts a folder where another one may be; that one is moved to `aside` first and stays whole until then. Where another build
 * puts its own there at the same time, the last one counts.
 */
export async function replaceFolder(from: string, to: string, aside: string): Promise<void> {
  for (let left = 10; ; left -= 1)
    try {
      return await exchange(from, to, `${aside}-${left}`);
    } catch (error) {
      if (!isTaken(error) || left === 0) throw error;
    }
}

function isTaken(error: unknown): boolean {
  return failedWith(error, 'ENOTEMPTY', 'EEXIST');
}

async function exchange(from: string, to: string, aside: string): Promise<void> {
  const old = await rename(to, aside).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
  await rename(from, to).catch(async (error: unknown) => {
    // If another build was faster, its folder is there, and the old one is nobody's.
    if (old && !isTaken(error)) await rename(aside, to);
    throw error;
  });
}
