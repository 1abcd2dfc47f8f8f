import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, rmSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { openBases } from '../../cli/build/assemble/base-image.ts';
import type { BuildOutcome } from '../../cli/build/builder.ts';
import { Interrupted } from '../../cli/errors.ts';
import { missingBaseName } from '../../cli/oci/missing-base.ts';
import { nodeKinds } from '../../cli/oci/node.ts';
import { checkImage } from '../../cli/registry/check.ts';
import { openImageMemory } from '../../cli/registry/image-memory.ts';
import { openLayout } from '../../cli/registry/layout.ts';
import type { ImageReader } from '../../cli/registry/registry.ts';
import { readDeployableImage } from '../../cli/rollout/image.ts';
import { listen } from '../registry/scripted-server.ts';
import { keep, type Store, serveStore } from '../registry/stored-image.ts';
import { amd64, armv7, makeBases, makeSmallContext, openWorkshop } from './assembled-function.ts';

interface Document {
  readonly manifests: readonly { readonly digest: string; readonly platform: object }[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly config: { readonly digest: string };
  readonly layers: readonly { readonly digest: string; readonly mediaType: string; readonly size: number }[];
}

const place = { registry: 'x', repository: 'x' };

/** Index, manifests and configurations of an image. */
async function readAll(reader: ImageReader, digest: string) {
  const document = async (each: string): Promise<Document> =>
    JSON.parse(Buffer.from((await reader.manifest({ ...place, digest: each })).bytes).toString()) as Document;
  const index = await document(digest);
  const manifests = await Promise.all(index.manifests.map((each) => document(each.digest)));
  const configs = await Promise.all(
    manifests.map(async ({ config }) => JSON.parse(await text(await reader.blob(place, config.digest))) as object),
  );
  return { index, manifests, configs };
}

function built(
  outcome: BuildOutcome,
): Exclude<BuildOutcome, { readonly failure: unknown }> & { readonly digest: string } {
  if ('failure' in outcome) return assert.fail(JSON.stringify(outcome.failure));
  assert.ok(outcome.digest !== undefined);
  return { ...outcome, digest: outcome.digest };
}

function failed(outcome: BuildOutcome) {
  return 'failure' in outcome ? outcome.failure : assert.fail('it was built');
}

function fullDisk(): Error {
  return Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
}

describe('an image that bantam assembles itself', function () {
  this.timeout(30_000);
  let store: Store;
  let bases: Awaited<ReturnType<typeof serveStore>>;
  let workshop: Awaited<ReturnType<typeof openWorkshop>>;
  beforeEach(async () => {
    store = await makeBases();
    bases = await serveStore(store);
    workshop = await openWorkshop(bases);
  });
  afterEach(async () => {
    await workshop.close();
    await bases.close();
  });

  it('has the layers and settings of its bases, and over them the function’s', async () => {
    const folder = join(workshop.folder, 'out');
    const outcome = built(await workshop.build({ output: { kind: 'layout', folder }, labels: { a: 'label' } }));
    const { index, manifests, configs } = await readAll(await openLayout(folder), outcome.digest);
    assert.deepEqual(
      index.manifests.map(({ platform }) => platform),
      [amd64, armv7],
    );
    const own = manifests.map(({ layers }) => layers.at(-1));
    assert.equal(own[0]?.digest, own[1]?.digest, 'one bundle for all');
    assert.deepEqual(
      manifests.map(({ layers }) => layers.length),
      [3, 2],
    );
    assert.equal(manifests[0]?.annotations?.['org.opencontainers.image.base.name'], `${bases.host}/node:64`);
    assert.equal(index.annotations, undefined);
    const [config, arm] = configs as { config: object; history: object[]; rootfs: { diff_ids: string[] } }[];
    assert.deepEqual(config?.config, {
      User: '1000:1000',
      ExposedPorts: { '9/udp': {}, '8080/tcp': {} },
      Env: ['PATH=/nodejs/bin:/usr/local/bin:/usr/bin:/bin', 'LANG=C', 'NODE_ENV=production'],
      Entrypoint: ['node', '--max-semi-space-size=4', '--enable-source-maps', '/app/function.mjs'],
      WorkingDir: '/home/app',
      Labels: { a: 'label', 'bantam.runtime': '1', of: 'the base' },
      StopSignal: 'SIGQUIT',
    });
    assert.deepEqual([config?.history.length, config?.rootfs.diff_ids.length], [2 + 9, 3]);
    assert.deepEqual(arm?.rootfs.diff_ids.at(-1), config?.rootfs.diff_ids.at(-1));
    assert.deepEqual(
      outcome.sizes.map(({ program, own: bytes }) => [program.split(':')[0], bytes]),
      [
        ['runs', own[0]?.size],
        ['runs', own[0]?.size],
      ],
    );
    const beside = await readdir(workshop.folder);
    assert.deepEqual(
      beside.filter((name) => name.startsWith('.')),
      [],
      'nothing is left over',
    );
  });

  it('is the same again, from what was kept and from nothing; a damaged copy is noticed', async () => {
    const first = built(await workshop.build({ output: { kind: 'check' } }));
    const bundled = () =>
      workshop.events.filter((event) => event.type === 'progress' && event.text === 'bundling').length;
    assert.equal(bundled(), 1);
    assert.equal(built(await workshop.build({ output: { kind: 'check' } })).digest, first.digest);
    assert.equal(bundled(), 1, 'kept');
    const [key = ''] = await readdir(join(workshop.folder, 'own-layers-1'));
    await writeFile(join(workshop.folder, 'own-layers-1', key, 'layer'), 'damaged');
    assert.equal(built(await workshop.build({ output: { kind: 'check' } })).digest, first.digest);
    assert.equal(bundled(), 2, 'made anew');
    const fresh = { cache: true, pull: true };
    assert.equal(built(await workshop.build({ output: { kind: 'check' }, fresh })).digest, first.digest);
    assert.equal(bundled(), 3);
    const context = await makeSmallContext(workshop.folder, 'export default () => 2;\n');
    const other = built(await workshop.build({ context, contextDigest: `sha256:${'d'.repeat(64)}` }));
    assert.notEqual(other.digest, first.digest);
  });

  it('is made whole where another build replaces at the same time what is kept', async () => {
    const fresh = { cache: true, pull: true };
    const context = await makeSmallContext(workshop.folder);
    const output = { kind: 'check' } as const;
    const all = await Promise.all(
      Array.from({ length: 8 }, (_, each) => workshop.build({ context, output, ...(each % 2 === 0 ? { fresh } : {}) })),
    );
    assert.equal(new Set(all.map((outcome) => built(outcome).digest)).size, 1);
    // As if another build took it away between the reading and the use.
    const kept = join(workshop.folder, 'own-layers-1');
    const watched = workshop.open();
    const plan = await workshop.plan({ context, output });
    const report = (event: { readonly type: string; readonly text?: string }): void => {
      if (event.type === 'trace' && event.text?.includes('are taken from') === true) rmSync(kept, { recursive: true });
    };
    built(await watched.build(plan, { report, signal: new AbortController().signal }));
    assert.equal(existsSync(kept), false);
  });

  it('goes to the registry with each base layer read once, and never again', async () => {
    const first = built(await workshop.build());
    assert.deepEqual([first.push?.changed, (first.push?.sentBytes ?? 0) > 200_000], [true, true]);
    const layers = bases.asked.filter((line) => line.startsWith('GET') && line.includes('/blobs/'));
    assert.equal(new Set(layers).size, layers.length, layers.join('\n'));
    const again = built(await workshop.build());
    assert.deepEqual(again.push, { sentBytes: 0, changed: false });
    assert.equal(
      bases.asked.filter((line) => line.startsWith('GET') && line.includes('/blobs/')).length,
      layers.length,
    );
    // Another function, with nothing kept here but what is known of the base: its layers are mounted, not sent.
    workshop.asked.length = 0;
    const context = await makeSmallContext(workshop.folder, 'export default () => 3;\n');
    const reference = { registry: workshop.host, repository: 'other', tag: '1' };
    const other = built(await workshop.build({ reference, context, contextDigest: `sha256:${'e'.repeat(64)}` }));
    assert.ok((other.push?.sentBytes ?? 0) < 50_000, String(other.push?.sentBytes));
    const checked = await checkImage(workshop.registry, reference, nodeKinds);
    assert.deepEqual(checked.says, ['linux/amd64', 'linux/arm/v7']);
  });

  it('mounts the layers of a base that lies in the registry it goes to', async () => {
    const { registry, host } = workshop;
    for (const [digest, { bytes, mediaType }] of store.blobs) {
      if (!digest.startsWith('sha256:') || /manifest|index/.test(mediaType)) continue;
      const stream = async () => new Blob([bytes]).stream();
      await registry.putBlob(
        { registry: host, repository: 'node' },
        { digest, size: bytes.length, open: stream },
        undefined,
      );
    }
    for (const [name, { bytes, mediaType }] of store.blobs) {
      if (!/manifest|index/.test(mediaType)) continue;
      const tag = name.startsWith('sha256:') ? undefined : name;
      await registry.putManifest({ registry: host, repository: 'node' }, { mediaType, bytes }, tag);
    }
    const buildArguments = { NODE_64: `${host}/node:64`, NODE_ARM: `${host}/node:32` };
    const outcome = built(await workshop.build({ buildArguments }));
    assert.ok((outcome.push?.sentBytes ?? 0) < 50_000, String(outcome.push?.sentBytes));
    assert.equal(workshop.asked.filter((line) => line.includes('mount=') && line.includes('from=node')).length, 3);
  });

  it('is made of a mirror that --build-context names, also of a folder, and not of anything else', async () => {
    const given = { buildArguments: { NODE_64: 'docker.io/library/absent:1', NODE_ARM: 'absent.lan/node:2' } };
    const buildContexts = {
      'absent:1': `docker-image://${bases.host}/node:64`,
      'absent.lan/node:2': `docker-image://${bases.host}/node:32`,
    };
    const output = { kind: 'check' } as const;
    const mirrored = built(await workshop.build({ ...given, output, buildContexts }));
    assert.equal(mirrored.sizes.length, 2);
    const folder = join(workshop.folder, 'whole');
    built(await workshop.build({ output: { kind: 'layout', folder } }));
    const layout = { ...buildContexts, 'absent:1': `oci-layout://${folder}` };
    assert.equal(built(await workshop.build({ ...given, output, buildContexts: layout })).sizes.length, 2);
    const refused = failed(
      await workshop.build({ ...given, output, buildContexts: { ...buildContexts, 'absent:1': '../folder' } }),
    );
    assert.equal(refused.code, 'BAN-E220');
    assert.match(refused.message, /only docker buildx can take \.\.\/folder/);
  });

  it('says of a base that is not there, or not for the platform, which one', async () => {
    const absent = failed(
      await workshop.build({ buildArguments: { NODE_64: `${bases.host}/node:99`, NODE_ARM: 'scratch' } }),
    );
    assert.deepEqual([absent.code, absent.message.includes(`${bases.host}/node:99`)], ['BAN-E210', true]);
    const arm = failed(await workshop.build({ platforms: [{ os: 'linux', architecture: 'arm64' }] }));
    assert.deepEqual([arm.code, /is not there for linux\/arm64/.test(arm.message)], ['BAN-E210', true]);
  });

  it('without a base that can be had: its own layers, said in label, annotations, warning and verdict', async () => {
    await bases.close();
    const folder = join(workshop.folder, 'out');
    const outcome = built(await workshop.build({ output: { kind: 'layout', folder } }));
    const reader = await openLayout(folder);
    const { index, manifests, configs } = await readAll(reader, outcome.digest);
    assert.equal(index.annotations?.[missingBaseName], `${bases.host}/node:64 ${bases.host}/node:32`);
    assert.deepEqual(
      manifests.map(({ layers, annotations }) => [layers.length, annotations?.[missingBaseName]]),
      [
        [1, `${bases.host}/node:64`],
        [1, `${bases.host}/node:32`],
      ],
    );
    assert.match(JSON.stringify(configs), /"bantam\.base\.missing":/);
    const warning = workshop.events.find((event) => event.type === 'warning');
    assert.ok(warning?.type === 'warning' && /cannot be had .* only on the process provider/.test(warning.text));
    assert.match(outcome.sizes[0]?.program ?? '', /^does not: it was built without its base image 127/);
    const checked = await checkImage(reader, { ...place, digest: outcome.digest }, nodeKinds);
    assert.deepEqual([...new Set(checked.nodes.map(({ answer }) => answer))], ['does not']);
  });

  it('says for which platforms the base cannot be had, if the others have theirs', async () => {
    const buildArguments = { NODE_64: `${bases.host}/node:64`, NODE_ARM: 'absent.invalid/node:32' };
    const refused = failed(await workshop.build({ buildArguments }));
    assert.equal(refused.code, 'BAN-E221');
    assert.match(refused.message, /absent\.invalid\/node:32 for linux\/arm\/v7 cannot be had/);
    assert.match(refused.hint ?? '', /build for the others alone: --platform linux\/amd64;/);
    built(await workshop.build({ buildArguments, output: { kind: 'check' } }));
    const warning = workshop.events.find((event) => event.type === 'warning');
    assert.ok(warning?.type === 'warning' && warning.text.includes('for linux/arm/v7 cannot be had'), warning?.type);
  });

  it('asks a registry that does not answer no more for another base in the same run', async () => {
    let asked = 0;
    const broken = createServer((incoming) => {
      asked += 1;
      incoming.socket.destroy();
    });
    await listen(broken);
    try {
      const address = broken.address();
      const host = typeof address === 'object' && address !== null ? `127.0.0.1:${address.port}` : '';
      const builder = workshop.open();
      const output = { kind: 'check' } as const;
      const of = (name: string) => ({ NODE_64: `${host}/${name}:64`, NODE_ARM: 'scratch' });
      built(await workshop.build({ output, platforms: [amd64], buildArguments: of('one') }, builder));
      const before = asked;
      assert.ok(before > 0);
      built(await workshop.build({ output, platforms: [amd64], buildArguments: of('two') }, builder));
      assert.equal(asked, before);
    } finally {
      broken.closeAllConnections();
      broken.close();
    }
  });

  it('is not given up because another function that waited for the same base failed', async () => {
    let answer: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      answer = resolve;
    });
    let asked: () => void = () => undefined;
    const first = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const opened = openBases({
      registry: async () => ({
        ...workshop.registry,
        async manifest(reference, signal) {
          asked();
          await held;
          return await workshop.registry.manifest(reference, signal);
        },
        digestOf: async () => undefined,
      }),
      memory: async () => openImageMemory(join(workshop.folder, 'memory'), () => undefined),
    });
    const stop = new AbortController();
    const find = (signal: AbortSignal) => opened.find([`${bases.host}/node:64`], {}, amd64, signal);
    const given = assert.rejects(find(stop.signal), Interrupted);
    await first;
    stop.abort();
    await new Promise((resolve) => setImmediate(resolve));
    const other = find(new AbortController().signal);
    answer();
    await given;
    assert.equal((await other)?.name, `${bases.host}/node:64`);
  });

