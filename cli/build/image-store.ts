import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Report } from '../events.ts';
import { createFindingCache, type FindingCache } from '../oci/layer-pool.ts';
import type { Reference } from '../oci/reference.ts';
import { listContents } from '../registry/contents.ts';
import type { ImageMemory } from '../registry/image-memory.ts';
import { openLayout } from '../registry/layout.ts';
import { pushImage } from '../registry/push.ts';
import type { Registry } from '../registry/registry.ts';
import { verifyImage } from '../registry/verify.ts';
import { makeFolder } from '../tools/make-folder.ts';
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
  /** Learns what the layers hold, so that deploying the image reads none of them. */
  readonly memory?: () => Promise<ImageMemory>;
  readonly report: Report;
}): ImageStore {
  const layers = openBaseLayers(join(ports.folder, 'base-layers'), ports.report);
  const cache = createFindingCache();
  const ledger = openBlobLedger(join(ports.folder, 'pushed-blobs.json'), ports.report);
  return {
    async prepareLayout(folder) {
      const blobs = blobsOf(folder);
      await makeFolder(blobs);
      await layers.offer(blobs);
    },
    async verify(plan, folder, digest, signal) {
      const reader = await openLayout(folder);
      const reference = referenceTo(plan, digest);
      const contents = await listContents(reader, reference, signal);
      const needed = hexNames([...contents.manifests, ...contents.blobs].map((part) => part.digest));
      await layers.check(blobsOf(folder), needed, signal);
      const memory = await ports.memory?.();
      const { platforms } = await verifyImage(reader, reference, plan.platforms, {
        ownHistoryEntries: plan.ownHistoryEntries,
        cache: await taught(cache, memory, plan.reference.registry, contents.blobs),
        report: ports.report,
        signal,
      });
      await memory?.save();
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
          program: `${verdict}: ${reason}`,
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

/** A cache that hands on what it learns. Nothing is taken from the memory: what is about to be pushed is looked at itself. */
async function taught(
  cache: FindingCache,
  memory: ImageMemory | undefined,
  registry: string,
  blobs: readonly { readonly digest: string }[],
): Promise<FindingCache> {
  if (memory === undefined) return cache;
  const kept = await memory.findings(
    registry,
    blobs.map(({ digest }) => digest),
  );
  return {
    get(key) {
      const finding = cache.get(key);
      if (finding !== undefined && kept.get(key) === undefined) kept.set(key, finding);
      return finding;
    },
    set(key, finding) {
      cache.set(key, finding);
      kept.set(key, finding);
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
