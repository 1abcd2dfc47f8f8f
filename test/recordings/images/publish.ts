/**
 * Builds the test function for two architectures and pushes the images that the recordings name, with nothing but Go
 * and the registry's own API (OCI distribution specification 1.1, "Pushing a blob monolithically").
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { pack } from 'tar-stream';

const run = promisify(execFile);
const media = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
};

/** One image: its tag under the repository `recorded`, its default environment, the platforms its index names. */
export interface TestImage {
  readonly tag: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly platforms: readonly Platform[];
}

/** Platforms of the index; `foreign` is one that no test machine has. */
export type Platform = 'amd64' | 'arm64' | 'foreign';

/** The images that exchanges and timelines name. */
export const testImages: readonly TestImage[] = [
  { tag: 'one', environment: { IMAGE: 'one' }, platforms: ['amd64', 'arm64'] },
  { tag: 'two', environment: { IMAGE: 'two' }, platforms: ['amd64', 'arm64'] },
  { tag: 'exits', environment: { IMAGE: 'exits', MODE: 'exit' }, platforms: ['amd64', 'arm64'] },
  { tag: 'slow', environment: { IMAGE: 'slow', START_DELAY: '4s' }, platforms: ['amd64', 'arm64'] },
  { tag: 'foreign', environment: { IMAGE: 'foreign' }, platforms: ['foreign'] },
];

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** Pushes all test images to a plain-http registry. Returns index digests by tag. Throws if Go or the registry refuses. */
export async function publishTestImages(registry: string, signal: AbortSignal): Promise<Map<string, string>> {
  const repository = `http://${registry}/v2/recorded`;
  const layers = { amd64: await layerFor('amd64', signal), arm64: await layerFor('arm64', signal) };
  const digests = new Map<string, string>();
  for (const image of testImages) {
    const manifests = [];
    for (const platform of image.platforms) {
      const layer = layers[platform === 'arm64' ? 'arm64' : 'amd64'];
      const architecture = platform === 'foreign' ? 's390x' : platform;
      const manifest = await pushImage(repository, image, architecture, layer, signal);
      manifests.push({ ...manifest, platform: { os: 'linux', architecture } });
    }
    const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: media.index, manifests }));
    await pushManifest(repository, image.tag, media.index, index, signal);
    digests.set(image.tag, digestOf(index));
  }
  return digests;
}

async function pushImage(
  repository: string,
  image: TestImage,
  architecture: string,
  layer: Buffer,
  signal: AbortSignal,
): Promise<Descriptor> {
  const config = Buffer.from(
    JSON.stringify({
      architecture,
      os: 'linux',
      created: '1970-01-01T00:00:00Z',
      config: {
        User: '65532:65532',
        Entrypoint: ['/recorded'],
        Env: Object.entries(image.environment).map(([key, value]) => `${key}=${value}`),
        ExposedPorts: { '8080/tcp': {} },
      },
      rootfs: { type: 'layers', diff_ids: [digestOf(layer)] },
    }),
  );
  const layers = [await pushBlob(repository, 'application/vnd.oci.image.layer.v1.tar', layer, signal)];
  const described = await pushBlob(repository, 'application/vnd.oci.image.config.v1+json', config, signal);
  const manifest = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: media.manifest, config: described, layers }),
  );
  await pushManifest(repository, digestOf(manifest), media.manifest, manifest, signal);
  return { mediaType: media.manifest, digest: digestOf(manifest), size: manifest.length };
}

async function layerFor(architecture: string, signal: AbortSignal): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'recorded-'));
  try {
    const output = join(folder, 'recorded');
    const environment = { ...process.env, CGO_ENABLED: '0', GOOS: 'linux', GOARCH: architecture };
    await run('go', ['build', '-trimpath', '-buildvcs=false', '-ldflags=-s -w', '-o', output, '.'], {
      cwd: import.meta.dirname,
      env: environment,
      signal,
    });
    const tar = pack();
    tar.entry({ name: 'recorded', mode: 0o755, mtime: new Date(0) }, await readFile(output));
    tar.finalize();
    return await buffer(tar);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function pushBlob(
  repository: string,
  mediaType: string,
  content: Buffer,
  signal: AbortSignal,
): Promise<Descriptor> {
  const digest = digestOf(content);
  const known = await fetch(`${repository}/blobs/${digest}`, { method: 'HEAD', signal });
  if (known.status !== 200) {
    const started = await fetch(`${repository}/blobs/uploads/`, { method: 'POST', signal });
    const location = new URL(started.headers.get('location') ?? '', started.url);
    location.searchParams.set('digest', digest);
    await accepted(
      await fetch(location, {
        method: 'PUT',
        headers: { 'content-type': 'application/octet-stream' },
        body: new Uint8Array(content),
        signal,
      }),
    );
  }
  return { mediaType, digest, size: content.length };
}

async function pushManifest(
  repository: string,
  reference: string,
  mediaType: string,
  content: Buffer,
  signal: AbortSignal,
): Promise<void> {
  const headers = { 'content-type': mediaType };
  await accepted(
    await fetch(`${repository}/manifests/${reference}`, {
      method: 'PUT',
      headers,
      body: new Uint8Array(content),
      signal,
    }),
  );
}

async function accepted(answer: Response): Promise<void> {
  if (answer.status !== 201) throw new Error(`the registry answered ${answer.status}: ${await answer.text()}`);
}

function digestOf(content: Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}
