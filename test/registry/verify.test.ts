import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type ErrorCode, Interrupted, UserError } from '../../cli/errors.ts';
import { sha256Digest } from '../../cli/oci/digest.ts';
import { createFindingCache } from '../../cli/oci/layer-pool.ts';
import { mediaTypes } from '../../cli/oci/media-types.ts';
import { nodeNamed } from '../../cli/oci/node.ts';
import { defaultPlatforms, parsePlatform } from '../../cli/oci/platform.ts';
import { runs } from '../../cli/oci/runs.ts';
import { openRegistry } from '../../cli/registry/client.ts';
import { inspectImage } from '../../cli/registry/inspect.ts';
import { verifyImage } from '../../cli/registry/verify.ts';
import { writeElf } from '../oci/elf-writer.ts';
import { elfMachines, makeElf, packLayer, type TestEntry } from '../oci/image-parts.ts';
import {
  countBytes,
  keep,
  keepImage,
  keepIndex,
  names,
  type Store,
  serveStore,
  type TestImage,
} from './stored-image.ts';

const registry = openRegistry({ credentials: { find: async () => undefined }, report: () => {}, attempts: 1 });
const machineOf = (platform: string) => elfMachines[parsePlatform(platform).architecture as keyof typeof elfMachines];

/** A base as Debian-like images have it: links, node, and megabytes that nobody needs to read. */
const baseEntries = (platform: string): TestEntry[] => [
  { name: 'bin', type: 'symlink', linkname: 'usr/bin' },
  { name: 'usr/bin/env', content: makeElf(machineOf(platform)) },
  { name: 'usr/bin/node', content: makeElf(machineOf(platform), { size: 10_000 }) },
  { name: 'usr/share/ballast', mode: 0o644, content: randomBytes(6_000_000) },
];

