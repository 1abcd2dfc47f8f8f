import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { sha256Digest } from '../../cli/oci/digest.ts';
import { mediaTypes } from '../../cli/oci/media-types.ts';
import { formatPlatform, type Platform } from '../../cli/oci/platform.ts';
import type { ImageReader } from '../../cli/registry/registry.ts';
import { listen } from './scripted-server.ts';

/** One platform's image to be made. Layers lowest first. */
export interface TestImage {
  readonly platform: Platform;
  /** What the configuration says, if it lies. */
  readonly configPlatform?: Platform;
  readonly config: Readonly<Record<string, unknown>>;
  readonly layers: readonly Uint8Array[];
}

/** Blobs and manifests by digest, as a registry or a layout keeps them. */
export interface Store {
  readonly blobs: Map<string, { readonly mediaType: string; readonly bytes: Uint8Array }>;
}

/** Puts a document or a blob into the store and returns its descriptor. */
export function keep(
  store: Store,
  mediaType: string,
  bytes: Uint8Array,
): { mediaType: string; digest: string; size: number } {
  const digest = sha256Digest(bytes);
  store.blobs.set(digest, { mediaType, bytes });
  return { mediaType, digest, size: bytes.length };
}

/** Makes one image; returns the descriptor of its manifest. */
export function keepImage(store: Store, { platform, configPlatform = platform, config, layers }: TestImage) {
  const history = layers.map((_, index) => ({ created_by: `step ${index}` }));
  const rootfs = { type: 'layers', diff_ids: layers.map((layer) => sha256Digest(layer)) };
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: keep(
      store,
      mediaTypes.ociConfig,
      Buffer.from(JSON.stringify({ ...configPlatform, config, history, rootfs })),
    ),
    layers: layers.map((layer) => keep(store, mediaTypes.ociLayerGzip, layer)),
  };
  return keep(store, mediaTypes.ociManifest, Buffer.from(JSON.stringify(manifest)));
}

/** Makes an index of images, with an attestation as buildx adds one; returns its descriptor. */
export function keepIndex(store: Store, images: readonly TestImage[]) {
  const statement = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: keep(store, mediaTypes.ociConfig, Buffer.from('{}')),
    layers: [],
  };
  const attestation = {
    ...keep(store, mediaTypes.ociManifest, Buffer.from(JSON.stringify(statement))),
    platform: { os: 'unknown', architecture: 'unknown' },
  };
  const manifests = [...images.map((image) => ({ ...keepImage(store, image), platform: image.platform })), attestation];
  return keep(
    store,
    mediaTypes.ociIndex,
    Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests })),
  );
}

/** A registry that serves a store read-only under any repository and counts; it answers 500 to what no client of images asks. A tag is kept in the store like a digest. */
export async function serveStore(store: Store) {
  const asked: string[] = [];
  let sentBytes = 0;
  let openBodies = 0;
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    const match = /^\/v2\/[\w/-]+\/(manifests|blobs)\/(.+)$/.exec(request.url ?? '');
    const found = store.blobs.get(match?.[2] ?? '');
    if (match === null || (request.method !== 'GET' && request.method !== 'HEAD')) response.writeHead(500).end();
    else if (found === undefined) response.writeHead(404, { 'content-type': 'application/json' }).end('{}');
    else {
      response.writeHead(200, {
        'content-type': match[1] === 'manifests' ? found.mediaType : 'application/octet-stream',
        'content-length': found.bytes.length,
        ...(match[1] === 'manifests' ? { 'docker-content-digest': sha256Digest(found.bytes) } : {}),
      });
      if (request.method === 'HEAD') {
        response.end();
        return;
      }
      openBodies += 1;
      const closed = once(response, 'close').finally(() => {
        openBodies -= 1;
      });
      void (async () => {
        for (let offset = 0; offset < found.bytes.length && !response.destroyed; offset += 16_384) {
          const piece = found.bytes.subarray(offset, offset + 16_384);
          sentBytes += piece.length;
          if (!response.write(piece)) await Promise.race([once(response, 'drain'), closed]);
        }
        response.end();
      })();
    }
  });
  await listen(server);
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  return {
    host: `127.0.0.1:${address.port}`,
    asked,
    sentBytes: () => sentBytes,
    openBodies: () => openBodies,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Counts the bytes of blobs that are really taken from a reader. */
export function countBytes(reader: ImageReader): ImageReader & { taken(): number } {
  let taken = 0;
  return {
    manifest: (reference, signal) => reader.manifest(reference, signal),
    blob: async (reference, digest, signal) => {
      const stream = await reader.blob(reference, digest, signal);
      const count = async function* () {
        for await (const chunk of stream) {
          taken += chunk.length;
          yield chunk;
        }
      };
      return ReadableStream.from(count());
    },
    taken: () => taken,
  };
}

/** Writes a store as an OCI image layout whose index.json names `root` by a tag. */
export async function writeLayout(
  folder: string,
  store: Store,
  root: { mediaType: string; digest: string; size: number },
  tag = 'latest',
) {
  await mkdir(join(folder, 'blobs', 'sha256'), { recursive: true });
  for (const [digest, { bytes }] of store.blobs) await writeFile(join(folder, 'blobs', ...digest.split(':')), bytes);
  await writeFile(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  const annotations = { 'org.opencontainers.image.ref.name': tag };
  await writeFile(
    join(folder, 'index.json'),
    JSON.stringify({ schemaVersion: 2, manifests: [{ ...root, annotations }] }),
  );
}

/** For messages of tests. */
export const names = (platforms: readonly Platform[]) => platforms.map(formatPlatform);
