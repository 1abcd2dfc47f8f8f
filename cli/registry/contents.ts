import { type Descriptor, decodeManifest } from '../oci/manifest.ts';
import type { Reference } from '../oci/reference.ts';
import type { ImageReader, StoredManifest } from './registry.ts';

/** Everything an image consists of. `manifests` in the order in which a registry takes them: what an index names before the index. */
export interface ImageContents {
  readonly manifests: readonly StoredManifest[];
  /** Configurations and layers, each once. */
  readonly blobs: readonly Descriptor[];
}

/** Lists what an image (index or single manifest) consists of. Throws what the reader throws, and BAN-E306 for damaged manifests. */
export async function listContents(
  reader: ImageReader,
  reference: Reference,
  signal?: AbortSignal,
): Promise<ImageContents> {
  const root = await reader.manifest(reference, signal);
  const decoded = decodeManifest(root.bytes, root.mediaType, `image ${root.digest}`);
  const named = decoded.kind === 'index' ? [...decoded.images, ...decoded.attestations, ...decoded.others] : [];
  const children = await Promise.all(
    named.map(
      async ({ digest, mediaType }): Promise<StoredManifest> => ({
        ...(await reader.manifest({ registry: reference.registry, repository: reference.repository, digest }, signal)),
        mediaType,
      }),
    ),
  );
  const images = [...children, { ...root, mediaType: decoded.mediaType }];
  const blobs = images.flatMap(({ bytes, mediaType, digest }) => {
    const manifest = decodeManifest(bytes, mediaType, `image ${digest}`);
    return manifest.kind === 'image' ? [...manifest.layers, manifest.config] : [];
  });
  return { manifests: images, blobs: [...new Map(blobs.map((blob) => [blob.digest, blob])).values()] };
}
