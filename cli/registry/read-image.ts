import { UserError } from '../errors.ts';
import { decodeConfig, type Overrides, startedWith } from '../oci/config.ts';
import { entryChosen } from '../oci/containerd.ts';
import { verifyDigest, verifyWhileReading } from '../oci/digest.ts';
import { findProgram } from '../oci/entrypoint.ts';
import type { LayerReader } from '../oci/file-tree.ts';
import { defaultLayerLimits, type LayerLimits, readLayer } from '../oci/layer.ts';
import { createFindingCache, type FindingCache, type LayerPool, openLayerPool } from '../oci/layer-pool.ts';
import type { Descriptor, ImageManifest, IndexEntry } from '../oci/manifest.ts';
import { explainUnreadableLayer, isIndexMediaType, isLayerMediaType, mediaTypes } from '../oci/media-types.ts';
import type { Node } from '../oci/node.ts';
import { type Platform, samePlatform } from '../oci/platform.ts';
import type { EntryContent, ImageEntry, ReadImage } from '../oci/read-image.ts';
import { formatReference, type Reference } from '../oci/reference.ts';
import type { ImageMemory } from './image-memory.ts';
import { type ChildNode, type ManifestNode, readTree, settleAll } from './image-tree.ts';
import type { ImageReader } from './registry.ts';

/** What {@link readImage} may be told. */
export interface ReadOptions {
  /** Which platforms to look into; all if not given. An entry that names none is always looked into. */
  readonly platforms?: readonly Platform[] | undefined;
  /** In place of platforms: only what these nodes would take is looked into. */
  readonly nodes?: readonly Node[] | undefined;
  /** What is known of layers from earlier calls of this process; filled further. */
  readonly cache?: FindingCache | undefined;
  /** What is known from earlier runs; the caller saves it. */
  readonly memory?: ImageMemory | undefined;
  /** Platforms that cannot be read are `unread` in the result in place of ending it. */
  readonly keepFailures?: boolean | undefined;
  /** How a deployment changes what starts. */
  readonly overrides?: Overrides | undefined;
  readonly signal?: AbortSignal | undefined;
  /** The manifests, if they have been read already: all that matter. */
  readonly tree?: ManifestNode | undefined;
}

/** An image as it was read, and the manifest behind each of its entries. */
export interface ImageOnRegistry {
  readonly tree: ManifestNode;
  readonly image: ReadImage;
  readonly manifests: ReadonlyMap<ImageEntry, ImageManifest>;
}

/**
 * Reads an image's index, configurations and as much of its layers as it takes to find the program that starts. Layers that platforms share are
 * read once. Throws what the reader throws, and BAN-E306 for damaged parts; with `keepFailures` only for the index itself.
 */
export async function readImage(
  reader: ImageReader,
  reference: Reference,
  options: ReadOptions = {},
): Promise<ImageOnRegistry> {
  const { signal, memory } = options;
  const choose = (entries: readonly IndexEntry[]) => chooseEntries(entries, options);
  const tree =
    options.tree ?? (await readTree(reader, reference, { signal, memory, keepFailures: options.keepFailures, choose }));
  const layers = layersOf(tree);
  const digests = layers.map(({ digest }) => digest);
  const known = options.cache ?? (await memory?.findings(reference.registry, digests)) ?? createFindingCache();
  const open = (layer: Descriptor, layerSignal: AbortSignal) => openLayer(reader, reference, layer, layerSignal);
  const pool = openLayerPool({ open }, layers, { cache: known, signal });
  const shared = sharing(pool, reference.registry, memory);
  const manifests = new Map<ImageEntry, ImageManifest>();

  const readEntry = async (child: ChildNode, chosen: boolean): Promise<ImageEntry> => {
    const { descriptor, node } = child;
    const entry: ImageEntry = {
      digest: descriptor.digest,
      platform: descriptor.platform,
      ...(descriptor.osFeatures === undefined ? {} : { osFeatures: descriptor.osFeatures }),
      content: await contentOf(child, chosen).catch((thrown: unknown): EntryContent => {
        if (options.keepFailures !== true || !(thrown instanceof UserError)) throw thrown;
        return { kind: 'unread', reason: thrown.message };
      }),
    };
    if (node?.manifest.kind === 'image' && entry.content.kind === 'image') manifests.set(entry, node.manifest);
    return entry;
  };

  const readEntries = async (children: readonly ChildNode[], chosen: boolean): Promise<ImageEntry[]> => {
    const wanted = choose(children);
    return await settleAll(children.map((child) => readEntry(child, chosen && wanted.has(child.descriptor))));
  };

  const contentOf = async (
    { descriptor, attestation, node, failure }: ChildNode,
    chosen: boolean,
  ): Promise<EntryContent> => {
    if (attestation) return { kind: 'no image', what: 'attestation' };
    if (failure !== undefined) return { kind: 'unread', reason: failure.message };
    if (node?.manifest.kind === 'index') return { kind: 'index', entries: await readEntries(node.children, chosen) };
    if (node?.manifest.kind !== 'image' || !chosen) return { kind: 'unread', reason: 'nobody asked for it' };
    return await readContent(node.manifest, descriptor, { reader, reference, layers: shared, options });
  };

  try {
    const root: ChildNode = { descriptor: rootDescriptor(tree), attestation: false, node: tree };
    const isIndex = tree.manifest.kind === 'index';
    const entries = isIndex ? await readEntries(tree.children, true) : [await readEntry(root, true)];
    return { tree, image: { isIndex, entries }, manifests };
  } finally {
    await pool.close();
  }
}

