import { createHash } from 'node:crypto';
import { readFileSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import pLimit from 'p-limit';
import * as v from 'valibot';
import writeFileAtomic from 'write-file-atomic';
import type { Report } from '../events.ts';
import { isDigest, verifyDigest } from '../oci/digest.ts';
import type { FindingCache } from '../oci/layer-pool.ts';
import { makeFolder } from '../tools/make-folder.ts';
import { findingsSchema } from './finding-schema.ts';
import { prune } from './prune.ts';
import type { StoredManifest } from './registry.ts';

/** Where a tag pointed to when a registry was last asked. `at`: ISO time. */
export interface SeenTag {
  readonly digest: string;
  readonly at: string;
}

/** What is known of images from earlier runs. Everything is named by digest, but for tags, which are only told about and never trusted. */
export interface ImageMemory {
  /** A manifest or configuration, checked against its digest. */
  document(digest: string): Promise<StoredManifest | undefined>;
  keepDocument(document: StoredManifest): Promise<void>;
  /** What layers were found to hold, as one registry sent them: a layer that was not read to its end is not proven to be the one its digest names. */
  findings(registry: string, layers: readonly string[]): Promise<FindingCache>;
  /** Does what several ask for at the same time once. Whoever waited for another's failed attempt makes one of its own. */
  once<Value>(key: string, work: () => Promise<Value>): Promise<Value>;
  /** `reference` as users write it. */
  seenTag(reference: string): Promise<SeenTag | undefined>;
  keepTag(reference: string, seen: SeenTag): Promise<void>;
  /** Writes what is new. Call it once when done. */
  save(): Promise<void>;
}

/** Larger documents are read anew each time, bytes: an index of forty platforms has 20 kB. */
const largest = 512 * 1024;

/** A day: how exactly the time of the last use is kept, milliseconds. */
const day = 24 * 3600 * 1000;

/** How exactly the time is kept at which a tag was last seen where it was, milliseconds: a card wears by writing. */
const hour = 3600 * 1000;

/**
 * The memory in a folder that may be deleted at any time and shared by several processes: each file is written whole and
 * carries what it takes to notice damage. What is damaged, or of another version's shape, counts as absent and is written anew.
 */
export function openImageMemory(folder: string, report: Report): ImageMemory {
  const opened = new Map<string, LayerFindings>();
  const limit = pLimit(16);
  let written = 0;
  let broken = false;
  const used = new Set<string>();

  const fileOf = (kind: string, key: string) => join(folder, `${kind}-${hash(key)}`);

  // At once, not in turns with others: they are two hundred small files, and each would take four ways to a thread and back.
  const read = (file: string): Buffer | undefined => {
    try {
      const bytes = readFileSync(file);
      if (!used.has(file)) touch(file);
      used.add(file);
      return bytes;
    } catch {
      return undefined; // Absent, or unreadable: then the registry is asked.
    }
  };

  const write = async (file: string, content: Buffer | string): Promise<void> => {
    if (broken || content.length > largest) return;
    try {
      if (written === 0) await makeFolder(folder, 0o700);
      written += 1;
      // Without fsync: a file that a power cut has left half written is noticed, and a card wears less.
      await limit(() => writeFileAtomic(file, content, { fsync: false }));
    } catch (error) {
      broken = true;
      report({ type: 'trace', text: `nothing more is kept in ${folder}: ${String(error)}` });
    }
  };

  return {
    async document(digest) {
      if (!isDigest(digest)) return undefined;
      const bytes = read(fileOf('document', digest));
      return bytes === undefined ? undefined : readDocument(bytes, digest);
    },
    async keepDocument({ digest, mediaType, bytes }) {
      if (!/^[\w.+/-]{0,200}$/.test(mediaType)) return;
      await write(fileOf('document', digest), Buffer.concat([Buffer.from(`${mediaType}\n`), bytes]));
    },
    async findings(registry, layers) {
      for (const layer of layers) {
        const key = `${registry} ${layer}`;
        if (!opened.has(key)) opened.set(key, { known: readFindings(read(fileOf('layer', key))), changed: false });
      }
      return {
        get: (key) => {
          const [layer, path] = splitKey(key);
          return opened.get(`${registry} ${layer}`)?.known.get(path);
        },
        set: (key, finding) => {
          const [layer, path] = splitKey(key);
          const entry = opened.get(`${registry} ${layer}`);
          if (entry === undefined) return;
          entry.known.set(path, finding);
          entry.changed = true;
        },
      };
    },
    once: createOnce(),
    async seenTag(reference) {
      return readTag(read(fileOf('tag', reference)), reference);
    },
    async keepTag(reference, seen) {
      const file = fileOf('tag', reference);
      const last = readTag(read(file), reference);
      const fresh = last !== undefined && Date.parse(seen.at) - Date.parse(last.at) < hour;
      if (last?.digest !== seen.digest || !fresh) await write(file, JSON.stringify({ reference, ...seen }));
    },
    async save() {
      const changed = [...opened].filter(([, { changed }]) => changed);
      await Promise.all(
        changed.map(async ([key, entry]) => {
          entry.changed = false;
          await write(fileOf('layer', key), sealed(JSON.stringify([...entry.known])));
        }),
      );
      if (written > 0 && !broken)
        await prune(folder).catch((error: unknown) =>
          report({ type: 'trace', text: `${folder} was not tidied: ${String(error)}` }),
        );
      written = 0;
    },
  };
}

function createOnce(): ImageMemory['once'] {
  const running = new Map<string, Promise<unknown>>();
  return async <Value>(key: string, work: () => Promise<Value>): Promise<Value> => {
    const other = running.get(key);
    // What it found is known by now: the work finds it there.
    if (other !== undefined) await other.catch(() => undefined);
    const own = work();
    if (!running.has(key)) {
      running.set(key, own);
      own.catch(() => undefined).finally(() => running.delete(key));
    }
    return await own;
  };
}

interface LayerFindings {
  readonly known: Map<string, Finding>;
  changed: boolean;
}

type Finding = NonNullable<ReturnType<FindingCache['get']>>;

/** `DIGEST /PATH` → both parts. */
function splitKey(key: string): readonly [layer: string, path: string] {
  const space = key.indexOf(' ');
  return [key.slice(0, space), key.slice(space + 1)];
}

const tagSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    reference: v.string(),
    digest: v.pipe(v.string(), v.check(isDigest)),
    at: v.pipe(v.string(), v.isoTimestamp()),
  }),
);

