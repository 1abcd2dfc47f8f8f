import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256Digest } from '../../oci/digest.ts';
import type { Descriptor } from '../../oci/manifest.ts';
import { mediaTypes } from '../../oci/media-types.ts';
import { normalisePlatform, type Platform } from '../../oci/platform.ts';

/** One platform's image: its configuration, and its layers, the lowest first. */
export interface PlatformImage {
  readonly platform: Platform;
  readonly config: Uint8Array;
  readonly layers: readonly Pick<Descriptor, 'mediaType' | 'digest' | 'size'>[];
  readonly annotations: Readonly<Record<string, string>>;
}

/** What an index is made of. `tag`: what the layout calls it. */
export interface WholeImage {
  readonly platforms: readonly PlatformImage[];
  readonly annotations: Readonly<Record<string, string>>;
  readonly tag: string;
}

/**
 * Writes configurations, manifests, the index and index.json into an image layout (image-spec, image-layout.md), as
 * `docker buildx build --output type=oci` does; the layers' own files are the caller's business. Returns the digest of the index.
 */
export async function writeImage(layout: string, { platforms, annotations, tag }: WholeImage): Promise<string> {
  const blobs = join(layout, 'blobs/sha256');
  const keep = async (mediaType: string, bytes: Uint8Array) => {
    const digest = sha256Digest(bytes);
    await writeFile(join(blobs, digest.replace('sha256:', '')), bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const manifests: unknown[] = [];
  for (const { platform, config, layers, annotations: own } of platforms) {
    const manifest = {
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: await keep(mediaTypes.ociConfig, config),
      layers: layers.map(({ mediaType, digest, size }) => ({ mediaType: ociTypeOf(mediaType), digest, size })),
      ...withAnnotations(own),
    };
    const { os, architecture, variant } = normalisePlatform(platform);
    manifests.push({
      ...(await keep(mediaTypes.ociManifest, toBytes(manifest))),
      platform: { architecture, os, ...(variant === undefined ? {} : { variant }) },
    });
  }
  const index = await keep(
    mediaTypes.ociIndex,
    toBytes({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests, ...withAnnotations(annotations) }),
  );
  const named = { 'org.opencontainers.image.ref.name': tag };
  const entries = [{ ...index, annotations: named }];
  await writeFile(
    join(layout, 'index.json'),
    toBytes({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: entries }),
  );
  await writeFile(join(layout, 'oci-layout'), toBytes({ imageLayoutVersion: '1.0.0' }));
  return index.digest;
}

/** Layers of a base with Docker's media types are the same bytes under OCI's names. */
function ociTypeOf(mediaType: string): string {
  return mediaType
    .replace('application/vnd.docker.image.rootfs.diff.tar.gzip', mediaTypes.ociLayerGzip)
    .replace('application/vnd.docker.image.rootfs.diff.tar.zstd', 'application/vnd.oci.image.layer.v1.tar+zstd')
    .replace(/^application\/vnd\.docker\.image\.rootfs\.diff\.tar$/, 'application/vnd.oci.image.layer.v1.tar');
}

function withAnnotations(annotations: Readonly<Record<string, string>>) {
  return Object.keys(annotations).length === 0 ? {} : { annotations };
}

function toBytes(document: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(document));
}
