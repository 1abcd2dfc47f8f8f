import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, link, readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { Interrupted, UserError } from '../errors.ts';
import type { Report } from '../events.ts';
import { makeFolder } from '../tools/make-folder.ts';

/** Layers of base images that are kept between builds, so that they are not copied out of the engine each time. */
export interface BaseLayers {
  /** Links all of them into a layout's folder of blobs. */
  offer(blobs: string): Promise<void>;
  /** Hashes the blobs of a layout that came from here (what buildx wrote it has checked itself). Throws BAN-E306 after dropping a damaged one. */
  check(blobs: string, needed: ReadonlySet<string>, signal: AbortSignal): Promise<void>;
  /** Keeps blobs by their hex names. */
  keep(blobs: string, base: ReadonlySet<string>): Promise<void>;
}

/** How long an unused base layer is kept, in milliseconds: 30 days. */
const keepFor = 30 * 24 * 3600 * 1000;

/**
 * Base layers in a folder, as hard links into the layouts they came from. A file is called `HEX.SIZE` and bears a time made
 * from its digest: whoever writes to it, even through the link in a layout of the user's, changes one of the two, and it is
 * dropped. The time of its last use is its access time. The folder only saves time: where it cannot be used, a trace says so.
 */
export function openBaseLayers(folder: string, report: Report): BaseLayers {
  const optional = async (what: string, work: () => Promise<void>): Promise<void> => {
    await work().catch((error: unknown) => {
      if (error instanceof UserError || error instanceof Interrupted) throw error;
      report({ type: 'trace', text: `base layers in ${folder}: ${what}: ${String(error)}` });
    });
  };
  return {
    offer: (blobs) =>
      optional('not used', async () => {
        await makeFolder(folder);
        for (const name of await readdir(folder)) {
          const file = join(folder, name);
          const facts = await stat(file).catch(() => undefined);
          if (facts === undefined) continue; // Another bantam has just removed it.
          const [hex = '', size = ''] = name.split('.');
          const sound =
            /^[0-9a-f]{64}\.\d+$/.test(name) && facts.size === Number(size) && facts.mtimeMs === seal(hex) * 1000;
          if (sound && Date.now() - facts.atimeMs <= keepFor) await linkIfPossible(file, join(blobs, hex));
          else await rm(file, { force: true, recursive: true });
        }
      }),
    async check(blobs, needed, signal) {
      for (const hex of needed) {
        const file = join(blobs, hex);
        const facts = await stat(file).catch(() => undefined);
        if (facts === undefined || facts.nlink === 1) continue;
        const hash = createHash('sha256');
        const bytes: AsyncIterable<Uint8Array> = createReadStream(file);
        for await (const chunk of bytes) {
          if (signal.aborted) throw new Interrupted();
          hash.update(chunk);
        }
        if (hash.digest('hex') === hex) continue;
        await optional('not cleaned', async () => {
          for (const name of await readdir(folder))
            if (name.startsWith(`${hex}.`)) await rm(join(folder, name), { force: true });
        });
        throw new UserError('BAN-E306', `the layer sha256:${hex} that bantam kept of a base image is damaged`, {
          hint: `build again, the damaged copy is gone now; if it happens again, check the disk that holds ${folder}`,
        });
      }
    },
    keep: (blobs, base) =>
      optional('not kept', async () => {
        await makeFolder(folder);
        for (const hex of base) {
          const file = join(blobs, hex);
          const facts = await stat(file).catch(() => undefined);
          if (facts === undefined) continue;
          // Sealed before it can be found: other layouts share the file, and nobody shall write to it by accident.
          await chmod(file, 0o444);
          await utimes(file, Date.now() / 1000, seal(hex));
          await linkIfPossible(file, join(folder, `${hex}.${facts.size}`));
        }
      }),
  };
}

/** The time of an untouched file: seconds since 1970, made from its name. */
function seal(hex: string): number {
  return 1_000_000_000 + (Number.parseInt(hex.slice(0, 8), 16) % 500_000_000);
}

/** Links where that works; a file that is there already and another disk are no failure. */
async function linkIfPossible(from: string, to: string): Promise<void> {
  await link(from, to).catch((error: NodeJS.ErrnoException) => {
    if (!['EEXIST', 'EXDEV', 'ENOENT', 'EPERM', 'EMLINK', 'ENOTSUP'].includes(error.code ?? '')) throw error;
  });
}
