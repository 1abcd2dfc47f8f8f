import { chmod, link, mkdir, readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { Report } from '../events.ts';
import { createFindingCache } from '../oci/layer-pool.ts';
import type { Reference } from '../oci/reference.ts';
import { listContents } from '../registry/contents.ts';
import { openLayout } from '../registry/layout.ts';
import { pushImage } from '../registry/push.ts';
import type { Registry } from '../registry/registry.ts';
import { verifyImage } from '../registry/verify.ts';
import { openBlobLedger } from './blob-ledger.ts';
import type { ImageStore, PlatformSize } from './builder.ts';
import type { BuildPlan } from './plan.ts';

/** How long an unused base layer is kept, in milliseconds: 30 days. */
const keepFor = 30 * 24 * 3600 * 1000;

/**
 * The image store on disk. `folder` (in the user's cache folder) keeps base layers by digest, as hard links into the layouts
 * they came from, and what is known of registries; all of it may be deleted at any time.
 */
export function openImageStore(ports: {
  readonly folder: string;
  readonly registry: () => Promise<Registry>;
  readonly report: Report;
}): ImageStore {
  const layers = join(ports.folder, 'base-layers');
  const cache = createFindingCache();
  const ledger = openBlobLedger(join(ports.folder, 'pushed-blobs.json'));
  return {
    async prepareLayout(folder) {
      const blobs = join(folder, 'blobs', 'sha256');
      await mkdir(blobs, { recursive: true });
      await mkdir(layers, { recursive: true });
      for (const name of await readdir(layers)) {
        const file = join(layers, name);
        const facts = await stat(file).catch(() => undefined);
        if (facts === undefined) continue; // Another bantam has just removed it.
        if (Date.now() - facts.mtimeMs > keepFor) await rm(file, { force: true });
        else await linkIfPossible(file, join(blobs, name));
      }
    },
    async verify(plan, folder, digest, signal) {
      const reader = await openLayout(folder);
      const reference = referenceTo(plan, digest);
      const { platforms } = await verifyImage(reader, reference, plan.platforms, {
        ownHistoryEntries: plan.ownHistoryEntries,
        cache,
        report: ports.report,
        signal,
      });
      const contents = await listContents(reader, reference, signal);
      await dropOthers(folder, new Set([...contents.manifests, ...contents.blobs].map((part) => part.digest)));
      const layersOf = platforms.flatMap(({ size }) => size.layers);
      await keepLayers(
        folder,
        layers,
        new Set(layersOf.filter(({ own }) => own === false).map((layer) => layer.digest)),
      );
      return platforms.map(
        ({ platform, digest: image, size, verdict, reason }): PlatformSize => ({
          platform,
          digest: image,
          total: size.total,
          own: size.own,
          program: verdict === 'fits' ? 'fits' : `${verdict}: ${reason}`,
        }),
      );
    },
    async push(plan, folder, digest, signal) {
      const reader = await openLayout(folder);
      const report = await pushImage(reader, await ports.registry(), plan.reference, digest, {
        ledger: await ledger.load(),
        signal,
      });
      await ledger.save();
      return report;
    },
  };
}

function referenceTo(plan: BuildPlan, digest: string): Reference {
  return { registry: plan.reference.registry, repository: plan.reference.repository, digest };
}

/** The layout holds what the image needs and no more: base layers of other images and buildx's empty folder go. */
async function dropOthers(folder: string, needed: ReadonlySet<string>): Promise<void> {
  await rm(join(folder, 'ingest'), { recursive: true, force: true });
  const blobs = join(folder, 'blobs', 'sha256');
  for (const name of await readdir(blobs))
    if (!needed.has(`sha256:${name}`)) await rm(join(blobs, name), { force: true });
}

/** Keeps the layers of base images, so that the next build does not copy them out of the engine: links, no bytes. */
async function keepLayers(folder: string, layers: string, digests: ReadonlySet<string>): Promise<void> {
  const now = new Date();
  for (const digest of digests) {
    const name = digest.replace('sha256:', '');
    const kept = join(layers, name);
    await linkIfPossible(join(folder, 'blobs', 'sha256', name), kept);
    // Other layouts share the file: nobody shall write to it by accident.
    await chmod(kept, 0o444).catch(ignoreAbsence);
    await utimes(kept, now, now).catch(ignoreAbsence);
  }
}

/** Links where that works; a file that is there already and another disk are no failure, since the cache only saves time. */
async function linkIfPossible(from: string, to: string): Promise<void> {
  await link(from, to).catch((error: NodeJS.ErrnoException) => {
    if (!['EEXIST', 'EXDEV', 'ENOENT', 'EPERM', 'EMLINK', 'ENOTSUP'].includes(error.code ?? '')) throw error;
  });
}

function ignoreAbsence(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
