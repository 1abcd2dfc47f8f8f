import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pack } from 'tar-stream';

/** Platforms the test function is compiled for, as Go names them. */
const goPlatforms = {
  'linux/amd64': { GOARCH: 'amd64' },
  'linux/arm64': { GOARCH: 'arm64' },
  'linux/arm/v7': { GOARCH: 'arm', GOARM: '7' },
  'linux/riscv64': { GOARCH: 'riscv64' },
} as const;

/** One of the platforms test images exist for. */
export type TestPlatform = keyof typeof goPlatforms;

/** What an image of the test function is like. */
export interface ImageWish {
  readonly platforms: readonly TestPlatform[];
  /** Its environment: VERSION, MODE (crash, deaf). */
  readonly environment?: Readonly<Record<string, string>>;
  readonly entrypoint?: readonly string[];
  /** One manifest without an index (for one platform only). */
  readonly bare?: boolean;
}

/** Blobs by digest, and the digest and type of the manifest or index on top. */
export interface TestImage {
  readonly blobs: ReadonlyMap<string, Buffer>;
  readonly manifests: ReadonlyMap<string, string>;
  readonly digest: string;
  readonly mediaType: string;
}

const programs = new Map<TestPlatform, Promise<Buffer>>();

/** Builds an image of the test function by hand: one layer with the program and an empty /tmp. */
export async function buildImage({
  platforms,
  environment = {},
  entrypoint = ['/function'],
  bare = false,
}: ImageWish): Promise<TestImage> {
  const blobs = new Map<string, Buffer>();
  const manifests = new Map<string, string>();
  const add = (content: Buffer | object, mediaType?: string) => {
    const bytes = Buffer.isBuffer(content) ? content : Buffer.from(JSON.stringify(content));
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    blobs.set(digest, bytes);
    if (mediaType !== undefined) manifests.set(digest, mediaType);
    return { digest, size: bytes.length };
  };
  const children = [];
  for (const platform of platforms) {
    const [os, architecture, variant] = platform.split('/');
    const layer = add(await layerOf(await compile(platform)));
    const config = add({
      os,
      architecture,
      ...(variant === undefined ? {} : { variant }),
      config: {
        Entrypoint: entrypoint,
        User: '1000',
        ExposedPorts: { '8080/tcp': {} },
        Env: Object.entries(environment).map(([name, value]) => `${name}=${value}`),
      },
      rootfs: { type: 'layers', diff_ids: [layer.digest] },
    });
    const manifest = {
      schemaVersion: 2,
      mediaType: manifestType,
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config },
      layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', ...layer }],
    };
    children.push({
      mediaType: manifestType,
      ...add(manifest, manifestType),
      platform: { os, architecture, ...(variant === undefined ? {} : { variant }) },
    });
  }
  const only = children[0];
  if (bare && only !== undefined) return { blobs, manifests, digest: only.digest, mediaType: manifestType };
  const index = add({ schemaVersion: 2, mediaType: indexType, manifests: children }, indexType);
  return { blobs, manifests, digest: index.digest, mediaType: indexType };
}

const manifestType = 'application/vnd.oci.image.manifest.v1+json';
const indexType = 'application/vnd.oci.image.index.v1+json';

/** The test function's program. */
export function compile(platform: TestPlatform): Promise<Buffer> {
  const known = programs.get(platform);
  if (known !== undefined) return known;
  const compiled = (async () => {
    const folder = await mkdtemp(join(tmpdir(), 'bantam-test-function-'));
    try {
      const output = join(folder, 'function');
      await promisify(execFile)('go', ['build', '-trimpath', '-ldflags', '-s -w', '-o', output, '.'], {
        cwd: join(import.meta.dirname, 'function'),
        env: { ...process.env, ...goPlatforms[platform], GOOS: 'linux', CGO_ENABLED: '0' },
      });
      return await readFile(output);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  })();
  programs.set(platform, compiled);
  return compiled;
}

async function layerOf(program: Buffer): Promise<Buffer> {
  const tar = pack();
  const epoch = new Date(0);
  tar.entry({ name: 'function', mode: 0o755, mtime: epoch }, program);
  tar.entry({ name: 'tmp/', type: 'directory', mode: 0o1777, mtime: epoch });
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) {
    assert.ok(chunk instanceof Uint8Array);
    chunks.push(Buffer.from(chunk));
  }
  return Buffer.concat(chunks);
}

/** Pushes to a registry of the test bed over plain http; returns `registry/repository:tag`. */
export async function pushImage(registry: string, name: string, image: TestImage): Promise<string> {
  const [repository = '', tag = 'latest'] = name.split(':');
  const base = `http://${registry}/v2/${repository}`;
  for (const [digest, bytes] of image.blobs) {
    if (image.manifests.has(digest)) continue;
    const begun = await fetch(`${base}/blobs/uploads/`, { method: 'POST' });
    const location = new URL(begun.headers.get('location') ?? '', base);
    location.searchParams.set('digest', digest);
    await expectStatus(
      await fetch(location, { method: 'PUT', body: bytes, headers: { 'content-type': 'application/octet-stream' } }),
      201,
    );
  }
  for (const [digest, mediaType] of image.manifests) {
    const target = digest === image.digest ? tag : digest;
    await expectStatus(
      await fetch(`${base}/manifests/${target}`, {
        method: 'PUT',
        body: image.blobs.get(digest) ?? '',
        headers: { 'content-type': mediaType },
      }),
      201,
    );
  }
  return `${registry}/${name}`;
}

async function expectStatus(answer: Response, status: number): Promise<void> {
  const text = await answer.text();
  if (answer.status !== status) throw new Error(`${answer.url}: ${answer.status} ${text}`);
}

/** Removes the engine's copies of pushed test images: the engine may be somebody's own. `prefix` is `registry/folder/`. */
export async function removeImages(prefix: string): Promise<void> {
  const images: unknown = await askEngine('GET', '/images/json');
  assert.ok(Array.isArray(images));
  const tags = new Set(
    images.flatMap((image: { RepoTags?: string[]; RepoDigests?: string[] }) => [
      ...(image.RepoTags ?? []),
      ...(image.RepoDigests ?? []),
    ]),
  );
  for (const tag of tags) {
    if (!tag.startsWith(prefix)) continue;
    await askEngine('DELETE', `/images/${tag}?force=1`).catch((error: unknown) => {
      // Removing a tag may take its digest along.
      if (!String(error).includes('404')) throw error;
    });
  }
}

/** One plain request to the engine's API (what a test changes or looks at behind the back of the code under test). */
export function askEngine(method: string, path: string): Promise<unknown> {
  const socketPath = (process.env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock').replace(/^unix:\/\//, '');
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, method, path }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        if ((answer.statusCode ?? 500) >= 400) reject(new Error(`${method} ${path}: ${answer.statusCode} ${text}`));
        else resolve(text === '' ? undefined : JSON.parse(text));
      });
    });
    asked.on('error', reject);
    asked.end();
  });
}
