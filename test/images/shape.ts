import { UserError } from '../../cli/errors.ts';
import { sha256Digest } from '../../cli/oci/digest.ts';
import { mediaTypes } from '../../cli/oci/media-types.ts';
import { nodeKinds } from '../../cli/oci/node.ts';
import type { ReadImage } from '../../cli/oci/read-image.ts';
import { readImage } from '../../cli/registry/read-image.ts';
import type { ImageReader } from '../../cli/registry/registry.ts';
import { packLayer, type TestEntry } from '../oci/image-parts.ts';
import { keep, type Store } from '../registry/stored-image.ts';

/** One layer: what it holds, and how it is packed. Its media type is what is in it unless it says otherwise. */
export interface LayerPlan {
  readonly files: readonly TestEntry[];
  readonly packing?: 'gzip' | 'zstd' | 'none';
  readonly mediaType?: string;
  /** Named by the manifest, but nowhere to be had: foreign layers of other systems. */
  readonly absent?: true;
}

/** One manifest. `says`: its configuration's platform (none: it does not say); layers lowest first. */
export interface ManifestPlan {
  readonly says?: Readonly<Record<string, string>>;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly layers: readonly LayerPlan[];
  /** Media type of the configuration, for what is no image. */
  readonly configType?: string;
  /** How many layers the configuration lists, if not as many as there are. */
  readonly listed?: number;
}

/** An entry of an index: the platform it names, if any, and what it is. */
export interface EntryPlan {
  readonly named?: Readonly<Record<string, unknown>>;
  readonly holds: ManifestPlan | IndexPlan;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** An index. */
export interface IndexPlan {
  readonly entries: readonly EntryPlan[];
}

/** A made-up image and what is true of it. */
export interface Shape {
  readonly name: string;
  readonly image: IndexPlan | ManifestPlan;
  /** One sign for each kind of node in the order of `nodeKinds`: `+` runs, `-` does not, `?` nobody can tell by reading. */
  readonly truth: string;
}

/** The answer behind a sign. */
export const answers = { '+': 'runs', '-': 'does not', '?': 'unknown' } as const;

/** What a shape's table row says of each kind of node. */
export function truthOf({ name, truth }: Shape): readonly ('+' | '-' | '?')[] {
  const signs = [...truth].filter((sign) => sign === '+' || sign === '-' || sign === '?');
  if (signs.length !== nodeKinds.length || truth.length !== nodeKinds.length) throw new Error(`${name}: ${truth}`);
  return signs;
}

/** A shape's image as bantam reads it, and what was put into each manifest, by its digest. */
export interface MadeShape {
  readonly image: ReadImage;
  readonly manifests: ReadonlyMap<string, ManifestPlan>;
}

/** Makes a shape's image and reads it as bantam reads images in a registry. */
export async function makeShape({ image }: Pick<Shape, 'image'>): Promise<MadeShape> {
  const store: Store = { blobs: new Map() };
  const manifests = new Map<string, ManifestPlan>();

  const keepIndex = async ({ entries }: IndexPlan): Promise<ReturnType<typeof keep>> => {
    const listed: unknown[] = [];
    for (const { named, holds, annotations } of entries) {
      const stored = 'entries' in holds ? await keepIndex(holds) : await keepManifest(holds);
      listed.push({ ...stored, ...(named === undefined ? {} : { platform: named }), annotations });
    }
    return keepJson(store, mediaTypes.ociIndex, {
      mediaType: mediaTypes.ociIndex,
      schemaVersion: 2,
      manifests: listed,
    });
  };

  const keepManifest = async (plan: ManifestPlan): Promise<ReturnType<typeof keep>> => {
    const layers = [];
    for (const { files, packing = 'gzip', mediaType, absent } of plan.layers) {
      const type = mediaType ?? `application/vnd.oci.image.layer.v1.tar${packing === 'none' ? '' : `+${packing}`}`;
      const stored = keep(store, type, await packLayer(files, packing));
      if (absent === true) store.blobs.delete(stored.digest);
      layers.push(stored);
    }
    const listed = Array.from({ length: plan.listed ?? layers.length }, (_, index) => sha256Digest(Buffer.of(index)));
    const config = keepJson(store, plan.configType ?? mediaTypes.ociConfig, {
      ...plan.says,
      config: plan.config ?? {},
      rootfs: { type: 'layers', diff_ids: listed },
    });
    const type = mediaTypes.ociManifest;
    const stored = keepJson(store, type, { schemaVersion: 2, mediaType: type, config, layers });
    manifests.set(stored.digest, plan);
    return stored;
  };

  const root = 'entries' in image ? await keepIndex(image) : await keepManifest(image);
  const reference = { registry: 'registry.test', repository: 'shape', digest: root.digest };
  return { image: (await readImage(memoryReader(store), reference, { keepFailures: true })).image, manifests };
}

function keepJson(store: Store, mediaType: string, document: unknown): ReturnType<typeof keep> {
  return keep(store, mediaType, Buffer.from(JSON.stringify(document)));
}

function memoryReader({ blobs }: Store): ImageReader {
  const find = (digest = '') => {
    const found = blobs.get(digest);
    if (found === undefined) throw new UserError('BAN-E303', `registry.test has no ${digest}`);
    return found;
  };
  return {
    manifest: async ({ digest }) => ({ digest: digest ?? '', ...find(digest) }),
    blob: async (_, digest) => ReadableStream.from([find(digest).bytes]),
  };
}
