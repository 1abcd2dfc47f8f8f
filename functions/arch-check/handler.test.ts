import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { FakeRegistry, makeElf } from './fake-registry.ts';
import handle from './handler.ts';

let registry: FakeRegistry;
const logged: string[] = [];
const context = {
  callId: 'test',
  signal: new AbortController().signal,
  secret: async () => '',
  log: (message: string) => logged.push(message),
} as Partial<Context> as Context;

const amd64 = { os: 'linux', architecture: 'amd64' };
const arm64 = { os: 'linux', architecture: 'arm64' };
const armV7 = { os: 'linux', architecture: 'arm', variant: 'v7' };

before(() => {
  process.env['allowed_registries'] = '*';
});
beforeEach(async () => {
  registry = new FakeRegistry();
  await registry.start();
  process.env['allowed_registries'] = '*';
  logged.length = 0;
});
afterEach(() => registry.stop());
after(() => {
  delete process.env['allowed_registries'];
});

async function ask(question: Record<string, unknown>): Promise<{ status: number; answer: Record<string, unknown> }> {
  const body = JSON.stringify({ image: `${registry.host}/test:1`, ...question });
  const response = await handle(new Request('http://localhost/', { method: 'POST', body }), context);
  return { status: response.status, answer: await response.json() };
}

async function askQuery(query: string): Promise<{ status: number; answer: Record<string, unknown> }> {
  const response = await handle(new Request(`http://localhost/?${query}`), context);
  return { status: response.status, answer: await response.json() };
}

test('an index: its platforms without the attestations, and which of the wanted ones are missing', async () => {
  const [first, second] = [await registry.putImage(amd64), await registry.putImage({ ...arm64, variant: 'v8' })];
  registry.put(
    {
      manifests: [
        { ...first, platform: amd64 },
        { ...second, platform: { ...arm64, variant: 'v8' } },
        { ...first, platform: { os: 'unknown', architecture: 'unknown' } },
      ],
    },
    '1',
  );
  const { status, answer } = await ask({ want: ['linux/arm64', 'linux/arm/v7'] });
  assert.equal(status, 200);
  assert.deepEqual(answer['runsOn'], ['linux/amd64', 'linux/arm64']);
  assert.deepEqual(answer['missing'], ['linux/arm/v7']);
  assert.equal(answer['index'], true);
  assert.equal(answer['image'], `${registry.host}/test:1`);
});

test('the query asks the same', async () => {
  registry.put({ manifests: [{ ...(await registry.putImage(armV7)), platform: armV7 }] }, '1');
  const { answer } = await askQuery(`image=${registry.host}/test:1&want=linux/arm/v7,linux/amd64`);
  assert.deepEqual(answer['runsOn'], ['linux/arm/v7']);
  assert.deepEqual(answer['missing'], ['linux/amd64']);
});

test('a single manifest runs where its configuration says', async () => {
  const config = registry.put(arm64);
  registry.put({ config, layers: [] }, '1');
  const { answer } = await ask({});
  assert.equal(answer['index'], false);
  assert.deepEqual(answer['runsOn'], ['linux/arm64']);
});

test('an index that promises what the configuration denies, or that names a manifest that is not there', async () => {
  const lying = await registry.putImage(amd64);
  const gone = { digest: `sha256:${'0'.repeat(64)}`, size: 1 };
  registry.put(
    {
      manifests: [
        { ...lying, platform: arm64 },
        { ...gone, platform: armV7 },
      ],
    },
    '1',
  );
  const { answer } = await ask({});
  assert.deepEqual(answer['runsOn'], []);
  assert.match(JSON.stringify(answer), /its configuration says linux\/amd64/);
  assert.match(JSON.stringify(answer), /"linux\/arm\/v7"[^}]*"wrong"/);
});

test('the program itself: through links and #! lines, and whether it is of the platform', async () => {
  const script = { config: { Entrypoint: ['start'], Env: ['PATH=/opt:/usr/bin'] } };
  const fine = await registry.putImage({ ...arm64, ...script }, [
    { name: 'usr/bin/start', content: '#!/bin/sh\n' },
    { name: 'usr/bin/sh', link: 'busybox' },
    { name: 'bin', link: 'usr/bin' },
    { name: 'usr/bin/busybox', content: makeElf(64, 183) },
  ]);
  const wrong = await registry.putImage({ ...armV7, config: { Cmd: ['/fn'] } }, [
    { name: 'fn', content: makeElf(64, 62) },
  ]);
  const none = await registry.putImage({ ...amd64, config: { Cmd: ['/fn'] } }, []);
  registry.put(
    {
      manifests: [
        { ...fine, platform: arm64 },
        { ...wrong, platform: armV7 },
        { ...none, platform: amd64 },
      ],
    },
    '1',
  );
  const { answer } = await ask({ programs: true });
  assert.deepEqual(answer['runsOn'], ['linux/arm64']);
  assert.match(JSON.stringify(answer), /"path":"\/usr\/bin\/busybox","architecture":"arm64"/);
  assert.match(JSON.stringify(answer), /\/fn is a program for amd64/);
  assert.match(JSON.stringify(answer), /\/fn: it is not in the image/);
});