  it('that does not fit on the disk is the user’s to mend, and no fault of bantam’s', async () => {
    const images = failed(
      await workshop.build({}, workshop.open({ prepareLayout: async () => Promise.reject(fullDisk()) })),
    );
    assert.equal(images.code, 'BAN-E003');
    assert.match(images.message, /^hello: its image cannot be written: ENOSPC/);
  });

  it('without its base it goes to the local gateway’s registry alone, and is deployed there alone', async () => {
    await bases.close();
    const refused = failed(await workshop.build());
    assert.equal(refused.code, 'BAN-E221');
    assert.match(refused.details?.[0] ?? '', /^nothing was pushed/);
    assert.deepEqual(workshop.asked, [], 'nobody was asked');
    workshop.beLocal();
    const { digest } = built(await workshop.build());
    const signal = new AbortController().signal;
    const expected = {
      digest,
      architecture: 'amd64',
      dialect: { imageForm: 'digest', pullsBeforeAnswer: false },
    } as const;
    const image = `${workshop.host}/hello:1`;
    await assert.rejects(
      readDeployableImage(workshop.registry, image, expected, signal),
      /without its base image .*would not start/,
    );
    const read = await readDeployableImage(workshop.registry, image, { ...expected, takesBaseless: true }, signal);
    assert.deepEqual([read.digest, read.bantamRuntime, read.verdict], [digest, true, undefined]);
  });

