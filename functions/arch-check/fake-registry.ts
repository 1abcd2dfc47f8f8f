import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';

/** A registry for tests, on a free port of loopback. `put` stores a blob or a manifest and returns its digest. */
export class FakeRegistry {
  readonly asked: string[] = [];
  /** Answers instead of the registry when it returns true. */
  intercept: (request: IncomingMessage, response: ServerResponse) => boolean = () => false;
  readonly #content = new Map<string, Uint8Array>();
  readonly #server = createServer((request, response) => this.#answer(request, response));
  host = '';

  async start(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    if (typeof address !== 'object' || address === null) throw new Error('no port');
    this.host = `127.0.0.1:${address.port}`;
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  put(content: Uint8Array | object, tag?: string): { digest: string; size: number } {
    const bytes = content instanceof Uint8Array ? content : Buffer.from(JSON.stringify(content));
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    this.#content.set(digest, bytes);
    if (tag !== undefined) this.#content.set(tag, bytes);
    return { digest, size: bytes.length };
  }

  /** An image with one layer of these files; returns its entry for an index. */
  async putImage(config: object, files: readonly TarFile[] = []): Promise<{ digest: string; size: number }> {
    const layer = this.put(await makeLayer(files));
    return this.put({
      schemaVersion: 2,
      config: this.put(config),
      layers: [{ ...layer, mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip' }],
    });
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? '';
    this.asked.push(path);
    if (this.intercept(request, response)) return;
    const name = /^\/v2\/test\/(?:manifests|blobs)\/([^?]+)$/.exec(path)?.[1];
    const content = this.#content.get(name ?? '');
    if (content === undefined) response.writeHead(404).end('{"errors":[]}');
    else response.end(content);
  }
}

export interface TarFile {
  readonly name: string;
  readonly content?: Uint8Array | string;
  readonly link?: string;
}

export async function makeLayer(files: readonly TarFile[]): Promise<Uint8Array> {
  const tar = pack();
  for (const { name, content = '', link } of files) {
    if (link === undefined) tar.entry({ name }, typeof content === 'string' ? content : Buffer.from(content));
    else tar.entry({ name, type: 'symlink', linkname: link });
  }
  tar.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of tar) if (chunk instanceof Uint8Array) chunks.push(chunk);
  return gzipSync(Buffer.concat(chunks));
}

/** The first bytes of a program, little-endian. */
export function makeElf(bits: 32 | 64, machine: number): Uint8Array {
  const head = Buffer.alloc(64);
  head.write('\x7fELF', 'latin1');
  head.writeUInt8(bits / 32, 4);
  head.writeUInt8(1, 5);
  head.writeUInt16LE(machine, 18);
  return head;
}
