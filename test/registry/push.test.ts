import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../../cli/errors.ts';
import { parseReference } from '../../cli/oci/reference.ts';
import { openRegistry } from '../../cli/registry/client.ts';
import { listContents } from '../../cli/registry/contents.ts';
import type { Credential } from '../../cli/registry/credentials.ts';
import { openLayout } from '../../cli/registry/layout.ts';
import { type BlobLedger, pushImage } from '../../cli/registry/push.ts';
import { needParts } from '../real-parts.ts';
import { type CountingProxy, startProxy } from './push-proxy.ts';
import { startScriptedServer } from './scripted-server.ts';
import { keepIndex, type Store, writeLayout } from './stored-image.ts';

const amd64 = { os: 'linux', architecture: 'amd64' };
const arm64 = { os: 'linux', architecture: 'arm64' };

/** A ledger in memory. */
function ledger(): BlobLedger {
  const known = new Map<string, string>();
  return {
    placeOf: (registry, digest) => known.get(`${registry} ${digest}`),
    add: (registry, digest, repository) => void known.set(`${registry} ${digest}`, repository),
    inTurn: (_registry, _digest, upload) => upload(),
  };
}

const open = (more: { readonly attempts?: number; readonly credential?: Credential; readonly timeout?: number } = {}) =>
  openRegistry({
    credentials: { find: () => Promise.resolve(more.credential) },
    report: () => undefined,
    wait: () => Promise.resolve(),
    ...(more.attempts === undefined ? {} : { attempts: more.attempts }),
    ...(more.timeout === undefined ? {} : { timeout: more.timeout }),
  });

const failsWith = (code: string, words: RegExp) => (error: unknown) => {
  assert.ok(error instanceof UserError, error instanceof Error ? error.stack : String(error));
  assert.equal(error.code, code, error.message);
  assert.match(error.message, words);
  return true;
};

