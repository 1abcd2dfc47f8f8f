import { UserError } from '../errors.ts';
import type { Report } from '../events.ts';
import { decodeConfig, type ImageConfig } from '../oci/config.ts';
import { verifyDigest, verifyWhileReading } from '../oci/digest.ts';
import { type ElfVerdict, elfFits, explainElf } from '../oci/elf.ts';
import { findProgram, type Program } from '../oci/entrypoint.ts';
import { readLayer } from '../oci/layer.ts';
import { type FindingCache, type LayerPool, openLayerPool } from '../oci/layer-pool.ts';
import { type Descriptor, decodeManifest, type ImageManifest, type Manifest } from '../oci/manifest.ts';
import { isIndexMediaType, mediaTypes } from '../oci/media-types.ts';
import { formatPlatform, normalisePlatform, type Platform, samePlatform } from '../oci/platform.ts';
import { formatReference, type Reference } from '../oci/reference.ts';
import { type ImageSize, measureImage } from '../oci/size.ts';
import type { ImageReader } from './registry.ts';

/** One platform of an image as it really is. */
export interface InspectedPlatform {
  /** As the index (or, without one, the configuration) names it, normalised. */
  readonly platform: Platform;
  /** Of this platform's manifest. */
  readonly digest: string;
  readonly config: ImageConfig;
  readonly size: ImageSize;
  readonly program: Program;
  /** Whether the programs that start are of the platform. `unknown`: nothing read contradicts it, nothing proves it. */
  readonly verdict: ElfVerdict;
  /** The verdict's reason as a clause: "/app/fn is x86-64, linux/arm64 needs AArch64". */
  readonly reason: string;
}

/** An image and its platforms. */
export interface InspectedImage {
  /** Of what the reference names: index, or the only manifest. */
  readonly digest: string;
  readonly mediaType: string;
  /** False for an image that is no index: such an image is pulled for any platform without complaint. */
  readonly isIndex: boolean;
  /** All platforms there are, in the order of the index. */
  readonly available: readonly Platform[];
  /** Those that were asked for and are there. */
  readonly platforms: readonly InspectedPlatform[];
}

/** What {@link inspectImage} may be told. */
export interface InspectOptions {
  /** Which to look into; all if not given. */
  readonly platforms?: readonly Platform[] | undefined;
  /** How many history entries the last Dockerfile stage made, to tell own layers from the base; see {@link measureImage}. */
  readonly ownHistoryEntries?: number | undefined;
  /** What is known of layers from earlier calls; filled further. */
  readonly cache?: FindingCache | undefined;
  readonly report?: Report | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads an image's index, configurations and as much of its layers as it takes to find out what machine the entrypoint's program is for.
 * Layers that platforms share are read once. Throws what the reader throws, and BAN-E306 for damaged parts; verdicts are results.
 */
export async function inspectImage(
  reader: ImageReader,
  reference: Reference,
  options: InspectOptions = {},
): Promise<InspectedImage> {
  const { signal } = options;
  const root = await reader.manifest(reference, signal);
  const found = await collectImages(reader, reference, root, options);
  const open = (layer: Descriptor, layerSignal: AbortSignal) => openLayer(reader, reference, layer, layerSignal);
  const layers = found.images.flatMap(({ manifest }) => manifest.layers);
  const pool = openLayerPool({ open }, layers, { cache: options.cache, signal });
  try {
    const platforms = await allOrFirstFailure(found.images.map((image) => inspectPlatform(image, pool, options)));
    return {
      digest: root.digest,
      mediaType: found.mediaType,
      isIndex: found.isIndex,
      available: found.available,
      platforms,
    };
  } finally {
    await pool.close();
  }
}

interface FoundImage {
  readonly platform: Platform;
  readonly digest: string;
  readonly manifest: ImageManifest;
  readonly config: ImageConfig;
}

/** Indexes within indexes: buildx's layouts have one level of it. */
const deepestIndex = 3;

/** More platforms than any index has; each costs two requests. */
const mostImages = 64;

async function collectImages(
  reader: ImageReader,
  reference: Reference,
  root: { readonly digest: string; readonly mediaType: string; readonly bytes: Uint8Array },
  { platforms: wanted, signal }: InspectOptions,
): Promise<{ images: FoundImage[]; available: Platform[]; isIndex: boolean; mediaType: string }> {
  const images: FoundImage[] = [];
  const available: Platform[] = [];
  const isWanted = (platform: Platform) => wanted === undefined || wanted.some((each) => samePlatform(each, platform));
  const name = formatReference(reference);
  const visit = async (stored: typeof root, platform: Platform | undefined, depth: number): Promise<Manifest> => {
    const manifest = decodeManifest(stored.bytes, stored.mediaType, `manifest ${stored.digest} of ${name}`);
    if (manifest.kind === 'image') {
      // Without a platform it may be any artifact that was pushed as a manifest; only images count.
      if (depth > 0 && platform === undefined && !configTypes.has(manifest.config.mediaType)) return manifest;
      const config = decodeConfig(
        await readSmallBlob(reader, reference, manifest.config, signal),
        `configuration of ${name}`,
      );
      const own = normalisePlatform(platform ?? config.platform);
      if (platform === undefined) available.push(own);
      if (isWanted(own)) images.push({ platform: own, digest: stored.digest, manifest, config });
      return manifest;
    }
    const nested = manifest.others.filter(({ mediaType }) => !isIndexMediaType(mediaType) || depth < deepestIndex);
    available.push(...manifest.images.map((image) => normalisePlatform(image.platform)));
    if (available.length + nested.length > mostImages) {
      throw new UserError('BAN-E306', `the index of ${name} lists more than ${mostImages} images`);
    }
    for (const child of [...manifest.images.filter((image) => isWanted(image.platform)), ...nested]) {
      const { registry, repository } = reference;
      const read = await reader.manifest({ registry, repository, digest: child.digest }, signal);
      await visit({ ...read, mediaType: child.mediaType || read.mediaType }, child.platform, depth + 1);
    }
    return manifest;
  };
  const { kind, mediaType } = await visit(root, undefined, 0);
  return { images, available, isIndex: kind === 'index', mediaType };
}

const configTypes = new Set<string>([mediaTypes.ociConfig, mediaTypes.dockerConfig]);

/** Configurations are a few kB; a registry need not take manifests over 4 MiB, so neither does this. */
const largestConfig = 4 * 1024 * 1024;

async function readSmallBlob(
  reader: ImageReader,
  reference: Reference,
  { digest, size }: Descriptor,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const what = `configuration ${digest} of ${formatReference(reference)}`;
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of await reader.blob(reference, digest, signal)) {
    length += chunk.length;
    if (length > Math.min(size, largestConfig)) {
      throw new UserError(
        'BAN-E306',
        `the ${what} is damaged: it is larger than ${Math.min(size, largestConfig)} bytes`,
        { hint: 'push the image again' },
      );
    }
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks);
  verifyDigest(bytes, digest, what);
  return bytes;
}

