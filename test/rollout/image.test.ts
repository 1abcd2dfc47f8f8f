import assert from 'node:assert/strict';
import { UserError } from '../../cli/errors.ts';
import { sha256Digest } from '../../cli/oci/digest.ts';
import type { Registry, StoredManifest } from '../../cli/registry/registry.ts';
import { readDeployableImage } from '../../cli/rollout/image.ts';

const indexType = 'application/vnd.oci.image.index.v1+json';
const manifestType = 'application/vnd.oci.image.manifest.v1+json';
const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

/** A registry that holds one image under `latest`, of the given platforms, and nothing else. */
function registryWith(
  platforms: readonly string[],
  labels: Record<string, string>,
  lost?: string,
): { registry: Registry; digest: string } {
  const blobs = new Map<string, Uint8Array>();
  const manifests = new Map<string, StoredManifest>();
  const store = (mediaType: string, value: unknown): string => {
    const bytes = encode(value);
    const digest = sha256Digest(bytes);
    manifests.set(digest, { digest, mediaType, bytes });
    return digest;
  };
  const images = platforms.map((platform) => {
    const [os = '', architecture = '', variant] = platform.split('/');
    const named = { os, architecture, ...(variant === undefined ? {} : { variant }) };
    const config = encode({
      ...named,
      config: { Labels: labels },
      rootfs: { type: 'layers', diff_ids: [] },
      history: [],
    });
    blobs.set(sha256Digest(config), config);
    const digest = store(manifestType, {
      schemaVersion: 2,
      mediaType: manifestType,
      config: {
        mediaType: 'application/vnd.oci.image.config.v1+json',
        digest: sha256Digest(config),
        size: config.length,
      },
      layers: [],
    });
    return { mediaType: manifestType, digest, size: 1, platform: named };
  });
  const digest = store(indexType, { schemaVersion: 2, mediaType: indexType, manifests: images });
  const unexpected = async (): Promise<never> => {
    throw new Error('reading an image must not ask this');
  };
  return {
    digest,
    registry: {
      async manifest(reference) {
        const found = manifests.get(reference.digest ?? (reference.tag === 'latest' ? digest : ''));
        if (found === undefined) throw new UserError('BAN-E303', 'no such manifest');
        return found;
      },
      async blob(_reference, wanted) {
        const bytes = blobs.get(wanted);
        assert.ok(bytes);
        return ReadableStream.from([bytes]);
      },
      async hasBlob(_reference, wanted) {
        return blobs.has(wanted) && wanted !== lost;
      },
      putManifest: unexpected,
      putBlob: unexpected,
      digestOf: unexpected,
    },
  };
}

const dialect = { imageForm: 'tag-and-digest', pullsBeforeAnswer: true } as const;
const signal = new AbortController().signal;

describe('the image of a deployment', () => {
  it('is named by tag and digest, and tells whether its runtime is ours', async () => {
    for (const [labels, ours] of [
      [{ 'bantam.runtime': '1' }, true],
      [{}, false],
    ] as const) {
      const { registry, digest } = registryWith(['linux/amd64', 'linux/arm64'], labels);
      const image = await readDeployableImage(
        registry,
        'registry.lan:5000/hello',
        { digest: undefined, architecture: '', dialect },
        signal,
      );
      assert.deepEqual(
        [image.reference, image.digest, image.bantamRuntime],
        [`registry.lan:5000/hello:latest@${digest}`, digest, ours],
      );
    }
  });

  it('must be in the registry', async () => {
    const { registry } = registryWith(['linux/amd64'], {});
    await assert.rejects(
      readDeployableImage(
        registry,
        'registry.lan/hello:other',
        { digest: undefined, architecture: '', dialect },
        signal,
      ),
      { code: 'BAN-E503' },
    );
  });

  it('must be there whole', async () => {
    const lost = sha256Digest(
      encode({
        os: 'linux',
        architecture: 'arm64',
        config: { Labels: {} },
        rootfs: { type: 'layers', diff_ids: [] },
        history: [],
      }),
    );
    const { registry } = registryWith(['linux/amd64', 'linux/arm64'], {}, lost);
    await assert.rejects(
      readDeployableImage(registry, 'registry.lan/hello', { digest: undefined, architecture: '', dialect }, signal),
      { code: 'BAN-E503', details: [lost] },
    );
  });

  for (const [platforms, architecture, runs] of [
    [['linux/amd64', 'linux/arm64'], 'arm64', true],
    [['linux/amd64', 'linux/arm64'], 'aarch64', true],
    [['linux/amd64'], 'x86_64', true],
    [['linux/arm/v7'], 'arm64', true],
    [['linux/arm/v7'], 'armv7l', true],
    [['linux/amd64'], 'arm64', false],
    [['linux/arm64'], 'arm', false],
    [['linux/amd64'], 'vax', false],
    [['linux/amd64'], '', true],
  ] as const) {
    it(`${platforms.join(', ')} ${runs ? 'runs' : 'does not run'} where the gateway says "${architecture}"`, async () => {
      const { registry } = registryWith(platforms, {});
      const reading = readDeployableImage(
        registry,
        'registry.lan/hello',
        { digest: undefined, architecture, dialect },
        signal,
      );
      if (runs) await reading;
      else await assert.rejects(reading, { code: 'BAN-E505' });
    });
  }
});
