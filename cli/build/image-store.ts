import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Report } from '../events.ts';
import { createFindingCache } from '../oci/layer-pool.ts';
import type { Reference } from '../oci/reference.ts';
import { listContents } from '../registry/contents.ts';
import { openLayout } from '../registry/layout.ts';
import { pushImage } from '../registry/push.ts';
import type { Registry } from '../registry/registry.ts';
import { verifyImage } from '../registry/verify.ts';
import { openBaseLayers } from './base-layers.ts';
import { openBlobLedger } from './blob-ledger.ts';
import type { ImageStore, PlatformSize } from './builder.ts';
import type { BuildPlan } from './plan.ts';

/**
 * The image store on disk. `folder` (in the user's cache folder) keeps base layers and what is known of registries; all of
 * it may be deleted at any time.
 */
export function openImageStore(ports: {
  readonly folder: string;
  readonly registry: () => Promise<Registry>;
  readonly report: Report;
}): ImageStore {
  const layers = openBaseLayers(join(ports.folder, 'base-layers'), ports.report);
  const cache = createFindingCache();
  const ledger = openBlobLedger(join(ports.folder, 'pushed-blobs.json'), ports.report);
  return {
    async prepareLayout(folder) {
      const blobs = blobsOf(folder);
      await mkdir(blobs, { recursive: true });
      await layers.offer(blobs);
    },
    async verify(plan, folder, digest, signal) {
      const reader = await openLayout(folder);
      const reference = referenceTo(plan, digest);
      const contents = await listContents(reader, reference, signal);
      const needed = hexNames([...contents.manifests, ...contents.blobs].map((part) => part.digest));
      await layers.check(blobsOf(folder), needed, signal);
      const { platforms } = await verifyImage(reader, reference, plan.platforms, {
        ownHistoryEntries: plan.ownHistoryEntries,
        cache,
        report: ports.report,
        signal,
      });
      const layersOf = platforms.flatMap(({ size }) => size.layers);
      const base = hexNames(layersOf.filter(({ own }) => own === false).map((layer) => layer.digest));
      await dropOthers(folder, needed);
      await layers.keep(blobsOf(folder), base);
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

function blobsOf(folder: string): string {
  return join(folder, 'blobs', 'sha256');
}

/** The file names of blobs in a layout. */
function hexNames(digests: readonly string[]): ReadonlySet<string> {
  return new Set(digests.map((digest) => digest.replace('sha256:', '')));
}

/** The layout holds what the image needs and no more: base layers of other images and buildx's empty folder go. */
async function dropOthers(folder: string, needed: ReadonlySet<string>): Promise<void> {
  await rm(join(folder, 'ingest'), { recursive: true, force: true });
  for (const name of await readdir(blobsOf(folder)))
    if (!needed.has(name)) await rm(join(blobsOf(folder), name), { force: true });
}