test('not more is read than the limit', async () => {
  const image = await registry.putImage({ ...amd64, config: { Cmd: ['/fn'] } }, [
    { name: 'fn', content: makeElf(64, 62) },
  ]);
  registry.put({ manifests: [{ ...image, platform: amd64 }] }, '1');
  process.env['layer_limit'] = '10';
  try {
    const { answer } = await ask({ programs: true });
    assert.match(JSON.stringify(answer), /not in the first 10 bytes/);
  } finally {
    delete process.env['layer_limit'];
  }
});

test('a layer that is not one, or longer than announced, or a caller who has gone', async () => {
  const config = registry.put({ ...amd64, config: { Cmd: ['/fn'] } });
  const mediaType = 'application/vnd.oci.image.layer.v1.tar+gzip';
  const layer = registry.put(Buffer.from('no gzip at all'));
  for (const [size, code] of [
    [layer.size, 'bad-layer'],
    [3, 'bad-layer'],
  ] as const) {
    registry.put({ config, layers: [{ ...layer, size, mediaType }] }, '1');
    const { status, answer } = await ask({ programs: true });
    assert.deepEqual([status, answer['error']], [502, code]);
  }
  const gone = { ...context, signal: AbortSignal.abort() };
  const response = await handle(new Request(`http://localhost/?image=${registry.host}/test:1`), gone);
  assert.equal(response.status, 504);
});

test('the anonymous token of public registries', async () => {
  registry.put({ manifests: [{ ...(await registry.putImage(amd64)), platform: amd64 }] }, '1');
  registry.intercept = (request, response) => {
    if (request.url === '/token?scope=repository%3Atest%3Apull&service=here') {
      response.end('{"token":"t0"}');
      return true;
    }
    if (request.headers.authorization === 'Bearer t0') return false;
    response.setHeader('WWW-Authenticate', `Bearer realm="http://${registry.host}/token",service="here"`);
    response.writeHead(401).end();
    return true;
  };
  const { answer } = await ask({});
  assert.deepEqual(answer['runsOn'], ['linux/amd64']);
});

test('a redirect into the local network is not followed', async () => {
  for (const location of [
    'http://10.0.0.1/',
    'https://gateway.openfaas.local/',
    'https://gateway/',
    'http://example.com/',
  ]) {
    registry.intercept = (_request, response) => {
      response.writeHead(307, { Location: location }).end();
      return true;
    };
    const { status, answer } = await ask({});
    assert.equal(status, 502);
    assert.equal(answer['error'], 'bad-redirect');
  }
});

test('only registries on the list are asked', async () => {
  process.env['allowed_registries'] = 'ghcr.io, registry.lan:5000';
  const { status, answer } = await ask({});
  assert.equal(status, 403);
  assert.equal(answer['error'], 'registry-not-allowed');
  assert.match(String(answer['message']), /ghcr\.io, registry\.lan:5000/);
  assert.deepEqual(registry.asked, []);
});

test('what goes wrong has a code and a status of its own', async () => {
  assert.deepEqual([(await ask({})).status, (await ask({})).answer['error']], [404, 'not-found']);
  assert.equal((await ask({ image: 'UPPER/case' })).answer['error'], 'bad-reference');
  assert.equal((await ask({ image: '' })).answer['error'], 'bad-reference');
  assert.equal((await ask({ image: 7 })).answer['error'], 'bad-question');
  assert.equal((await askQuery('')).answer['error'], 'bad-question');
  const statuses: [number, number, string][] = [
    [401, 403, 'not-public'],
    [403, 403, 'not-public'],
    [429, 503, 'too-many-requests'],
    [500, 502, 'bad-registry'],
  ];
  for (const [theirs, ours, code] of statuses) {
    registry.intercept = (_request, response) => {
      response.writeHead(theirs).end();
      return true;
    };
    const { status, answer } = await ask({});
    assert.deepEqual([status, answer['error']], [ours, code]);
  }
  registry.intercept = (_request, response) => {
    response.end('<html>');
    return true;
  };
  assert.equal((await ask({})).answer['error'], 'bad-registry');
  registry.intercept = (_request, response) => {
    response.end(`"${'x'.repeat(5_000_000)}"`);
    return true;
  };
  assert.equal((await ask({})).answer['error'], 'too-large');
  await registry.stop();
  assert.equal((await ask({})).answer['error'], 'unreachable');
  await registry.start();
});
