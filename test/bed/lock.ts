import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as v from 'valibot';
import { cacheFolder } from './cache.ts';
import { isAlive, markOf } from './processes.ts';

const holderSchema = v.object({ pid: v.number(), start: v.string() });
const patience = 20 * 60_000;

/** Held while the bed of this cache is opened, closed or its record changed. */
export function lockFile(): string {
  return join(cacheFolder(), 'bed.lock');
}

export interface LockOptions {
  /** Told once, when somebody else holds the lock. */
  readonly onWait?: (pid: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs `work` while no other process does so under the same file. The lock of a dead process counts as free.
 * Waits at most twenty minutes: a first opening downloads and builds everything.
 */
export async function withLock<T>(file: string, options: LockOptions, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(file), { recursive: true });
  const mine = `${file}.${randomUUID()}`;
  await writeFile(mine, JSON.stringify(await markOf(process.pid)));
  try {
    const end = Date.now() + patience;
    let told = false;
    // link(2) fails when the name exists and never shows a half-written file.
    while (!(await takes(mine, file))) {
      const holder = await readHolder(file);
      if (holder !== undefined && !(await isAlive(holder))) {
        await dropDead(file);
        continue;
      }
      if (holder !== undefined && !told) options.onWait?.(holder.pid);
      told = holder !== undefined;
      if (Date.now() > end)
        throw new Error(`the bed is being opened by process ${holder?.pid} for over twenty minutes (lock ${file})`);
      await sleep(100, undefined, options.signal === undefined ? {} : { signal: options.signal });
    }
  } finally {
    await rm(mine, { force: true });
  }
  try {
    return await work();
  } finally {
    await rm(file, { force: true });
  }
}

async function takes(mine: string, file: string): Promise<boolean> {
  try {
    await link(mine, file);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/** Removes the lock of a dead process; should another one have taken it in between, that one gets it back. */
async function dropDead(file: string): Promise<void> {
  const aside = `${file}.${randomUUID()}`;
  await rename(file, aside).catch(() => undefined);
  const holder = await readHolder(aside);
  if (holder !== undefined && (await isAlive(holder))) await link(aside, file);
  await rm(aside, { force: true });
}

async function readHolder(file: string): Promise<v.InferOutput<typeof holderSchema> | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : v.parse(holderSchema, JSON.parse(text));
}
