import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Interrupted } from '../../cli/errors.ts';
import { sha256Digest } from '../../cli/oci/digest.ts';
import { mediaTypes } from '../../cli/oci/media-types.ts';
import { nodeNamed } from '../../cli/oci/node.ts';
import { formatPlatform, parsePlatform } from '../../cli/oci/platform.ts';
import type { Reference } from '../../cli/oci/reference.ts';
import { type CheckedImage, checkImage } from '../../cli/registry/check.ts';
import { checkImages } from '../../cli/registry/check-images.ts';
import { openRegistry } from '../../cli/registry/client.ts';
import { openImageMemory } from '../../cli/registry/image-memory.ts';
import { temporaryFolder } from '../e2e/program.ts';
import { elfMachines, makeElf, packLayer } from '../oci/image-parts.ts';
import { listen, startScriptedServer } from './scripted-server.ts';
import { keep, keepImage, keepIndex, type Store, serveStore, type TestImage } from './stored-image.ts';

const nodes = ['amd64', 'arm64', 'pi5', 'armv7'].flatMap((name) => nodeNamed(name) ?? []);
const report = () => undefined;
const open = () =>
  openRegistry({ credentials: { find: async () => undefined }, report, wait: async () => undefined, timeout: 300 });
const answers = ({ nodes: all }: CheckedImage) => all.map(({ answer }) => answer);