describe('a push to a real registry', function () {
  this.timeout(60_000);
  let root = '';
  let host = '';
  let proxy: CountingProxy;
  const none = new AbortController().signal;

  /** An image of two platforms: a common base of 300 kB, and a layer of its own each. */
  const image = async (name: string, base: Uint8Array, own = randomBytes(1000)) => {
    const store: Store = { blobs: new Map() };
    const folder = join(root, name);
    const index = keepIndex(
      store,
      [amd64, arm64].map((platform) => ({
        platform,
        config: { Entrypoint: ['/fn'] },
        layers: [base, Buffer.concat([own, Buffer.from(platform.architecture)])],
      })),
    );
    // Without the attestation that the sample has: what it names is no manifest a registry takes.
    const text = new TextDecoder().decode(store.blobs.get(index.digest)?.bytes);
    const { manifests, ...rest } = JSON.parse(text) as { manifests: readonly { platform: { os: string } }[] };
    const bytes = Buffer.from(
      JSON.stringify({ ...rest, manifests: manifests.filter(({ platform }) => platform.os !== 'unknown') }),
    );
    store.blobs.delete(index.digest);
    const { sha256Digest } = await import('../../cli/oci/digest.ts');
    const digest = sha256Digest(bytes);
    store.blobs.set(digest, { mediaType: index.mediaType, bytes });
    await writeLayout(folder, store, { ...index, digest, size: bytes.length });
    return { folder, digest, reader: await openLayout(folder) };
  };
  const repository = (name = 'hello'): string => `${proxy.host}/push-${randomBytes(4).toString('hex')}/${name}`;
  const tally = (): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (const { method } of proxy.passed) counts[method] = (counts[method] ?? 0) + 1;
    return counts;
  };
  const sentBytes = (): number => proxy.passed.reduce((sum, { bytes }) => sum + bytes, 0);

  before(async function () {
    const bed = await needParts(this, 'registry');
    host = bed.registry ?? '';
  });
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'bantam-push-'));
    proxy = await startProxy(host);
  });
  afterEach(async () => {
    await proxy?.[Symbol.asyncDispose]();
    await rm(root, { recursive: true, force: true });
  });

  it('sends each blob once, then nothing, then one layer, and mounts in another repository', async () => {
    const base = randomBytes(300_000);
    const registry = open();
    const known = ledger();
    const options = { ledger: known, signal: none };
    const target = parseReference(repository());
    const first = await image('one', base);
    const pushed = await pushImage(first.reader, registry, target, first.digest, options);
    assert.equal(pushed.changed, true);
    assert.equal(pushed.sentBytes, sentBytes(), 'counted as they went over the wire');
    // Of each of 5 blobs: is it there, begin, send; 2 manifests, the index, the tag; the tag before, the index after.
    assert.deepEqual(tally(), { HEAD: 6, POST: 5, PUT: 9, GET: 1 });

    proxy.passed.length = 0;
    assert.deepEqual(await pushImage(first.reader, registry, target, first.digest, options), {
      sentBytes: 0,
      changed: false,
    });
    assert.deepEqual(
      tally(),
      { HEAD: 9 },
      'an unchanged tag: is it there, are its 5 blobs, 2 manifests and the index?',
    );

    proxy.passed.length = 0;
    const second = await image('two', base);
    await pushImage(second.reader, registry, target, second.digest, options);
    assert.deepEqual(tally(), { HEAD: 6, POST: 4, PUT: 8, GET: 1 }, 'the base is there');
    assert.ok(sentBytes() < 10_000, `${sentBytes()} bytes`);

    proxy.passed.length = 0;
    const third = await image('three', base);
    const elsewhere = parseReference(repository('other'));
    await pushImage(third.reader, registry, elsewhere, third.digest, options);
    assert.ok(proxy.passed.some(({ method, path }) => method === 'POST' && /mount=sha256.*from=push-/.test(path)));
    assert.deepEqual(tally(), { HEAD: 6, POST: 5, PUT: 8, GET: 1 });
    assert.ok(sentBytes() < 10_000, `${sentBytes()} bytes: the base was mounted`);
  });

  it('sends again what a registry has lost behind an unchanged tag', async () => {
    const { reader, digest } = await image('one', randomBytes(5000));
    const target = parseReference(repository());
    const registry = open();
    await pushImage(reader, registry, target, digest, { ledger: ledger(), signal: none });
    const lost = (await listContents(reader, { ...target, digest })).blobs[0];
    assert.ok(lost);
    const { status } = await fetch(`http://${target.registry}/v2/${target.repository}/blobs/${lost.digest}`, {
      method: 'DELETE',
    });
    assert.equal(status, 202);
    assert.equal(await registry.hasBlob(target, lost.digest), false);
    const again = await pushImage(reader, registry, target, digest, { ledger: ledger(), signal: none });
    assert.deepEqual([again.changed, again.sentBytes], [false, lost.size]);
    assert.equal(await registry.hasBlob(target, lost.digest), true);
  });

  it('sends a blob that the ledger places where it no longer is', async () => {
    const { reader, digest } = await image('one', randomBytes(5000));
    const wrong: BlobLedger = { ...ledger(), placeOf: () => 'nobody/was-here' };
    const target = parseReference(repository());
    await pushImage(reader, open(), target, digest, { ledger: wrong, signal: none });
    assert.equal(await open().digestOf(target), digest);
  });

  for (const [what, interference] of [
    ['breaks in the middle of a body', { cut: 100_000 }],
    ['breaks before the body', 'reset'],
    ['is busy', { status: 503 }],
    ['forgets the upload', { status: 404 }],
  ] as const)
    it(`begins an upload anew when the registry ${what}`, async () => {
      const { reader, digest } = await image('one', randomBytes(300_000));
      const target = parseReference(repository());
      let left = 2;
      proxy.interfere = (method, path, request) => {
        const large = Number(request.headers['content-length']) > 200_000;
        if (method !== 'PUT' || !path.includes('/uploads/') || !large || left === 0) return undefined;
        left -= 1;
        return interference;
      };
      await pushImage(reader, open(), target, digest, { ledger: ledger(), signal: none });
      assert.equal(left, 0);
      const large = proxy.passed.filter(({ bytes }) => bytes === 300_000);
      assert.ok(large.length >= 1);
      assert.equal(await open().digestOf(target), digest);
    });

  it('leaves the old tag when anything fails, and asks a registry that broke down for no more', async () => {
    const target = parseReference(repository());
    const old = await image('old', randomBytes(2000));
    await pushImage(old.reader, open(), target, old.digest, { ledger: ledger(), signal: none });
    const next = await image('next', randomBytes(300_000));
    for (const [what, interfere, code] of [
      [
        'no room',
        (method: string, path: string) =>
          method === 'PUT' && path.includes('/uploads/')
            ? { status: 500, body: '{"errors":[{"code":"UNKNOWN","message":"no space left on device"}]}' }
            : undefined,
        'BAN-E304',
      ],
      ['refused', (method: string) => (method === 'POST' ? { status: 403 } : undefined), 'BAN-E302'],
      [
        'manifest refused',
        (method: string, path: string) =>
          method === 'PUT' && path.includes('/manifests/') ? { status: 400 } : undefined,
        'BAN-E304',
      ],
      ['down', (method: string) => (method === 'PUT' ? 'reset' : undefined), 'BAN-E301'],
      [
        'other index given back',
        (method: string, path: string) =>
          method === 'GET' && path.includes('/manifests/')
            ? { status: 200, headers: { 'content-type': 'application/vnd.oci.image.index.v1+json' }, body: '{}' }
            : undefined,
        'BAN-E306',
      ],
    ] as const) {
      proxy.interfere = interfere;
      proxy.passed.length = 0;
      await assert.rejects(
        pushImage(next.reader, open({ attempts: 2 }), target, next.digest, { ledger: ledger(), signal: none }),
        failsWith(code, new RegExp(proxy.host)),
        what,
      );
      assert.ok(proxy.passed.length <= 25, `${what}: ${proxy.passed.length} requests`);
      proxy.interfere = () => undefined;
      assert.equal(await open().digestOf(target), old.digest, what);
    }
  });

  it('tells what the registry says of a full disk', async () => {
    const next = await image('next', randomBytes(2000));
    const body = '{"errors":[{"code":"UNKNOWN","message":"no space left on device"}]}';
    proxy.interfere = (method, path) =>
      method === 'PUT' && path.includes('/uploads/') ? { status: 500, body } : undefined;
    await assert.rejects(
      pushImage(next.reader, open({ attempts: 2 }), parseReference(repository()), next.digest, {
        ledger: ledger(),
        signal: none,
      }),
      failsWith('BAN-E304', /500 UNKNOWN: no space left on device/),
    );
  });

  it('never sends a damaged blob to its end', async () => {
    const base = randomBytes(300_000);
    const good = await image('good', base);
    const { sha256Digest } = await import('../../cli/oci/digest.ts');
    const file = (folder: string): string => join(folder, 'blobs', ...sha256Digest(base).split(':'));
    for (const damage of [
      async (path: string) => await truncate(path, 1000),
      async (path: string) => await writeFile(path, Buffer.concat([base, Buffer.from('more')])),
      async (path: string) => await writeFile(path, randomBytes(base.length)),
    ]) {
      await damage(file(good.folder));
      const target = parseReference(repository());
      await assert.rejects(
        pushImage(good.reader, open(), target, good.digest, { ledger: ledger(), signal: none }),
        failsWith('BAN-E306', /is damaged/),
      );
      assert.equal(await open().digestOf(target), undefined);
    }
  });

  it('stops when it is interrupted in the middle of a blob', async () => {
    const { reader, digest } = await image('one', randomBytes(300_000));
    const target = parseReference(repository());
    const interrupt = new AbortController();
    proxy.interfere = (method, path) => {
      if (method !== 'PUT' || !path.includes('/uploads/')) return undefined;
      interrupt.abort();
      return 'hang';
    };
    await assert.rejects(
      pushImage(reader, open(), target, digest, { ledger: ledger(), signal: interrupt.signal }),
      /interrupted/,
    );
    assert.equal(await open().digestOf(target), undefined);
  });
});

