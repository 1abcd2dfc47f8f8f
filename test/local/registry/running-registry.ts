import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Event } from '../../../cli/events.ts';
import {
  type EmbeddedRegistry,
  type EmbeddedRegistryOptions,
  openEmbeddedRegistry,
} from '../../../cli/local/registry/server.ts';
import { mediaTypes } from '../../../cli/oci/media-types.ts';

/** An embedded registry behind a real server on loopback. */
export interface RunningRegistry extends AsyncDisposable {
  readonly host: string;
  readonly folder: string;
  readonly events: readonly Event[];
  readonly registry: EmbeddedRegistry;
  /** Closes it and opens another one on the same folder, as a restart of the gateway does. */
  restart(): Promise<void>;
  /** One request below `/v2/`. */
  ask(method: string, path: string, body?: Uint8Array | string, headers?: Record<string, string>): Promise<Answered>;
}

/** An answer, read to its end. */
export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;
  /** Codes of the errors in its body. */
  readonly codes: readonly string[];
  readonly text: string;
}

/** Starts a registry in a folder of its own, or in `folder`, which then stays. */
export async function startRegistry(
  options: Partial<EmbeddedRegistryOptions> & { readonly folder?: string } = {},
): Promise<RunningRegistry> {
  const own = options.folder === undefined ? await mkdtemp(join(tmpdir(), 'bantam-registry-')) : undefined;
  const folder = options.folder ?? join(own ?? '', 'registry');
  const events: Event[] = [];
  const open = () =>
    openEmbeddedRegistry({ mayWrite: () => true, report: (event) => void events.push(event), ...options, folder });
  let registry = await open();
  const server = createServer({ requestTimeout: 0, keepAliveTimeout: 60_000 }, (incoming, outgoing) =>
    registry.handler(incoming, outgoing),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    host,
    folder,
    events,
    get registry() {
      return registry;
    },
    async restart() {
      await registry.close();
      registry = await open();
    },
    ask: (method, path, body, headers) => ask(host, method, path, body, headers),
    async [Symbol.asyncDispose]() {
      await registry.close();
      server.close();
      server.closeAllConnections();
      if (own !== undefined) await rm(own, { recursive: true, force: true });
    },
  };
}

/** One request to a registry; `path` is below `/v2/`, or whole. */
export async function ask(
  host: string,
  method: string,
  path: string,
  body?: Uint8Array | string,
  headers: Record<string, string> = {},
): Promise<Answered> {
  const answer = await fetch(`http://${host}${path.startsWith('/v2') ? path : `/v2/${path}`}`, {
    method,
    headers,
    signal: AbortSignal.timeout(30_000),
    ...(body === undefined ? {} : { body }),
  });
  const bytes = Buffer.from(await answer.arrayBuffer());
  const text = bytes.toString('utf8');
  const errors = /^\{"errors":\[/.test(text) ? (JSON.parse(text) as { errors: { code: string }[] }).errors : [];
  return { status: answer.status, headers: answer.headers, bytes, text, codes: errors.map(({ code }) => code) };
}

export function digestOf(bytes: Uint8Array | string, algorithm = 'sha256'): string {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
}

/** Pushes a blob in one POST. */
export async function pushBlob(host: string, repository: string, bytes: Uint8Array | string): Promise<Answered> {
  return ask(host, 'POST', `${repository}/blobs/uploads/?digest=${digestOf(bytes)}`, bytes);
}

/** An image manifest of blobs that exist; the first is the configuration. */
export function manifestOf(
  blobs: readonly (Uint8Array | string)[],
  more: Readonly<Record<string, unknown>> = {},
): string {
  const [config, ...layers] = blobs.map((bytes, index) => ({
    mediaType: index === 0 ? mediaTypes.ociConfig : mediaTypes.ociLayerGzip,
    digest: digestOf(bytes),
    size: Buffer.byteLength(bytes),
  }));
  return JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers, ...more });
}

/** Pushes a manifest under a tag or its digest. */
export async function pushManifest(
  host: string,
  repository: string,
  reference: string,
  manifest: string,
  mediaType: string = mediaTypes.ociManifest,
): Promise<Answered> {
  return ask(host, 'PUT', `${repository}/manifests/${reference}`, manifest, { 'content-type': mediaType });
}

/** Pushes blobs and the image of them. Returns the manifest. */
export async function pushImage(
  host: string,
  repository: string,
  tag: string,
  blobs: readonly (Uint8Array | string)[],
): Promise<string> {
  for (const blob of blobs) await pushBlob(host, repository, blob);
  const manifest = manifestOf(blobs);
  const answer = await pushManifest(host, repository, tag, manifest);
  if (answer.status !== 201) throw new Error(`${answer.status} ${answer.text}`);
  return manifest;
}
