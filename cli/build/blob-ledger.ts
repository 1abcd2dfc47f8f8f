import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as v from 'valibot';
import writeFileAtomic from 'write-file-atomic';
import type { Report } from '../events.ts';
import type { BlobLedger } from '../registry/push.ts';
import { makeFolder } from '../tools/make-folder.ts';

const schema = v.record(v.string(), v.record(v.string(), v.string()));

/** How many blobs are remembered per registry; the oldest are forgotten first. */
const most = 500;

/** A {@link BlobLedger} in a file: registry → digest → repository. A wrong entry costs one request, so the last writer wins. */
export interface StoredLedger {
  load(): Promise<BlobLedger>;
  save(): Promise<void>;
}

/** Opens the ledger; a file that cannot be read or understood counts as empty, and one that cannot be written is left: a trace says so. */
export function openBlobLedger(file: string, report: Report): StoredLedger {
  let known: Promise<Record<string, Record<string, string>>> | undefined;
  const uploads = new Map<string, Promise<void>>();
  return {
    async load() {
      known ??= read(file, report);
      const entries = await known;
      return {
        placeOf: (registry, digest) => entries[registry]?.[digest],
        async inTurn(registry, digest, upload) {
          const key = `${registry} ${digest}`;
          const before = uploads.get(key) ?? Promise.resolve();
          // An upload that failed is its function's failure; the next one tries for itself.
          const mine = before.catch(() => undefined).then(upload);
          uploads.set(key, mine);
          await mine;
        },
        add(registry, digest, repository) {
          const rest = Object.entries(entries[registry] ?? {}).filter(([key]) => key !== digest);
          entries[registry] = Object.fromEntries([...rest, [digest, repository] as const].slice(-most));
        },
      };
    },
    async save() {
      if (known === undefined) return;
      try {
        await makeFolder(dirname(file));
        await writeFileAtomic(file, JSON.stringify(await known));
      } catch (error) {
        // The image is pushed already: what is not remembered costs some requests next time.
        report({ type: 'trace', text: `${file} is not written: ${String(error)}` });
      }
    },
  };
}

async function read(file: string, report: Report): Promise<Record<string, Record<string, string>>> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') report({ type: 'trace', text: `${file} is not read: ${error.message}` });
    return '{}';
  });
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text);
  return parsed.success ? parsed.output : {};
}