describe('an upload', () => {
  const bytes = Buffer.from('the bytes of a blob');
  const digest = 'sha256:0f6cf5ed2d3a2ee4e5dde4ef8fdd1df1f7fa4f4f4bcb9d7c5a1c5b6df3b1a111';
  const blob = () => ({
    digest,
    size: bytes.length,
    open: () => Promise.resolve(new Blob([bytes]).stream() as ReadableStream<Uint8Array>),
  });
  const head = { request: `HEAD /v2/hello/blobs/${digest}`, answer: { status: 404 } };
  const basic: Credential = { kind: 'basic', username: 'me', password: 'secret' };

  it('goes where the registry says: relative, absolute, with a query kept byte by byte', async () => {
    const server = await startScriptedServer();
    for (const [location, asked] of [
      ['/v2/hello/blobs/uploads/7', '/v2/hello/blobs/uploads/7?digest='],
      ['7?_state=a%2Bb~c%20d', '/v2/hello/blobs/uploads/7?_state=a%2Bb~c%20d&digest='],
      [`http://${server.host}/elsewhere?x=1`, '/elsewhere?x=1&digest='],
    ] as const) {
      server.expect(
        head,
        {
          request: 'POST /v2/hello/blobs/uploads/',
          headers: { 'content-length': /^0$/ },
          answer: { status: 202, headers: { location } },
        },
        {
          request: `PUT ${asked}${encodeURIComponent(digest)}`,
          headers: { 'content-length': new RegExp(`^${bytes.length}$`), 'transfer-encoding': undefined },
          body: /^the bytes of a blob$/,
          answer: { status: 201 },
        },
      );
      assert.equal(await open().putBlob(parseReference(`${server.host}/hello:1`), blob(), undefined), 'sent');
    }
    await server.close();
  });

  it('takes no credentials to another machine, and answers none of its questions', async () => {
    const [server, storage] = [await startScriptedServer(), await startScriptedServer()];
    server.expect(
      { ...head, answer: { status: 401, headers: { 'www-authenticate': 'Basic realm="r"' } } },
      { ...head, headers: { authorization: /^Basic / } },
      {
        request: 'POST /v2/hello/blobs/uploads/',
        headers: { authorization: /^Basic / },
        answer: { status: 202, headers: { location: `http://${storage.host}/put` } },
      },
    );
    storage.expect({
      request: `PUT /put?digest=${encodeURIComponent(digest)}`,
      headers: { authorization: undefined },
      answer: { status: 401, headers: { 'www-authenticate': `Bearer realm="http://${storage.host}/token"` } },
    });
    await assert.rejects(
      open({ credential: basic }).putBlob(parseReference(`${server.host}/hello:1`), blob(), undefined),
      failsWith('BAN-E304', /its storage refuses/),
    );
    await server.close();
    await storage.close();
  });

  it('says so when a registry names no address, or stores another digest', async () => {
    const server = await startScriptedServer();
    server.expect(head, { request: 'POST /v2/hello/blobs/uploads/', answer: { status: 202 } });
    const reference = parseReference(`${server.host}/hello:1`);
    await assert.rejects(open().putBlob(reference, blob(), undefined), failsWith('BAN-E304', /without saying where/));
    const manifest = { mediaType: 'application/vnd.oci.image.index.v1+json', bytes: Buffer.from('{}') };
    server.expect({
      request: 'PUT /v2/hello/manifests/1',
      answer: { status: 201, headers: { 'docker-content-digest': `sha256:${'0'.repeat(64)}` } },
    });
    await assert.rejects(open().putManifest(reference, manifest, '1'), failsWith('BAN-E306', /stored/));
    await server.close();
  });

  it('gives up a busy registry after its tries, each with a body of its own', async () => {
    const server = await startScriptedServer();
    const place = { request: 'POST /v2/hello/blobs/uploads/', answer: { status: 202, headers: { location: '7' } } };
    const put = (status: number) => ({
      request: `PUT /v2/hello/blobs/uploads/7?digest=${encodeURIComponent(digest)}`,
      body: /^the bytes of a blob$/,
      answer: { status },
    });
    server.expect(head, place, put(500), head, place, put(502), head, place, put(500));
    await assert.rejects(
      open({ attempts: 3 }).putBlob(parseReference(`${server.host}/hello:1`), blob(), undefined),
      failsWith('BAN-E304', /500/),
    );
    // The answer was lost, the blob was not.
    server.expect(head, place, { ...put(201), answer: 'reset' }, { ...head, answer: { status: 200 } });
    assert.equal(await open().putBlob(parseReference(`${server.host}/hello:1`), blob(), undefined), 'sent');
    await server.close();
  });
});