async function* openLayer(reader: ImageReader, reference: Reference, layer: Descriptor, signal: AbortSignal) {
  const what = `layer ${layer.digest} of ${formatReference(reference)}`;
  const bytes = await reader.blob(reference, layer.digest, signal);
  yield* readLayer(verifyWhileReading(bytes, layer.digest, what), what);
}

async function inspectPlatform(
  image: FoundImage,
  pool: LayerPool,
  options: InspectOptions,
): Promise<InspectedPlatform> {
  const { platform, digest, config, manifest } = image;
  const layers = manifest.layers.map((layer) => layer.digest);
  const program = await findProgram(config, layers, pool);
  options.report?.({
    type: 'trace',
    text: `${formatPlatform(platform)} starts ${program.via.join(' → ') || 'nothing'}`,
  });
  const size = measureImage(manifest, config, options.ownHistoryEntries);
  return { platform, digest, config, size, program, ...judge(platform, config, program) };
}

function judge(platform: Platform, config: ImageConfig, program: Program): { verdict: ElfVerdict; reason: string } {
  const said = config.platform;
  if (said.os !== platform.os || normalisePlatform(said).architecture !== platform.architecture) {
    return { verdict: 'wrong', reason: `its configuration says ${formatPlatform(said)}` };
  }
  const parts = program.programs.map(({ path, elf }) => ({
    verdict: elfFits(elf, platform),
    reason: `${path} is ${explainElf(elf, platform)}`,
  }));
  const wrong = parts.find(({ verdict }) => verdict === 'wrong');
  if (wrong !== undefined) return wrong;
  if (program.problem !== undefined) return { verdict: 'unknown', reason: program.problem };
  const unknown = parts.find(({ verdict }) => verdict === 'unknown');
  if (unknown !== undefined) return unknown;
  const last = parts.at(-1);
  return last ?? { verdict: 'unknown', reason: 'no program was found' };
}

/** Waits for all, so that nothing reads on after the caller has gone, then throws the first failure. */
async function allOrFirstFailure<Value>(promises: readonly Promise<Value>[]): Promise<Value[]> {
  const settled = await Promise.allSettled(promises);
  return settled.map((each) => {
    if (each.status === 'rejected') throw each.reason;
    return each.value;
  });
}