describe('verifying an image', () => {
  let store: Store;
  let server: Awaited<ReturnType<typeof serveStore>>;
  let appLayer: Buffer;
  before(async () => {
    appLayer = await packLayer([{ name: 'app/index.js', content: '#!/bin/env node\n' }]);
  });
  beforeEach(async () => {
    store = { blobs: new Map() };
    server = await serveStore(store);
  });
  afterEach(() => server.close());

  const script = async (platform: string, overrides: Partial<TestImage> = {}): Promise<TestImage> => ({
    platform: parsePlatform(platform),
    config: { Entrypoint: ['/app/index.js'], Env: ['PATH=/usr/bin'] },
    layers: [await packLayer(baseEntries(platform)), appLayer],
    ...overrides,
  });
  const binary = async (platform: string, machine = machineOf(platform)): Promise<TestImage> => ({
    platform: parsePlatform(platform),
    config: { Entrypoint: ['/fn'] },
    layers: [await packLayer([{ name: 'fn', content: makeElf(machine) }])],
  });
  const referenceOf = (digest: string) => ({ registry: server.host, repository: 'lab/fn', digest });
  const rejects = (work: Promise<unknown>, code: ErrorCode, ...lines: RegExp[]) =>
    assert.rejects(work, (error) => {
      assert.ok(error instanceof UserError, String(error));
      assert.equal(error.code, code, error.message);
      const told = [error.message, ...error.details];
      assert.equal(told.length, lines.length, told.join('\n'));
      for (const [index, line] of lines.entries()) assert.match(told[index] ?? '', line);
      assert.ok(error.hint !== undefined);
      return true;
    });
  /** How often each blob or manifest was asked for, at most. */
  const mostAsked = () =>
    Math.max(...server.asked.map((line) => server.asked.filter((other) => other === line).length));

  it('follows script, env and PATH into the base, on three platforms', async () => {
    const index = keepIndex(
      store,
      await Promise.all(['linux/amd64', 'linux/arm64', 'linux/arm/v7'].map((each) => script(each))),
    );
    const reader = countBytes(registry);
    const image = await verifyImage(reader, referenceOf(index.digest), defaultPlatforms, { ownHistoryEntries: 1 });
    assert.deepEqual(
      [image.digest, image.mediaType, image.isIndex, names(image.available)],
      [index.digest, mediaTypes.ociIndex, true, names(defaultPlatforms)],
    );
    assert.deepEqual(
      image.platforms.map(({ verdict, reason, program }) => [verdict, reason, program.via]),
      ['x86-64', 'AArch64', 'ARM (32-bit)'].map((machine) => [
        'runs',
        `/usr/bin/node is ${machine}`,
        ['/app/index.js', '/bin/env', '/usr/bin/env', 'node', '/usr/bin/node'],
      ]),
    );
    for (const { size } of image.platforms)
      assert.deepEqual([size.own, size.base], [appLayer.length, size.layers[0]?.size]);
    // The layer that all platforms share is read once, and of a base only its beginning.
    assert.equal(mostAsked(), 1);
    assert.ok(reader.taken() < 3_000_000, `${reader.taken()} bytes were read`);
    while (server.openBodies() > 0) await new Promise(setImmediate);
  });

  it('reads no layer twice with a cache that lives on', async () => {
    const cache = createFindingCache();
    const base = await packLayer(baseEntries('arm64'));
    const images = await Promise.all(
      [1, 2, 3].map(async (each) =>
        script('linux/arm64', {
          layers: [base, await packLayer([{ name: 'app/index.js', content: `#!/bin/env node\n// ${each}` }])],
        }),
      ),
    );
    for (const image of images) {
      const found = await verifyImage(registry, referenceOf(keepIndex(store, [image]).digest), [image.platform], {
        cache,
      });
      assert.equal(found.platforms[0]?.verdict, 'runs');
    }
    assert.equal(server.asked.filter((line) => line.endsWith(sha256Digest(base))).length, 1);
  });

  it('names everything that is wrong at once', async () => {
    const index = keepIndex(store, [
      await binary('linux/amd64'),
      await binary('linux/arm64', elfMachines.amd64),
      await binary('linux/riscv64', elfMachines.arm64),
    ]);
    await rejects(
      verifyImage(registry, referenceOf(index.digest), [...defaultPlatforms, parsePlatform('riscv64')]),
      'BAN-E208',
      /linux\/arm\/v7: it is not in the image, which holds linux\/amd64, linux\/arm64, linux\/riscv64$/,
      /^linux\/arm64: \/fn is x86-64, linux\/arm64 needs AArch64/,
      /^linux\/riscv64: \/fn is AArch64, linux\/riscv64 needs RISC-V \(64-bit\)$/,
    );
    await rejects(
      verifyImage(registry, referenceOf(index.digest), [parsePlatform('arm64')]),
      'BAN-E307',
      /linux\/arm64: \/fn is x86-64/,
    );
  });

  it('sees through a base of another machine', async () => {
    const foreign = await script('linux/arm64', { layers: [await packLayer(baseEntries('linux/amd64')), appLayer] });
    await rejects(
      verifyImage(registry, referenceOf(keepIndex(store, [foreign]).digest), [foreign.platform]),
      'BAN-E307',
      /\/usr\/bin\/env is x86-64, linux\/arm64 needs AArch64/,
    );
  });

  it('refuses a build whose configuration contradicts its index, which nodes take all the same', async () => {
    const lying = { ...(await binary('linux/arm64')), configPlatform: parsePlatform('amd64') };
    const reference = referenceOf(keepIndex(store, [lying]).digest);
    const { platforms, source } = await inspectImage(registry, reference);
    const [found] = platforms;
    const node = nodeNamed('arm64') ?? assert.fail();
    const verdict = runs(source.image, node);
    assert.deepEqual([found?.verdict, found?.reason], ['runs', '/fn is AArch64'], 'one verdict, one wording');
    assert.deepEqual([verdict.answer, verdict.reason], ['runs', '/fn is AArch64']);
    assert.deepEqual(found?.contradiction, { os: 'linux', architecture: 'amd64' });
    const refused = verifyImage(registry, reference, [lying.platform]);
    await rejects(refused, 'BAN-E307', /linux\/arm64: its configuration says linux\/amd64$/);
    await assert.rejects(refused, {
      hint: "the Dockerfile's last FROM must not fix a platform: leave its --platform out",
    });
  });

  it('finds no contradiction in a configuration that does not say what it is for', async () => {
    for (const configPlatform of [
      { os: '', architecture: '' },
      { os: 'linux', architecture: 'arm' },
    ]) {
      const image = { ...(await binary('linux/arm/v7')), configPlatform };
      await verifyImage(registry, referenceOf(keepIndex(store, [image]).digest), [image.platform]);
    }
  });

  it('advises on what is wrong, not on something else', async () => {
    const [amd64, arm64] = [await binary('linux/amd64'), await binary('linux/arm64')];
    const linked = {
      ...amd64,
      layers: [
        await packLayer([
          { name: 'fn', content: writeElf({ ...elfMachines.amd64, loader: '/lib/ld-musl-x86_64.so.1' }) },
        ]),
      ],
    };
    const foreign = await binary('linux/arm64', elfMachines.amd64);
    for (const [images, advice] of [
      [[amd64, foreign], /^the build stage must compile for TARGETARCH[^;]*$/],
      [[{ ...amd64, config: { Entrypoint: ['/gone'] } }], /^look at the Dockerfile's ENTRYPOINT and CMD[^;]*$/],
      [[{ ...amd64, config: {} }, foreign], /^look at .*ENTRYPOINT.*; the build stage must compile for TARGETARCH/],
      [[linked, arm64], /^build and run on the same kind of base image [^;]*static/],
    ] as const) {
      const { digest } = keepIndex(store, images);
      await assert.rejects(
        verifyImage(
          registry,
          referenceOf(digest),
          images.map(({ platform }) => platform),
        ),
        (error) => {
          assert.ok(error instanceof UserError);
          assert.match(error.hint ?? '', advice);
          return true;
        },
      );
    }
  });

  it('takes an image without an index by what its configuration says', async () => {
    const manifest = keepImage(store, await binary('linux/arm64'));
    const image = await verifyImage(registry, referenceOf(manifest.digest), [parsePlatform('arm64')]);
    assert.deepEqual([image.isIndex, image.platforms[0]?.verdict], [false, 'runs']);
    await rejects(
      verifyImage(registry, referenceOf(manifest.digest), [parsePlatform('amd64')]),
      'BAN-E208',
      /linux\/amd64: it is not in the image, which holds linux\/arm64/,
    );
  });

  it('says that it does not know, rather than guess', async () => {
    const nothing = { ...(await binary('linux/amd64')), config: {} };
    const lost = { ...(await binary('linux/arm64')), config: { Entrypoint: ['/gone'] } };
    const old = await binary('linux/arm/v6');
    const index = keepIndex(store, [nothing, lost, old]);
    const { platforms } = await inspectImage(registry, referenceOf(index.digest));
    assert.deepEqual(
      platforms.map(({ verdict, reason }) => [verdict, reason]),
      [
        ['does not', 'the image names no program: it has neither ENTRYPOINT nor CMD'],
        ['does not', '/gone is not in the image'],
        ['unknown', '/fn is ARM (32-bit); its header does not tell whether linux/arm/v6 is enough or v7 is needed'],
      ],
    );
  });

  it('goes down an index within an index, and past what is no image', async () => {
    const inner = keepIndex(store, [await binary('linux/arm64')]);
    const chart = keep(
      store,
      mediaTypes.ociManifest,
      Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          config: {
            ...keep(store, 'application/x', Buffer.from('{}')),
            mediaType: 'application/vnd.cncf.helm.config.v1+json',
          },
          layers: [],
        }),
      ),
    );
    const outer = keep(
      store,
      mediaTypes.ociIndex,
      Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [inner, chart] })),
    );
    const image = await inspectImage(registry, referenceOf(outer.digest));
    assert.deepEqual(
      [names(image.available), image.platforms.map(({ verdict }) => verdict)],
      [['linux/arm64'], ['runs']],
    );
  });

  it('keeps what could not be read, also where nothing says what it is for', async () => {
    const inner = keepIndex(store, [await binary('linux/arm64')]);
    const outer = keep(
      store,
      mediaTypes.ociIndex,
      Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [inner] })),
    );
    store.blobs.delete(inner.digest);
    const image = await inspectImage(registry, referenceOf(outer.digest), { keepFailures: true });
    assert.deepEqual(names(image.unread.map(({ platform }) => platform)), ['unknown/unknown']);
    assert.match(image.unread[0]?.reason ?? '', /has no manifest/);
  });

  it('reports damage where it is: a layer, a configuration', async () => {
    const image = await binary('linux/arm64');
    const index = keepIndex(store, [{ ...image, config: { Entrypoint: ['/elsewhere'] } }]);
    const [layer] = image.layers;
    assert.ok(layer !== undefined);
    const digest = [...store.blobs].find(([, { bytes }]) => bytes === layer)?.[0] ?? '';
    store.blobs.set(digest, { mediaType: '', bytes: await packLayer([{ name: 'fn', content: 'another' }]) });
    await rejects(
      inspectImage(registry, referenceOf(index.digest)),
      'BAN-E306',
      new RegExp(`the layer ${digest} of .* is damaged: its bytes hash to`),
    );
    const config = [...store.blobs].find(
      ([, { mediaType, bytes }]) => mediaType === mediaTypes.ociConfig && bytes.length > 2,
    );
    assert.ok(config !== undefined);
    store.blobs.set(config[0], { mediaType: '', bytes: Buffer.from('{}') });
    await rejects(
      inspectImage(registry, referenceOf(index.digest)),
      'BAN-E306',
      /the configuration sha256:.* is damaged: its bytes hash to/,
    );
    store.blobs.delete(config[0]);
    await rejects(inspectImage(registry, referenceOf(index.digest)), 'BAN-E303', /has no blob/);
  });

  it('stops with the signal and leaves no connection reading', async () => {
    const index = keepIndex(store, [await script('linux/arm64', { config: { Entrypoint: ['/nowhere'] } })]);
    const stop = new AbortController();
    const report = () => {
      if (server.sentBytes() > 0) stop.abort();
    };
    const interruptible = openRegistry({ credentials: { find: async () => undefined }, report });
    await assert.rejects(inspectImage(interruptible, referenceOf(index.digest), { signal: stop.signal }), Interrupted);
    while (server.openBodies() > 0) await new Promise(setImmediate);
  });
});