/** Which entries of an index are to be looked into: what the nodes would take, or what may be of the platforms. */
function chooseEntries(
  entries: readonly IndexEntry[],
  { nodes, platforms }: Pick<ReadOptions, 'nodes' | 'platforms'>,
): ReadonlySet<Descriptor> {
  const images = entries.flatMap(({ descriptor, attestation }) => (attestation ? [] : [descriptor]));
  if (nodes === undefined) {
    const isWanted = (platform: Platform | undefined) =>
      platform === undefined || platforms?.some((each) => samePlatform(each, platform)) !== false;
    return new Set(images.filter(({ platform, mediaType }) => isIndexMediaType(mediaType) || isWanted(platform)));
  }
  const all = entries.map(({ descriptor }) => descriptor);
  const taken = nodes.flatMap((node) => node.oneOf ?? [node]).flatMap((node) => entryChosen(all, node) ?? []);
  return new Set(taken.filter((each) => images.includes(each)));
}

/** Fifty images on one base that are read at the same time read the base once: whoever comes second waits and finds it known. */
function sharing(pool: LayerPool, registry: string, memory: ImageMemory | undefined): LayerReader {
  if (memory === undefined) return pool;
  return {
    find: (digest, components) =>
      memory.once(`${registry} ${digest} /${components.join('/')}`, () => pool.find(digest, components)),
  };
}

function rootDescriptor({ stored }: ManifestNode): Descriptor {
  return { mediaType: stored.mediaType, digest: stored.digest, size: stored.bytes.length, annotations: {} };
}

interface Reading {
  readonly reader: ImageReader;
  readonly reference: Reference;
  readonly layers: LayerReader;
  readonly options: ReadOptions;
}

async function readContent(manifest: ImageManifest, descriptor: Descriptor, reading: Reading): Promise<EntryContent> {
  // Without a platform it may be any artifact that was pushed as a manifest; only images count.
  if (descriptor.platform === undefined && !configTypes.has(manifest.config.mediaType))
    return { kind: 'no image', what: manifest.config.mediaType || 'a manifest of unknown type' };
  const config = decodeConfig(
    await readConfig(manifest.config, reading),
    `configuration of ${formatReference(reading.reference)}`,
  );
  const unreadable = manifest.layers.map(({ mediaType }) => explainUnreadableLayer(mediaType)).find(Boolean);
  if (unreadable !== undefined) return { kind: 'unread', reason: unreadable };
  const layers = manifest.layers.filter(({ mediaType }) => isLayerMediaType(mediaType)).map(({ digest }) => digest);
  const program = await findProgram(startedWith(config, reading.options.overrides ?? {}), layers, reading.layers);
  return { kind: 'image', config, layerCount: layers.length, program };
}

const configTypes = new Set<string>([mediaTypes.ociConfig, mediaTypes.dockerConfig]);

/** Configurations are a few kB; a registry need not take manifests over 4 MiB, so neither does this. */
const largestConfig = 4 * 1024 * 1024;

/** Reads a configuration, from the memory where it is known. Throws what the reader throws, and BAN-E306 for a damaged one. */
export async function readConfig(
  { digest, size, mediaType }: Descriptor,
  { reader, reference, options }: Pick<Reading, 'reader' | 'reference' | 'options'>,
): Promise<Uint8Array> {
  const kept = await options.memory?.document(digest);
  if (kept !== undefined) return kept.bytes;
  const what = `configuration ${digest} of ${formatReference(reference)}`;
  const chunks: Uint8Array[] = [];
  const bytes = await reader.blob(reference, digest, options.signal);
  for await (const chunk of boundTo(bytes, Math.min(size, largestConfig), what)) chunks.push(chunk);
  const config = new Uint8Array(Buffer.concat(chunks));
  verifyDigest(config, digest, what);
  await options.memory?.keepDocument({ digest, mediaType, bytes: config });
  return config;
}

/** A layer may unpack to this much whatever its size, and beyond to two hundred times its size: gzip reaches a thousandfold with zeros only. */
const harmless = 512 * 1024 * 1024;
const highestRatio = 200;

async function* openLayer(reader: ImageReader, reference: Reference, layer: Descriptor, signal: AbortSignal) {
  const { bytes, what, limits } = await openLayerBytes(reader, reference, layer, signal);
  yield* readLayer(bytes, what, limits);
}

/** The bytes of a layer as they are stored, checked against size and digest while they are read; `limits` to what it may unpack, `what` names it. */
export async function openLayerBytes(
  reader: Pick<ImageReader, 'blob'>,
  reference: Reference,
  layer: Descriptor,
  signal?: AbortSignal,
): Promise<{ bytes: AsyncIterable<Uint8Array>; what: string; limits: LayerLimits }> {
  const what = `layer ${layer.digest} of ${formatReference(reference)}`;
  const bytes = boundTo(await reader.blob(reference, layer.digest, signal), layer.size, what);
  const limit = Math.min(defaultLayerLimits.bytes, Math.max(harmless, layer.size * highestRatio));
  return {
    bytes: verifyWhileReading(bytes, layer.digest, what),
    what,
    limits: { ...defaultLayerLimits, bytes: limit },
  };
}

/** Ends with BAN-E306 when more bytes come than the manifest names. */
async function* boundTo(
  bytes: AsyncIterable<Uint8Array>,
  size: number,
  what: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  let received = 0;
  for await (const chunk of bytes) {
    received += chunk.length;
    if (received > size) {
      throw new UserError('BAN-E306', `the ${what} is damaged: it is larger than ${size} bytes`, {
        hint: 'push the image again; if it happens again, check any proxy in front of the registry',
      });
    }
    yield chunk;
  }
}

function layersOf({ manifest, children }: ManifestNode): Descriptor[] {
  const below = children.flatMap(({ node }) => (node === undefined ? [] : layersOf(node)));
  return manifest.kind === 'image' ? [...manifest.layers] : below;
}