  it('whose base breaks off in the middle is made without it for the local gateway, and for nobody else', async () => {
    // Read far enough to know what the base is; its layers are gone when they are to be pushed.
    const builder = workshop.open();
    built(await workshop.build({ output: { kind: 'check' } }, builder));
    await rm(join(workshop.folder, 'base-layers'), { recursive: true });
    await bases.close();
    const refused = failed(await workshop.build({}, builder));
    assert.deepEqual([refused.code, refused.message.includes(bases.host)], ['BAN-E221', true], refused.message);
    workshop.beLocal();
    const outcome = built(await workshop.build({}, builder));
    assert.match(outcome.sizes[0]?.program ?? '', /without its base image/);
  });

  it('ends at Ctrl-C while a base keeps silent', async () => {
    const silent = createServer(() => undefined);
    await listen(silent);
    try {
      const address = silent.address();
      const host = typeof address === 'object' && address !== null ? `127.0.0.1:${address.port}` : '';
      const asked = once(silent, 'request');
      const plan = await workshop.plan({ buildArguments: { NODE_64: `${host}/node:64`, NODE_ARM: `${host}/node:32` } });
      const stop = new AbortController();
      const building = workshop.open().build(plan, { report: () => undefined, signal: stop.signal });
      await asked;
      stop.abort();
      await assert.rejects(building, Interrupted);
    } finally {
      silent.closeAllConnections();
      silent.close();
    }
  });

