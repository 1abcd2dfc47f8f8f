import assert from 'node:assert/strict';
import { join } from 'node:path';
import { UserError } from '../../cli/errors.ts';
import { sha256Digest } from '../../cli/oci/digest.ts';
import { openImageMemory } from '../../cli/registry/image-memory.ts';
import type { Registry, StoredManifest } from '../../cli/registry/registry.ts';
import { readDeployableImage } from '../../cli/rollout/image.ts';
import { temporaryFolder } from '../e2e/program.ts';
import { elfMachines, makeElf, packLayer } from '../oci/image-parts.ts';

const indexType = 'application/vnd.oci.image.index.v1+json';
const manifestType = 'application/vnd.oci.image.manifest.v1+json';
const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

/** A registry that holds one image under `latest`, of the given platforms, and nothing else. `machine`: what all its programs are for, if not their platform. */
async function registryWith(
  platforms: readonly string[],
  labels: Record<string, string>,
  lost?: string,
  machine?: keyof typeof elfMachines,
  program = '/fn',
): Promise<{ registry: Registry; digest: string; opened: string[] }> {
  const opened: string[] = [];
  const blobs = new Map<string, Uint8Array>();
  const manifests = new Map<string, StoredManifest>();
  const store = (mediaType: string, value: unknown): string => {
    const bytes = encode(value);
    const digest = sha256Digest(bytes);
    manifests.set(digest, { digest, mediaType, bytes });
    return digest;
  };
  const images = [];
  for (const platform of platforms) {
    const [os = '', architecture = '', variant] = platform.split('/');
    const named = { os, architecture, ...(variant === undefined ? {} : { variant }) };
    const layer = await packLayer([
      ...['fn', 'fwatchdog'].map((name) => ({
        name,
        content: makeElf(elfMachines[machine ?? (architecture as 'arm64')]),
      })),
    ]);
    blobs.set(sha256Digest(layer), layer);
    const config = encode(configOf(named, labels, program));
    blobs.set(sha256Digest(config), config);
    const digest = store(manifestType, {
      schemaVersion: 2,
      mediaType: manifestType,
      config: {
        mediaType: 'application/vnd.oci.image.config.v1+json',
        digest: sha256Digest(config),
        size: config.length,
      },
      layers: [
        {
          mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
          digest: sha256Digest(layer),
          size: layer.length,
        },
      ],
    });
    images.push({ mediaType: manifestType, digest, size: 1, platform: named });
  }
  const digest = store(indexType, { schemaVersion: 2, mediaType: indexType, manifests: images });
  const unexpected = async (): Promise<never> => {
    throw new Error('reading an image must not ask this');
  };
  return {
    digest,
    opened,
    registry: {
      async manifest(reference) {
        const found = manifests.get(reference.digest ?? (reference.tag === 'latest' ? digest : ''));
        if (found === undefined) throw new UserError('BAN-E303', 'no such manifest');
        return found;
      },
      async blob(_reference, wanted) {
        const bytes = blobs.get(wanted);
        assert.ok(bytes);
        opened.push(wanted);
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

/** A configuration with one layer. */
function configOf(
  platform: Record<string, string>,
  labels: Record<string, string>,
  program = '/fn',
): Record<string, unknown> {
  const rootfs = { type: 'layers', diff_ids: [`sha256:${'0'.repeat(64)}`] };
  return { ...platform, config: { Labels: labels, Entrypoint: [program] }, rootfs, history: [] };
}

const dialect = { imageForm: 'tag-and-digest', pullsBeforeAnswer: true } as const;
const signal = new AbortController().signal;

describe('the image of a deployment', () => {
  it('is named by tag and digest, and tells whether its runtime is ours', async () => {
    for (const [labels, ours] of [
      [{ 'bantam.runtime': '1' }, true],
      [{}, false],
    ] as const) {
      const { registry, digest } = await registryWith(['linux/amd64', 'linux/arm64'], labels);
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
    const { registry } = await registryWith(['linux/amd64'], {});
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
    const lost = sha256Digest(encode(configOf({ os: 'linux', architecture: 'arm64' }, {})));
    const { registry } = await registryWith(['linux/amd64', 'linux/arm64'], {}, lost);
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
      const { registry } = await registryWith(platforms, {});
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

  it('is looked into: what the index says is not enough', async () => {
    const { registry } = await registryWith(['linux/amd64', 'linux/arm64'], {}, undefined, 'amd64');
    const expected = { digest: undefined, architecture: 'arm64', dialect };
    await assert.rejects(readDeployableImage(registry, 'registry.lan/hello', expected, signal), (error) => {
      assert.ok(error instanceof UserError);
      assert.equal(error.code, 'BAN-E505');
      assert.match(error.message, /does not run on the gateway's machine \(arm64\): .*\/fn is x86-64/);
      return true;
    });
  });

  it('is advised on by what is wrong: another machine, or something that no build for that machine mends', async () => {
    for (const [platforms, machine, program, advice] of [
      [['linux/amd64'], undefined, '/fn', /^bantam fn build --push --platform linux\/arm64; .*--force/],
      [['linux/arm64'], 'amd64', '/fn', /^the build stage must compile for TARGETARCH.*; then: bantam fn build --push/],
      [['linux/arm64'], undefined, '/gone', /^look at the Dockerfile's ENTRYPOINT .*; then: bantam fn build --push/],
    ] as const) {
      const { registry } = await registryWith(platforms, {}, undefined, machine, program);
      const expected = { digest: undefined, architecture: 'arm64', dialect };
      await assert.rejects(readDeployableImage(registry, 'registry.lan/hello', expected, signal), (error) => {
        assert.ok(error instanceof UserError);
        assert.equal(error.code, 'BAN-E505');
        assert.match(error.hint ?? '', advice);
        return true;
      });
    }
  });

  it('is looked into as it is deployed: fprocess of the function decides what its watchdog starts', async () => {
    const { registry } = await registryWith(['linux/amd64'], {}, undefined, undefined, '/fwatchdog');
    const expected = { digest: undefined, architecture: 'amd64', dialect };
    const read = (environment: Readonly<Record<string, string>>) =>
      readDeployableImage(registry, 'registry.lan/hello', { ...expected, environment }, signal);
    const { verdict } = await read({ fprocess: '/fn --port 80' });
    assert.deepEqual([verdict?.answer, verdict?.reason], ['runs', '/fn is x86-64']);
    assert.equal((await read({ fprocess: '/elsewhere' })).verdict?.answer, 'unknown');
  });

  it('is read once, and its layers only for the platforms that the machine takes', async () => {
    const { registry, opened } = await registryWith(['linux/amd64', 'linux/arm64', 'linux/arm/v7'], {});
    const asked: string[] = [];
    const counting: Registry = {
      ...registry,
      manifest: (reference, stop) => {
        asked.push(reference.digest ?? reference.tag ?? '');
        return registry.manifest(reference, stop);
      },
    };
    const expected = { digest: undefined, architecture: 'amd64', dialect };
    const { verdict } = await readDeployableImage(counting, 'registry.lan/hello', expected, signal);
    assert.equal(verdict?.answer, 'runs');
    assert.equal(asked.length, 4, 'the index and each manifest once');
    assert.equal(new Set(asked).size, 4);
    assert.ok(opened.length <= 3, 'the configuration and the layer of amd64');
  });

  it('is looked into once: what is known of its layers is not read again, that its parts are there is asked each time', async () => {
    await using folder = await temporaryFolder();
    const memory = openImageMemory(join(folder.path, 'images'), () => undefined);
    const { registry, opened } = await registryWith(['linux/amd64', 'linux/arm64'], {});
    const asked: string[] = [];
    const counting: Registry = {
      ...registry,
      hasBlob: (reference, wanted, stop) => {
        asked.push(wanted);
        return registry.hasBlob(reference, wanted, stop);
      },
    };
    const expected = { digest: undefined, architecture: 'amd64', dialect };
    await readDeployableImage(counting, 'registry.lan/hello', expected, signal, memory);
    assert.deepEqual([opened.length, asked.length], [2, 4]);
    const again = await readDeployableImage(counting, 'registry.lan/hello', expected, signal, memory);
    assert.equal(again.verdict?.answer, 'runs');
    assert.deepEqual([opened.length, asked.length], [2, 8]);
  });
});