function readTag(bytes: Buffer | undefined, reference: string): SeenTag | undefined {
  const parsed = v.safeParse(tagSchema, bytes?.toString());
  return parsed.success && parsed.output.reference === reference ? parsed.output : undefined;
}

function readDocument(bytes: Buffer, digest: string): StoredManifest | undefined {
  const end = bytes.indexOf(0x0a);
  const content = new Uint8Array(bytes.subarray(end + 1));
  try {
    verifyDigest(content, digest, 'kept document');
  } catch {
    return undefined; // Damaged: it is read from the registry and written anew.
  }
  return { digest, mediaType: bytes.subarray(0, Math.max(0, end)).toString(), bytes: content };
}

/** Text under a line with its hash. */
function sealed(text: string): string {
  return `${hash(text)}\n${text}`;
}

function readFindings(bytes: Buffer | undefined): Map<string, Finding> {
  const content = bytes?.toString() ?? '';
  const end = content.indexOf('\n');
  const text = content.slice(end + 1);
  if (end < 0 || content.slice(0, end) !== hash(text)) return new Map();
  const parsed = v.safeParse(findingsSchema, text);
  return new Map(parsed.success ? parsed.output : []);
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Notes that a file was used, once a day: those unused for longest go first. */
function touch(file: string): void {
  const now = new Date();
  try {
    if (now.getTime() - statSync(file).mtimeMs > day) utimesSync(file, now, now);
  } catch {
    // Gone meanwhile, or another user's: it only matters for tidying up.
  }
}