  it('keeps the base: once read, it is there without a network', async () => {
    const first = built(await workshop.build());
    await bases.close();
    const digests = [...store.blobs.keys()].filter((key) => key.startsWith('sha256:'));
    const index = store.blobs.get('64');
    const arm = store.blobs.get('32');
    assert.ok(index !== undefined && arm !== undefined);
    const pinned = {
      NODE_64: `${bases.host}/node@${keep(store, index.mediaType, index.bytes).digest}`,
      NODE_ARM: `${bases.host}/node@${keep(store, arm.mediaType, arm.bytes).digest}`,
    };
    assert.ok(digests.length > 3);
    const reference = { registry: workshop.host, repository: 'elsewhere', tag: '1' };
    const offline = built(await workshop.build({ buildArguments: pinned, reference }));
    assert.deepEqual(
      offline.sizes.map(({ total }) => total),
      first.sizes.map(({ total }) => total),
    );
  });

  it('refuses what only docker buildx can do, and a Dockerfile that says something else, with the line', async () => {
    const caches = { from: ['type=gha'], to: [] };
    for (const [more, words] of [
      [{ described: false }, /only the templates of bantam/],
      [{ described: false, sources: undefined }, /lang: dockerfile/],
      [{ output: { kind: 'load' } }, /--load/],
      [{ caches }, /caches of BuildKit/],
      [{ instance: { name: 'pis', own: false } }, /the builder pis/],
      [{ buildArguments: { ADDITIONAL_PACKAGE: 'curl' } }, /build options/],
    ] as const) {
      const failure = failed(await workshop.build(more));
      assert.equal(failure.code, 'BAN-E220', JSON.stringify(more));
      assert.match(failure.message, words);
    }
    const context = await makeSmallContext(workshop.folder);
    const dockerfile = await readFile(join(context, 'Dockerfile'), 'utf8');
    await writeFile(join(context, 'Dockerfile'), dockerfile.replace('USER 1000:1000', 'USER 0'));
    const changed = failed(await workshop.build({ context }));
    assert.equal(changed.code, 'BAN-E220');
    assert.match(changed.details?.[0] ?? '', /^Dockerfile:\d+ {2}USER 0$/);
  });

  it('gives npm the build secret npmrc and shows nothing of it', async () => {
    const context = await makeSmallContext(workshop.folder);
    await mkdir(join(context, 'function'), { recursive: true });
    await writeFile(join(context, 'function/package.json'), '{"dependencies":{"private":"1.0.0"}}');
    const secrets = [
      { id: 'npmrc', variable: 'TOKEN' },
      { id: 'other', variable: 'TOKEN' },
    ];
    const failure = failed(await workshop.build({ context, secrets }));
    assert.equal(failure.code, 'BAN-E206');
    assert.doesNotMatch(JSON.stringify([failure, workshop.events]), /s3cret/);
    assert.match(JSON.stringify(failure.details), /the token is …/);
    assert.match(workshop.runs[0]?.userconfig ?? '', /npmrc$/);
    assert.ok(workshop.events.some((event) => event.type === 'note' && event.text.includes('build secret other')));
    assert.deepEqual(await readdir(join(workshop.folder, 'scratch')), [], 'the secret’s file is gone');
  });
});
