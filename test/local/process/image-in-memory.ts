import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { type Header, pack } from 'tar-stream';
import { UserError } from '../../../cli/errors.ts';
import { formatReference } from '../../../cli/oci/reference.ts';
import type { ImageReader } from '../../../cli/registry/registry.ts';

/** An entry of a layer; a text is the content of a file. */
export type LayerItem = Partial<Header> & { readonly name: string; readonly content?: string | Uint8Array };

/** What an image is made of: layers of entries, the lowest first, and a configuration. */
export interface ImageParts {
  readonly layers: readonly (readonly LayerItem[])[];
  readonly entrypoint: readonly string[];
  readonly environment?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly workingDirectory?: string;
  /** `created_by` of each layer. */
  readonly history?: readonly string[];
  /** Default: linux and this machine's architecture. */
  readonly platform?: { readonly os: string; readonly architecture: string; readonly variant?: string };
}

/** This machine's architecture in Go's words. */
export const ownArchitecture = process.arch === 'x64' ? 'amd64' : process.arch;

/** The label of bantam's runtimes. */
export const bantamLabel = { 'bantam.runtime': '1' };

/** A registry in memory: images by `name:tag`, in an index each. What was asked for is counted, and reading can be made to fail. */
export class RegistryInMemory implements ImageReader {
  readonly asked: string[] = [];
  /** Called for each blob before it is opened; what it throws is the registry's answer. */
  beforeBlob: (digest: string) => void | Promise<void> = () => undefined;
  /** What becomes of a blob's bytes. */
  spoil: (digest: string, bytes: Buffer) => Buffer = (_digest, bytes) => bytes;
  readonly #blobs = new Map<string, Buffer>();
  readonly #tags = new Map<string, { readonly digest: string; readonly mediaType: string }>();

  /** Adds an image as `registry.lan/NAME`; returns its reference by digest, and its digests. */
  async add(
    name: string,
    parts: ImageParts,
  ): Promise<{ image: string; index: string; manifest: string; layers: readonly string[] }> {
    const layers = await Promise.all(parts.layers.map(async (items) => this.#keep(await packLayer(items))));
    const platform = parts.platform ?? { os: 'linux', architecture: ownArchitecture };
    const config = this.#keepJson({
      ...platform,
      config: {
        Entrypoint: parts.entrypoint,
        Env: parts.environment ?? [],
        Labels: parts.labels ?? {},
        WorkingDir: parts.workingDirectory ?? '',
      },
      rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
      history: (parts.history ?? []).map((created_by) => ({ created_by })),
    });
    const manifest = this.#keepJson({
      schemaVersion: 2,
      mediaType: manifestType,
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config },
      layers: layers.map((layer) => ({ mediaType: 'application/vnd.oci.image.layer.v1.tar', ...layer })),
    });
    const index = this.#keepJson({
      schemaVersion: 2,
      mediaType: indexType,
      manifests: [{ mediaType: manifestType, ...manifest, platform }],
    });
    this.#tags.set(`registry.lan/${name}`, { digest: index.digest, mediaType: indexType });
    return {
      image: `registry.lan/${name}@${index.digest}`,
      index: index.digest,
      manifest: manifest.digest,
      layers: layers.map(({ digest }) => digest),
    };
  }

  async manifest(reference: Parameters<ImageReader['manifest']>[0]) {
    const { digest: wanted, ...named } = reference;
    const digest = wanted ?? this.#tags.get(formatReference(named))?.digest ?? '';
    this.asked.push(`manifest ${digest}`);
    const bytes = this.#blobs.get(digest);
    if (bytes === undefined)
      throw new UserError('BAN-E303', `there is no image ${formatReference(reference)} in the registry`);
    const mediaType = bytes.includes('"manifests"') ? indexType : manifestType;
    return { digest, mediaType, bytes: new Uint8Array(bytes) };
  }

  async blob(_reference: unknown, digest: string) {
    this.asked.push(`blob ${digest}`);
    await this.beforeBlob(digest);
    const bytes = this.#blobs.get(digest);
    assert.ok(bytes !== undefined, `no blob ${digest}`);
    return ReadableStream.from(inChunks(this.spoil(digest, bytes)));
  }

  #keepJson(value: unknown): { digest: string; size: number } {
    return this.#keep(Buffer.from(JSON.stringify(value)));
  }

  #keep(bytes: Buffer): { digest: string; size: number } {
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    this.#blobs.set(digest, bytes);
    return { digest, size: bytes.length };
  }
}

const manifestType = 'application/vnd.oci.image.manifest.v1+json';
const indexType = 'application/vnd.oci.image.index.v1+json';

function* inChunks(bytes: Buffer): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65_536) yield new Uint8Array(bytes.subarray(at, at + 65_536));
}

/** Packs a layer exactly as it is told, names that no builder would write included. */
export async function packLayer(items: readonly LayerItem[]): Promise<Buffer> {
  const tar = pack();
  for (const { content, ...header } of items) {
    const whole = { mode: header.type === 'directory' ? 0o755 : 0o644, mtime: new Date(0), ...header };
    if (content === undefined) tar.entry(whole);
    else tar.entry(whole, typeof content === 'string' ? content : Buffer.from(content));
  }
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) {
    assert.ok(chunk instanceof Uint8Array);
    chunks.push(Buffer.from(chunk));
  }
  return Buffer.concat(chunks);
}
