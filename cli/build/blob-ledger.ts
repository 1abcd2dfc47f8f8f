import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as v from 'valibot';
import writeFileAtomic from 'write-file-atomic';
import type { BlobLedger } from '../registry/push.ts';

const schema = v.record(v.string(), v.record(v.string(), v.string()));

/** How many blobs are remembered per registry; the oldest are forgotten first. */
const most = 500;

/** A {@link BlobLedger} in a file: registry → digest → repository. A wrong entry costs one request, so the last writer wins. */
export interface StoredLedger {
  load(): Promise<BlobLedger>;
  save(): Promise<void>;
}

/** Opens the ledger; a file that cannot be understood counts as empty. */
export function openBlobLedger(file: string): StoredLedger {
  let known: Promise<Record<string, Record<string, string>>> | undefined;
  return {
    async load() {
      known ??= read(file);
      const entries = await known;
      return {
        placeOf: (registry, digest) => entries[registry]?.[digest],
        add(registry, digest, repository) {
          const rest = Object.entries(entries[registry] ?? {}).filter(([key]) => key !== digest);
          entries[registry] = Object.fromEntries([...rest, [digest, repository] as const].slice(-most));
        },
      };
    },
    async save() {
      if (known === undefined) return;
      await mkdir(dirname(file), { recursive: true });
      await writeFileAtomic(file, JSON.stringify(await known));
    },
  };
}

async function read(file: string): Promise<Record<string, Record<string, string>>> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '{}';
    throw error;
  });
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text);
  return parsed.success ? parsed.output : {};
}
