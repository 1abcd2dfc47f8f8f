import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { Interrupted } from '../errors.ts';
import type { Report } from '../events.ts';
import { createFindingCache, type FindingCache } from '../oci/layer-pool.ts';
import type { Reference } from '../oci/reference.ts';
import { listContents } from '../registry/contents.ts';
import type { ImageMemory } from '../registry/image-memory.ts';
import { settleAll } from '../registry/image-tree.ts';
import { openLayout } from '../registry/layout.ts';
import { type BlobLedger, pushImage } from '../registry/push.ts';
import type { ImageReader, Registry } from '../registry/registry.ts';
import { verifyImage } from '../registry/verify.ts';
import { makeFolder } from '../tools/make-folder.ts';
import { openBaseLayers } from './base-layers.ts';
import { openBlobLedger } from './blob-ledger.ts';
import type { Elsewhere, ImageStore, PlatformSize } from './builder.ts';
import { keepWhileReading } from './keep-while-reading.ts';
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
    async complete(folder, elsewhere, signal) {
      const reader = withElsewhere(await openLayout(folder), blobsOf(folder), elsewhere);
      const limit = pLimit(3);
      await settleAll(
        elsewhere.blobs.map(({ digest }) =>
          limit(async () => {
            const bytes = await reader.blob(somewhere, digest, signal);
            // Reading it to its end is what brings it there.
            for await (const _ of bytes) if (signal.aborted) throw new Interrupted();
          }),
        ),
      );
    },
    async verify(plan, folder, digest, signal, elsewhere) {
      const reader = withElsewhere(await openLayout(folder), blobsOf(folder), elsewhere);
      const reference = referenceTo(plan, digest);
      const contents = await listContents(reader, reference, signal);
      const needed = hexNames([...contents.manifests, ...contents.blobs].map((part) => part.digest));
      await layers.check(blobsOf(folder), needed, signal);
      const memory = await ports.memory?.();
      const { platforms } = await verifyImage(reader, reference, plan.platforms, {
        ownHistoryEntries: plan.ownHistoryEntries,
        cache: await taught(cache, memory, plan.reference.registry, contents.blobs, elsewhere),
        report: ports.report,
        signal,
        tolerated: 'base',
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
    async push(plan, folder, digest, signal, elsewhere) {
      const reader = withElsewhere(await openLayout(folder), blobsOf(folder), elsewhere);
      const report = await pushImage(reader, await ports.registry(), plan.reference, digest, {
        ledger: withPlaces(await ledger.load(), elsewhere),
        signal,
      });
      await ledger.save();
      if (elsewhere !== undefined)
        await layers.keep(blobsOf(folder), hexNames(elsewhere.blobs.map((blob) => blob.digest)));
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
  elsewhere: Elsewhere | undefined,
): Promise<FindingCache> {
  if (memory === undefined) return cache;
  const kept = await memory.findings(
    registry,
    blobs.map(({ digest }) => digest),
  );
  // What is not here is not looked at again: its registry showed the same bytes under this digest before.
  const bases = await findingsOf(elsewhere, memory);
  return {
    get(key) {
      const known = bases.get(key.slice(0, key.indexOf(' ')));
      const finding = cache.get(key) ?? known?.get(key);
      if (finding !== undefined && kept.get(key) === undefined) kept.set(key, finding);
      return finding;
    },
    set(key, finding) {
      cache.set(key, finding);
      kept.set(key, finding);
      bases.get(key.slice(0, key.indexOf(' ')))?.set(key, finding);
    },
  };
}

/** What earlier runs found in base layers, by the digest of the layer. */
async function findingsOf(
  elsewhere: Elsewhere | undefined,
  memory: ImageMemory,
): Promise<ReadonlyMap<string, FindingCache>> {
  const found = new Map<string, FindingCache>();
  for (const { digest, registry } of elsewhere?.blobs ?? [])
    found.set(digest, await memory.findings(registry, [digest]));
  return found;
}

/** A layout whose missing blobs are read where they are; what was read to its end is in the layout from then on. */
function withElsewhere(reader: ImageReader, blobs: string, elsewhere: Elsewhere | undefined): ImageReader {
  if (elsewhere === undefined) return reader;
  return {
    ...reader,
    async blob(reference, digest, signal) {
      const file = join(blobs, digest.replace('sha256:', ''));
      const here = await stat(file).catch(() => undefined);
      const opened = here === undefined ? await elsewhere.open(digest, signal) : undefined;
      if (opened === undefined) return await reader.blob(reference, digest, signal);
      return ReadableStream.from(keepWhileReading(opened, file, digest));
    },
  };
}

/** Layers of the registry that is pushed to are mounted from where they are. */
function withPlaces(ledger: BlobLedger, elsewhere: Elsewhere | undefined): BlobLedger {
  if (elsewhere === undefined) return ledger;
  return {
    ...ledger,
    placeOf: (registry, digest) =>
      ledger.placeOf(registry, digest) ??
      elsewhere.blobs.find((blob) => blob.digest === digest && blob.registry === registry)?.repository,
  };
}

/** For blobs that no reference leads to. */
const somewhere: Reference = { registry: 'layout.invalid', repository: 'base' };

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
