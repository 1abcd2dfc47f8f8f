import { constants, type FileHandle, open, readFile, rename, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as v from 'valibot';
import { failedWith } from '../../errors.ts';
import { syncFolder } from './sync-folder.ts';
import { writeAll } from './write-all.ts';

const repository = v.string();
const digest = v.string();
const size = v.number();
const time = v.number();

const recordSchema = v.variant('do', [
  /** A repository has a blob. */
  v.object({ do: v.literal('link'), repository, digest, size, time }),
  v.object({ do: v.literal('unlink'), repository, digest }),
  /** A repository has a manifest, with what it refers to. */
  v.object({
    do: v.literal('manifest'),
    repository,
    digest,
    size,
    time,
    mediaType: v.string(),
    blobs: v.array(digest),
    manifests: v.array(digest),
    subject: v.optional(digest),
    artifactType: v.optional(v.string()),
  }),
  v.object({ do: v.literal('forget'), repository, digest }),
  v.object({ do: v.literal('tag'), repository, tag: v.string(), digest }),
  v.object({ do: v.literal('untag'), repository, tag: v.string() }),
]);

const lineSchema = v.array(recordSchema);

/** One change of what the registry holds. */
export type JournalRecord = v.InferOutput<typeof recordSchema>;

/** What {@link openJournal} found. `damagedLines`: lines that could not be read and were left out. */
export interface OpenedJournal {
  readonly journal: Journal;
  readonly records: Iterable<JournalRecord>;
  readonly damagedLines: number;
}

interface Waiting {
  readonly line: string;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

/**
 * The registry's memory of names: one line of JSON for what is true together, only ever appended. No name becomes a file, so that neither
 * the case of a tag nor a path in a name meets the file system. Writers that come at the same time share one fsync.
 */
export class Journal {
  readonly #path: string;
  #file: FileHandle;
  #size: number;
  #waiting: Waiting[] = [];
  #working: Promise<void> | undefined;
  /** Lines in the file, for whoever decides when to compact. */
  lines: number;

  constructor(path: string, file: FileHandle, size: number, lines: number) {
    this.#path = path;
    this.#file = file;
    this.#size = size;
    this.lines = lines;
  }

  /** Adds what is true together. Resolves when it is on the disk; `apply` runs in the order of the lines. Throws what the disk says, then nothing of it is there. */
  append(records: readonly JournalRecord[], apply: () => void = () => undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (): void => {
        apply();
        resolve();
      };
      this.#waiting.push({ line: `${JSON.stringify(records)}\n`, done, failed: reject });
      void this.#work(() => this.#write());
    });
  }

  /** Replaces all lines by those of the present state, taken when nothing is being written. Whoever appends meanwhile waits. */
  async compact(snapshot: () => Iterable<readonly JournalRecord[]>): Promise<void> {
    while (this.#working !== undefined) await this.#working;
    await this.#work(() => this.#replace(snapshot));
  }

  async close(): Promise<void> {
    while (this.#working !== undefined) await this.#working;
    await this.#file.close();
  }

  /** Begins work on the file unless some is going on, which then sees to what waits. */
  async #work(work: () => Promise<void>): Promise<void> {
    if (this.#working !== undefined) return;
    const { promise, resolve } = promiseWithResolver();
    this.#working = promise;
    try {
      await work();
    } finally {
      // Nothing may come between this and the end: it would wait for work that is over.
      this.#working = undefined;
      resolve();
      if (this.#waiting.length > 0) void this.#work(() => this.#write());
    }
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0);
      const bytes = Buffer.from(batch.map(({ line }) => line).join(''));
      try {
        await writeAll(this.#file, bytes, this.#size);
        await this.#file.datasync();
      } catch (error) {
        // Half a line would swallow the next one.
        await this.#file.truncate(this.#size).catch(() => undefined);
        for (const { failed } of batch) failed(error);
        continue;
      }
      this.#size += bytes.length;
      this.lines += batch.length;
      for (const { done } of batch) done();
    }
  }

  async #replace(snapshot: () => Iterable<readonly JournalRecord[]>): Promise<void> {
    const lines = [...snapshot()].map((records) => `${JSON.stringify(records)}\n`);
    const next = `${this.#path}.new`;
    const file = await open(next, 'w', 0o600);
    const bytes = Buffer.from(lines.join(''));
    try {
      await writeAll(file, bytes, 0);
      await file.sync();
      await rename(next, this.#path);
    } catch (error) {
      await file.close();
      throw error;
    }
    // At once: the old file has lost its name, and what is written to it would be lost.
    const old = this.#file;
    this.#file = file;
    this.#size = bytes.length;
    this.lines = lines.length;
    await old.close();
    await syncFolder(dirname(this.#path));
  }
}

/** Opens a journal, made if missing. What a killed process wrote of its last line is cut off. */
export async function openJournal(path: string): Promise<OpenedJournal> {
  const bytes = await readFile(path).catch((error: unknown) => {
    if (failedWith(error, 'ENOENT')) return Buffer.alloc(0);
    throw error;
  });
  const whole = bytes.lastIndexOf(0x0a) + 1;
  if (whole < bytes.length) await truncate(path, whole);
  const lines = bytes
    .subarray(0, whole)
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '');
  const read = lines.map(readLine);
  const file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  if (bytes.length === 0) await syncFolder(dirname(path));
  return {
    journal: new Journal(path, file, whole, lines.length),
    records: read.flatMap((records) => records ?? []),
    damagedLines: read.filter((records) => records === undefined).length,
  };
}

function readLine(line: string): JournalRecord[] | undefined {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    // Counted and told by the caller.
    return undefined;
  }
  const parsed = v.safeParse(lineSchema, json);
  return parsed.success ? parsed.output : undefined;
}

/** What `Promise.withResolvers` makes from Node 22 on. */
function promiseWithResolver(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
