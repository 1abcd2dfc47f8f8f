import type { Descriptor } from '../oci/manifest.ts';
import type { Reference } from '../oci/reference.ts';
import { type ManifestNode, manifestsOf, readTree } from './image-tree.ts';
import type { ImageReader, StoredManifest } from './registry.ts';

/** Everything an image consists of. `manifests` in the order in which a registry takes them: what an index names before the index. */
export interface ImageContents {
  readonly manifests: readonly StoredManifest[];
  /** Configurations and layers, each once. */
  readonly blobs: readonly Descriptor[];
}

/** Lists what an image (index or single manifest) consists of, attestations included. Throws what the reader throws, and BAN-E306 for damaged manifests. */
export async function listContents(
  reader: ImageReader,
  reference: Reference,
  signal?: AbortSignal,
): Promise<ImageContents> {
  return contentsOf(await readTree(reader, reference, { signal }));
}

/** The same of an image whose manifests have all been read. */
export function contentsOf(root: ManifestNode): ImageContents {
  const blobs = new Map<string, Descriptor>();
  const visit = ({ manifest, children }: ManifestNode): void => {
    for (const { node } of children) if (node !== undefined) visit(node);
    if (manifest.kind === 'image')
      for (const blob of [...manifest.layers, manifest.config]) blobs.set(blob.digest, blob);
  };
  visit(root);
  return { manifests: manifestsOf(root), blobs: [...blobs.values()] };
}