describe('checking where an image runs', () => {
  let store: Store;
  let server: Awaited<ReturnType<typeof serveStore>>;
  let place: Awaited<ReturnType<typeof temporaryFolder>>;
  beforeEach(async () => {
    store = { blobs: new Map() };
    [server, place] = await Promise.all([serveStore(store), temporaryFolder()]);
  });
  afterEach(() => Promise.all([server.close(), place[Symbol.asyncDispose]()]));
  const memoryOf = () => openImageMemory(join(place.path, 'images'), report);
  const reference = (repository = 'lab/fn'): Reference => ({ registry: server.host, repository, tag: '1' });

  /** An image whose program of each platform is for that machine, unless another is named. */
  const image = async (platform: string, machine?: keyof typeof elfMachines): Promise<TestImage> => {
    const { architecture } = parsePlatform(platform);
    const content = makeElf(elfMachines[machine ?? (architecture as 'arm64')]);
    const ballast = { name: 'ballast', mode: 0o644, content: randomBytes(50_000) };
    return {
      platform: parsePlatform(platform),
      config: { Entrypoint: ['/fn'], Env: ['TOKEN=canary'] },
      layers: [await packLayer([{ name: 'fn', content }, ballast])],
    };
  };
  const tag = (root: { digest: string }, name = '1') => {
    const found = store.blobs.get(root.digest);
    assert.ok(found !== undefined);
    store.blobs.set(name, found);
  };
  const threePlatforms = async (...machines: (keyof typeof elfMachines | undefined)[]) =>
    keepIndex(
      store,
      await Promise.all(
        ['linux/amd64', 'linux/arm64', 'linux/arm/v7'].map((each, index) => image(each, machines[index])),
      ),
    );

  it('says what its index says, what it holds, and what each node takes', async () => {
    tag(await threePlatforms(undefined, 'amd64'));
    const checked = await checkImage(open(), reference(), nodes);
    assert.deepEqual(checked.says, ['linux/amd64', 'linux/arm64', 'linux/arm/v7']);
    assert.deepEqual(
      checked.nodes.map(({ node, answer, takes }) => [node, answer, takes && formatPlatform(takes)]),
      [
        ['amd64', 'runs', 'linux/amd64'],
        ['arm64', 'does not', 'linux/arm64'],
        ['pi5', 'does not', 'linux/arm64'],
        ['armv7', 'runs', 'linux/arm/v7'],
      ],
    );
    assert.match(checked.nodes[1]?.reason ?? '', /\/fn is x86-64/);
  });

  it('reads nothing of the platforms that no node takes', async () => {
    tag(await threePlatforms());
    await checkImage(open(), reference(), [nodeNamed('amd64') ?? assert.fail()]);
    assert.equal(server.asked.length, 4, `index, manifest, configuration, layer: ${server.asked.join(', ')}`);
  });

  it('reads nothing of what a node would take only if there were nothing better', async () => {
    tag(await threePlatforms());
    for (const [kind, takes] of [
      ['arm64', 'linux/arm64'],
      ['any-arm64', 'linux/arm64'],
      ['armv7', 'linux/arm/v7'],
    ] as const) {
      server.asked.length = 0;
      const { nodes: found, says } = await checkImage(open(), reference(), [nodeNamed(kind) ?? assert.fail()]);
      assert.deepEqual(
        found.map(({ takes: each }) => each && formatPlatform(each)),
        [takes],
      );
      assert.equal(says.length, 3);
      assert.equal(server.asked.length, 4, `index, manifest, configuration, layer: ${server.asked.join(', ')}`);
    }
  });

  it('is unread for a node that is one of several kinds, too', async () => {
    tag(await threePlatforms());
    for (const [digest, { mediaType }] of store.blobs)
      if (mediaType === mediaTypes.ociConfig) store.blobs.delete(digest);
    const { nodes: found } = await checkImage(open(), reference(), [nodeNamed('any-arm64') ?? assert.fail()]);
    assert.deepEqual(
      found.map(({ answer, unread }) => [answer, unread]),
      [['unknown', true]],
    );
  });

  it('reads Docker’s own media types, and calls a manifest of schema 1 what it is', async () => {
    const made = await image('linux/arm64');
    const manifest = store.blobs.get(keepImage(store, made).digest) ?? assert.fail();
    const docker = Buffer.from(manifest.bytes)
      .toString()
      .replaceAll(mediaTypes.ociManifest, mediaTypes.dockerManifest)
      .replaceAll(mediaTypes.ociConfig, mediaTypes.dockerConfig)
      .replaceAll(mediaTypes.ociLayerGzip, 'application/vnd.docker.image.rootfs.diff.tar.gzip');
    const stored = keep(store, mediaTypes.dockerManifest, Buffer.from(docker));
    const manifests = [{ ...stored, platform: made.platform }];
    const list = { schemaVersion: 2, mediaType: mediaTypes.dockerIndex, manifests };
    tag(keep(store, mediaTypes.dockerIndex, Buffer.from(JSON.stringify(list))));
    assert.deepEqual(answers(await checkImage(open(), reference(), nodes)), ['does not', 'runs', 'runs', 'does not']);
    const old = { schemaVersion: 1, name: 'lab/fn', fsLayers: [], history: [] };
    tag(keep(store, 'application/vnd.docker.distribution.manifest.v1+prettyjws', Buffer.from(JSON.stringify(old))));
    const refused = await checkImage(open(), reference(), nodes);
    assert.deepEqual([answers(refused)[0], refused.failure?.code], ['unknown', 'BAN-E306']);
    assert.match(refused.nodes[0]?.reason ?? '', /schema 1, which no current engine pulls/);
  });

  it('asks for the tag the second time, and reads nothing', async () => {
    tag(await threePlatforms());
    const cold = open();
    const memory = memoryOf();
    const first = await checkImage(cold, reference(), nodes, { memory });
    await memory.save();
    assert.equal(cold.traffic().requests, 1 + 1 + 3 + 3 + 3, 'the tag, the index, manifests, configurations, layers');
    const warm = open();
    assert.deepEqual(await checkImage(warm, reference(), nodes, { memory: memoryOf() }), first);
    assert.deepEqual(warm.traffic(), { requests: 1, bytes: 0 });
  });

  it('reads a base once, however many images on it are checked at a time', async () => {
    const base = await packLayer([
      { name: 'ballast', mode: 0o644, content: randomBytes(400_000) },
      { name: 'bin/node', content: makeElf(elfMachines.amd64) },
    ]);
    const wanted = [];
    for (const number of [1, 2, 3, 4, 5, 6, 7, 8]) {
      const own = await packLayer([{ name: 'app', content: `#!/bin/node\n// ${number}` }]);
      const made = { platform: parsePlatform('amd64'), config: { Entrypoint: ['/app'] }, layers: [base, own] };
      tag(keepIndex(store, [made]), `${number}`);
      wanted.push({ reference: { ...reference(), tag: `${number}` }, nodes: nodes.slice(0, 1) });
    }
    const client = open();
    const checked = await checkImages(client, wanted, { report, memory: memoryOf() });
    assert.deepEqual(
      checked.flatMap(answers),
      Array.from({ length: 8 }, () => 'runs'),
    );
    assert.equal(server.asked.filter((line) => line.endsWith(sha256Digest(base))).length, 1);
    assert.equal(
      client.traffic().requests,
      8 * (1 + 1 + 1 + 1 + 1) + 1,
      'of each: tag, index, manifest, configuration, own layer',
    );
  });

  it('believes no tag: one that has moved is read anew, but for what is the same', async () => {
    tag(await threePlatforms());
    const memory = memoryOf();
    await checkImage(open(), reference(), nodes, { memory });
    await memory.save();
    const moved = keepIndex(store, [await image('linux/amd64', 'arm64')]);
    tag(moved);
    const checked = await checkImage(open(), reference(), nodes, { memory: memoryOf() });
    assert.equal(checked.digest, moved.digest);
    assert.deepEqual(answers(checked), ['does not', 'does not', 'does not', 'does not']);
  });

  it('knows nothing for sure where the registry does not answer, and tells what was', async () => {
    tag(await threePlatforms(undefined, 'amd64'));
    const memory = memoryOf();
    await checkImage(open(), reference(), nodes, { memory });
    await memory.save();
    await server.close();
    const checked = await checkImage(open(), reference(), nodes, { memory: memoryOf() });
    assert.deepEqual(answers(checked), ['unknown', 'unknown', 'unknown', 'unknown']);
    assert.ok(checked.nodes.every(({ unread }) => unread));
    assert.match(
      checked.nodes[0]?.reason ?? '',
      /refused .*; as of 20.* UTC it was sha256:[0-9a-f]{12}, which runs there$/,
    );
    assert.match(checked.nodes[1]?.reason ?? '', /which does not run there$/);
    assert.equal(checked.failure?.code, 'BAN-E301');
    const never = await checkImage(open(), reference('lab/other'), nodes, { memory: memoryOf() });
    assert.doesNotMatch(never.nodes[0]?.reason ?? '', /as of/);
    server = await serveStore(store);
  });

  it('keeps nothing of a layer that is not what its digest says', async () => {
    const made = await image('linux/amd64');
    tag(keepIndex(store, [made]));
    const [digest] = [...store.blobs].find(([, { bytes }]) => bytes === made.layers[0]) ?? assert.fail();
    const other = await packLayer([{ name: 'elsewhere', content: 'x' }]);
    store.blobs.set(digest, { mediaType: '', bytes: other });
    const memory = memoryOf();
    const checked = await checkImage(open(), reference(), nodes.slice(0, 1), { memory });
    await memory.save();
    assert.deepEqual([checked.nodes[0]?.answer, checked.nodes[0]?.unread], ['unknown', true]);
    assert.match(checked.nodes[0]?.reason ?? '', /is damaged: its bytes hash to/);
    store.blobs.set(digest, { mediaType: '', bytes: made.layers[0] ?? assert.fail() });
    assert.deepEqual(answers(await checkImage(open(), reference(), nodes.slice(0, 1), { memory: memoryOf() })), [
      'runs',
    ]);
  });

  it('ends a layer and a configuration that are longer than their manifest says', async () => {
    for (const type of ['layer', 'configuration']) {
      store.blobs.clear();
      const made = await image('linux/amd64');
      tag(keepIndex(store, [{ ...made, config: { Entrypoint: ['/nowhere'] } }]));
      const isLayer = type === 'layer';
      const [digest, { bytes }] =
        [...store.blobs].find(([, blob]) =>
          isLayer ? blob.bytes === made.layers[0] : blob.mediaType === mediaTypes.ociConfig && blob.bytes.length > 10,
        ) ?? assert.fail();
      store.blobs.set(digest, { mediaType: '', bytes: Buffer.concat([bytes, Buffer.alloc(10_000_000)]) });
      const {
        nodes: [verdict],
      } = await checkImage(open(), reference(), nodes.slice(0, 1));
      assert.match(
        verdict?.reason ?? '',
        new RegExp(`the ${type} .* is damaged: it is larger than ${bytes.length} bytes`),
      );
      assert.ok(server.sentBytes() < 12_000_000);
    }
  });

  it('unpacks no bomb: a layer that grows a thousandfold', async () => {
    const header = Buffer.alloc(512);
    header.write('zeros');
    header.write('0000644\0', 100);
    header.write('77777777777\0', 124);
    header.write('0', 156);
    header.write('ustar\0', 257);
    header.write('        ', 148);
    header.write(
      `${[...header]
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, '0')}\0 `,
      148,
    );
    const zeros = gzipSync(Buffer.alloc(4 * 1024 * 1024), { level: 9 });
    const bomb = Buffer.concat([gzipSync(header), ...Array.from({ length: 160 }, () => zeros)]);
    tag(keepIndex(store, [{ ...(await image('linux/amd64')), layers: [bomb] }]));
    const {
      nodes: [verdict],
    } = await checkImage(open(), reference(), nodes.slice(0, 1));
    assert.deepEqual([verdict?.answer, verdict?.unread], ['unknown', true]);
    assert.match(verdict?.reason ?? '', /was not read to its end: it holds more than 536870912 bytes/);
  });

  it('reads no index of a thousand entries', async () => {
    const [first] = [keepIndex(store, [await image('linux/amd64')])];
    const manifests = Array.from({ length: 1000 }, () => ({ ...first, platform: parsePlatform('linux/amd64') }));
    const text = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests });
    tag(keep(store, mediaTypes.ociIndex, Buffer.from(text)));
    const checked = await checkImage(open(), reference(), nodes);
    assert.match(checked.nodes[0]?.reason ?? '', /lists more than 128 images/);
    assert.equal(server.asked.length, 1);
  });

  it('goes round no index that names itself or grows with its depth', async () => {
    let inner = keepIndex(store, [await image('linux/amd64')]);
    for (let depth = 0; depth < 6; depth += 1) {
      const text = JSON.stringify({ schemaVersion: 2, manifests: [inner, inner] });
      inner = keep(store, mediaTypes.ociIndex, Buffer.from(text));
    }
    tag(inner);
    const checked = await checkImage(open(), reference(), nodes.slice(0, 1));
    assert.deepEqual([checked.nodes[0]?.answer, checked.nodes[0]?.unread], ['unknown', true]);
    assert.match(checked.nodes[0]?.reason ?? '', /holds indexes more than 3 deep/);
    assert.ok(server.asked.length < 20, server.asked.length.toString());
  });

  it('is unknown where a body hangs, in bounded time', async () => {
    const slow = await startScriptedServer();
    const request = 'GET /v2/lab/fn/manifests/1';
    const half = {
      status: 200,
      headers: { 'content-type': mediaTypes.ociIndex },
      body: '{"schema',
      end: 'stall',
    } as const;
    slow.expect({ request, answer: half }, { request, answer: half });
    const checked = await checkImage(open(), { ...reference(), registry: slow.host }, nodes);
    assert.match(checked.nodes[0]?.reason ?? '', /fell silent for 0\.3 s after 8 bytes/);
    await slow.close();
  });

  it('asks a registry that limits requests no more, and others all the same', async () => {
    tag(await threePlatforms());
    let asked = 0;
    const server429 = createServer((_request, response) => {
      asked += 1;
      response.writeHead(429, { 'retry-after': '3600' }).end('{"errors":[{"code":"TOOMANYREQUESTS"}]}');
    });
    await listen(server429);
    const address = server429.address();
    assert.ok(address !== null && typeof address === 'object');
    const limited = `127.0.0.1:${address.port}`;
    const wanted = Array.from({ length: 20 }, (_, index) => ({
      reference: { registry: limited, repository: `lab/fn-${index}`, tag: '1' },
      nodes,
    }));
    const checked = await checkImages(open(), [...wanted, { reference: reference(), nodes }], { report });
    assert.equal(checked.length, 21);
    assert.deepEqual(answers(checked[20] ?? assert.fail()), ['runs', 'runs', 'runs', 'runs']);
    for (const each of checked.slice(0, 20)) assert.equal(each.failure?.code, 'BAN-E308');
    assert.match(checked[19]?.nodes[0]?.reason ?? '', /^it was not asked for: the registry .* limits how often/);
    assert.match(checked[19]?.failure?.hint ?? '', /again in 60 min/);
    assert.ok(asked <= 6, `${asked} requests: those that were sent together, each once`);
    server429.closeAllConnections();
    server429.close();
  });

  it('does not let a registry that is down hold up another', async () => {
    tag(await threePlatforms());
    const silent = await startScriptedServer();
    await silent.close();
    const done: string[] = [];
    const watch = {
      report: (event: { type: string; about?: string }) => event.type === 'ended' && done.push(event.about ?? ''),
    };
    const dead = Array.from({ length: 30 }, (_, index) => ({
      reference: { registry: silent.host, repository: `lab/fn-${index}`, tag: '1' },
      nodes,
    }));
    const checked = await checkImages(open(), [...dead, { reference: reference(), nodes }], watch);
    assert.equal(checked.at(-1)?.failure, undefined);
    assert.equal(checked.filter(({ failure }) => failure?.code === 'BAN-E301').length, 30);
    assert.equal(done.length, 31);
  });

  it('stops with the signal', async () => {
    tag(await threePlatforms());
    const stop = new AbortController();
    const client = openRegistry({ credentials: { find: async () => undefined }, report: () => stop.abort() });
    const wanted = [{ reference: reference(), nodes }];
    await assert.rejects(checkImages(client, wanted, { report, signal: stop.signal }), Interrupted);
    while (server.openBodies() > 0) await new Promise(setImmediate);
  });
});
