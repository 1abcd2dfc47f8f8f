import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { type ErrorCode, Interrupted, UserError } from '../../cli/errors.ts';
import type { Event } from '../../cli/events.ts';
import { sha256Digest } from '../../cli/oci/digest.ts';
import { mediaTypes } from '../../cli/oci/media-types.ts';
import type { Reference } from '../../cli/oci/reference.ts';
import { isDripping } from '../../cli/registry/body.ts';
import { openRegistry, type RegistryOptions } from '../../cli/registry/client.ts';
import type { Credential } from '../../cli/registry/credentials.ts';
import { type ScriptedServer, type Step, startScriptedServer } from './scripted-server.ts';

const body = JSON.stringify({ schemaVersion: 2, manifests: [] });
const digest = sha256Digest(Buffer.from(body));
const manifestAnswer = {
  status: 200,
  headers: { 'content-type': mediaTypes.ociIndex, 'docker-content-digest': digest },
  body,
};
const get = (answer: Step['answer'], headers: Step['headers'] = {}): Step => ({
  request: 'GET /v2/lab/fn/manifests/1',
  headers,
  answer,
});
const fails = (code: ErrorCode, message: RegExp, hint?: RegExp) => (error: unknown) => {
  assert.ok(error instanceof UserError, String(error));
  assert.equal(error.code, code, error.message);
  assert.match(error.message, message);
  if (hint !== undefined) assert.match(error.hint ?? '', hint);
  return true;
};

describe('the registry client', () => {
  let server: ScriptedServer;
  let other: ScriptedServer;
  let reference: Reference;
  const events: Event[] = [];
  const pauses: number[] = [];
  const open = (credential?: Credential, options: Partial<RegistryOptions> = {}) =>
    openRegistry({
      credentials: { find: async () => credential },
      report: (event) => void events.push(event),
      wait: async (milliseconds) => void pauses.push(milliseconds),
      ...options,
    });
  const alice: Credential = { kind: 'basic', username: 'alice', password: 's3cret' };

  beforeEach(async () => {
    [server, other] = await Promise.all([startScriptedServer(), startScriptedServer()]);
    reference = { registry: server.host, repository: 'lab/fn', tag: '1' };
    events.length = 0;
    pauses.length = 0;
  });
  afterEach(async () => {
    await Promise.all([server.close(), other.close()]);
    assert.ok(!JSON.stringify(events).includes('s3cret'));
  });

  it('reads a manifest, asking for all four media types, and says so with -v', async () => {
    const accept =
      /^application\/vnd\.oci\.image\.index\.v1\+json, .*oci\.image\.manifest.*manifest\.list\.v2.*distribution\.manifest\.v2\+json$/;
    server.expect(get(manifestAnswer, { accept, authorization: undefined }));
    const manifest = await open().manifest(reference);
    assert.deepEqual(
      [manifest.digest, manifest.mediaType, Buffer.from(manifest.bytes).toString()],
      [digest, mediaTypes.ociIndex, body],
    );
    assert.match(JSON.stringify(events), /"trace".*GET http:\/\/127.0.0.1:\d+\/v2\/lab\/fn\/manifests\/1 → 200/);
  });

  it('gets a bearer token once per repository and action', async () => {
    const challenge = {
      'www-authenticate': `Bearer realm="http://${other.host}/token",service="lab registry",scope="repository:lab/fn:pull"`,
    };
    server.expect(
      get({ status: 401, headers: challenge, body: '{}' }),
      get(manifestAnswer, { authorization: /^Bearer t1$/ }),
      get(manifestAnswer, { authorization: /^Bearer t1$/ }),
    );
    other.expect({
      request: 'GET /token?service=lab+registry&scope=repository%3Alab%2Ffn%3Apull',
      headers: { authorization: /^Basic YWxpY2U6czNjcmV0$/ },
      answer: { status: 200, body: JSON.stringify({ token: 't1', expires_in: 300 }) },
    });
    const registry = open(alice);
    await registry.manifest(reference);
    await registry.manifest(reference);
  });

  it('asks anonymously for a token where it has no credentials, and anew when it has expired', async () => {
    const challenge = { 'www-authenticate': `Bearer realm="http://${other.host}/token"` };
    const token = (name: string): Step => ({
      request: 'GET /token?scope=repository%3Alab%2Ffn%3Apull',
      headers: { authorization: undefined },
      answer: { status: 200, body: JSON.stringify({ access_token: name }) },
    });
    server.expect(
      get({ status: 401, headers: challenge }),
      get(manifestAnswer, { authorization: /t1/ }),
      get({ status: 401, headers: challenge }, { authorization: /t1/ }),
      get(manifestAnswer, { authorization: /t2/ }),
    );
    other.expect(token('t1'), token('t2'));
    const registry = open();
    await registry.manifest(reference);
    await registry.manifest(reference);
  });

  it('trades an identity token', async () => {
    server.expect(
      get({ status: 401, headers: { 'www-authenticate': `Bearer realm="http://${other.host}/token",service=s` } }),
      get(manifestAnswer, { authorization: /^Bearer t$/ }),
    );
    other.expect({
      request: 'POST /token',
      headers: { 'content-type': /form-urlencoded/ },
      body: /^grant_type=refresh_token&refresh_token=idt-s3cret&client_id=bantam&scope=repository%3Alab%2Ffn%3Apull&service=s$/,
      answer: { status: 200, body: '{"token":"t"}' },
    });
    await open({ kind: 'identity', token: 'idt-s3cret' }).manifest(reference);
  });

  it('answers a basic challenge, and remembers', async () => {
    const authorization = /^Basic YWxpY2U6czNjcmV0$/;
    server.expect(
      get({ status: 401, headers: { 'www-authenticate': 'Basic realm="lab"' } }, { authorization: undefined }),
      get(manifestAnswer, { authorization }),
      get(manifestAnswer, { authorization }),
    );
    const registry = open(alice);
    await registry.manifest(reference);
    await registry.manifest(reference);
  });

  it('says what to do without and with wrong credentials', async () => {
    const unauthorised = {
      status: 401,
      headers: { 'www-authenticate': 'Basic realm="lab"' },
      body: '{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}',
    };
    const login = new RegExp(`^docker login ${server.host}$`);
    server.expect(get(unauthorised));
    await assert.rejects(
      open().manifest(reference),
      fails('BAN-E302', /wants credentials to read lab\/fn, and there are none/, login),
    );
    server.expect(get(unauthorised), get(unauthorised, { authorization: /Basic/ }));
    await assert.rejects(
      open(alice).manifest(reference),
      fails('BAN-E302', /does not let you read lab\/fn: 401 UNAUTHORIZED: authentication required/, login),
    );
    server.expect(get({ status: 403, body: '{"errors":[{"code":"DENIED"}]}' }));
    await assert.rejects(open(alice).manifest(reference), fails('BAN-E302', /403 DENIED/, login));
    server.expect(get({ status: 401, headers: { 'www-authenticate': `Bearer realm="http://${other.host}/token"` } }));
    other.expect({ request: 'GET /token?scope=repository%3Alab%2Ffn%3Apull', answer: { status: 401 } });
    await assert.rejects(
      open(alice).manifest(reference),
      fails('BAN-E302', /refuses the credentials of alice to read lab\/fn: its token service .* answers 401/, login),
    );
  });

  it('sends no credentials to a realm that is no web address', async () => {
    server.expect(get({ status: 401, headers: { 'www-authenticate': 'Bearer realm="file:///etc/passwd"' } }));
    await assert.rejects(open(alice).manifest(reference), fails('BAN-E304', /no address to send credentials to/));
  });

  it('follows a blob to its storage without the credentials', async () => {
    server.expect(
      { request: `GET /v2/lab/fn/blobs/${digest}`, answer: { status: 401, headers: { 'www-authenticate': 'Basic' } } },
      {
        request: `GET /v2/lab/fn/blobs/${digest}`,
        headers: { authorization: /Basic/ },
        answer: { status: 307, headers: { location: `http://${other.host}/store?signature=s3cret` } },
      },
    );
    other.expect({
      request: 'GET /store?signature=s3cret',
      headers: { authorization: undefined },
      answer: { status: 200, body: 'layer' },
    });
    const stream = await open(alice).blob(reference, digest);
    assert.equal(await new Response(stream).text(), 'layer');
  });

  it('keeps the credentials on a redirect within the registry, and goes round no circle', async () => {
    const authorization = /Basic/;
    const moved = { status: 307, headers: { location: '/elsewhere' } };
    server.expect(get({ status: 401, headers: { 'www-authenticate': 'Basic' } }), get(moved, { authorization }), {
      request: 'GET /elsewhere',
      headers: { authorization },
      answer: manifestAnswer,
    });
    const registry = open(alice);
    await registry.manifest(reference);
    server.expect(get(moved), ...Array.from({ length: 5 }, () => ({ request: 'GET /elsewhere', answer: moved })));
    await assert.rejects(registry.manifest(reference), fails('BAN-E304', /redirects .* again and again/));
    server.expect({ request: 'PUT /v2/lab/fn/manifests/1', answer: { status: 302, headers: { location: '/login' } } });
    await assert.rejects(
      registry.putManifest(reference, { mediaType: mediaTypes.ociIndex, bytes: Buffer.from(body) }, '1'),
      fails('BAN-E304', /status 302, which loses what was sent/),
    );
  });

  it('does not hand storage a login', async () => {
    server.expect({
      request: `GET /v2/lab/fn/blobs/${digest}`,
      answer: { status: 307, headers: { location: `http://${other.host}/store` } },
    });
    other.expect({ request: 'GET /store', answer: { status: 401, headers: { 'www-authenticate': 'Basic' } } });
    await assert.rejects(open(alice).blob(reference, digest), fails('BAN-E304', /its storage refuses: 401/));
  });

  it('tries again after a busy answer, a reset and a body that broke off', async () => {
    server.expect(
      get({ status: 503 }),
      get({ status: 429, headers: { 'retry-after': '2' } }),
      get('reset'),
      get(manifestAnswer),
    );
    await open().manifest(reference);
    assert.deepEqual(pauses, [250, 2000, 1000]);
    server.expect(get({ ...manifestAnswer, end: 'cut' }), get(manifestAnswer));
    await open().manifest(reference);
  });

  it('reads a blob on where the connection broke, and gives storage no credentials then either', async () => {
    const request = `GET /v2/lab/fn/blobs/${digest}`;
    const authorization = /Basic/;
    const away = { status: 307, headers: { location: `http://${other.host}/store` } };
    server.expect(
      { request, answer: { status: 401, headers: { 'www-authenticate': 'Basic' } } },
      { request, headers: { authorization, range: undefined }, answer: { status: 200, body: 'half', end: 'cut' } },
      { request, headers: { authorization, range: /^bytes=4-$/ }, answer: away },
    );
    other.expect({
      request: 'GET /store',
      headers: { authorization: undefined, range: /^bytes=4-$/ },
      answer: { status: 206, headers: { 'content-range': 'bytes 4-8/9' }, body: ' more' },
    });
    assert.equal(await new Response(await open(alice).blob(reference, digest)).text(), 'half more');
    assert.deepEqual(pauses, [250]);
  });

  it('reads over what it has where Range is not known, and refuses another part than it asked for', async () => {
    const request = `GET /v2/lab/fn/blobs/${digest}`;
    const cut = { status: 200, body: 'half', end: 'cut' } as const;
    server.expect({ request, answer: cut }, { request, answer: { status: 200, body: 'half more' } });
    assert.equal(await new Response(await open().blob(reference, digest)).text(), 'half more');
    const elsewhere = { status: 206, headers: { 'content-range': 'bytes 2-8/9' }, body: 'lf more' };
    server.expect({ request, answer: cut }, { request, answer: elsewhere });
    await assert.rejects(
      new Response(await open().blob(reference, digest)).text(),
      fails('BAN-E304', /206 with another part than the one asked for \(from byte 4\)/),
    );
  });

  it('gives up on a blob that breaks off again and again', async () => {
    const request = `GET /v2/lab/fn/blobs/${digest}`;
    const partOf = (start: number) =>
      ({ status: 206, headers: { 'content-range': `bytes ${start}-9/10` }, body: 'x', end: 'cut' }) as const;
    server.expect(
      { request, answer: { status: 200, body: 'x', end: 'cut' } },
      ...[1, 2, 3].map((start) => ({ request, answer: partOf(start) })),
    );
    await assert.rejects(
      new Response(await open().blob(reference, digest)).text(),
      fails('BAN-E301', /the connection broke/),
    );
    assert.deepEqual(pauses, [250, 500, 1000]);
  });

  it('fetches one token for requests that are sent together', async () => {
    const challenge = { 'www-authenticate': `Bearer realm="http://${other.host}/token"` };
    const token = `GET /token?scope=repository%3Alab%2Ffn%3Apull`;
    server.expect(get({ status: 401, headers: challenge }), get({ status: 401, headers: challenge }));
    other.expect({
      request: token,
      answer: { status: 200, body: '{"token":"t1"}' },
      seen: () => server.expect(...[1, 2].map(() => get(manifestAnswer, { authorization: /t1/ }))),
    });
    const registry = open();
    await Promise.all([registry.manifest(reference), registry.manifest(reference)]);
  });

  it('calls a token service that has had enough by its name', async () => {
    server.expect(get({ status: 401, headers: { 'www-authenticate': `Bearer realm="http://${other.host}/token"` } }));
    other.expect({
      request: 'GET /token?scope=repository%3Alab%2Ffn%3Apull',
      answer: { status: 429, headers: { 'retry-after': '7200' } },
    });
    await assert.rejects(open().manifest(reference), fails('BAN-E308', /limits how often/, /again in 2 h/));
  });

  it('asks over https where a HEAD over plain http is answered with nothing but 400', async () => {
    server.expect({ request: 'HEAD /v2/lab/fn/manifests/1', answer: { status: 400 } });
    // What speaks no TLS here is a registry that does not like the question: then that is what is told.
    await assert.rejects(open().digestOf(reference), fails('BAN-E304', /HEAD http:.* 400$/));
  });

  it('gives up after a bounded number of tries, or when told to wait too long', async () => {
    server.expect(
      ...Array.from({ length: 4 }, () =>
        get({ status: 500, body: '{"errors":[{"code":"UNKNOWN","message":"disk full"}]}' }),
      ),
    );
    await assert.rejects(open().manifest(reference), fails('BAN-E304', /500 UNKNOWN: disk full/));
    server.expect(
      get({ status: 429, headers: { 'retry-after': '3600' }, body: '{"errors":[{"code":"TOOMANYREQUESTS"}]}' }),
    );
    await assert.rejects(
      open().manifest(reference),
      fails('BAN-E308', /limits how often it is asked: 429 TOOMANYREQUESTS/, /again in 60 min, or .*docker login 127/),
    );
    assert.equal(pauses.length, 3, 'an hour is not waited for');
  });

  it('ends a wait that is too long: before the answer and within it', async () => {
    const impatient = { timeout: 200, attempts: 2 };
    server.expect(get('hang'), get('hang'));
    await assert.rejects(
      open(undefined, impatient).manifest(reference),
      fails('BAN-E301', /does not answer: no answer within/),
    );
    const half = { status: 200, body: 'half', end: 'stall' } as const;
    const rest = { status: 206, headers: { 'content-range': 'bytes 4-9/10' }, body: '', end: 'stall' } as const;
    const request = `GET /v2/lab/fn/blobs/${digest}`;
    server.expect({ request, answer: half }, { request, headers: { range: /^bytes=4-$/ }, answer: rest });
    const stream = await open(undefined, impatient).blob(reference, digest);
    await assert.rejects(new Response(stream).text(), fails('BAN-E301', /fell silent for 0.2 s after 0 bytes/));
  });

  it('waits a minute for a body that drips, and no longer', () => {
    assert.equal(isDripping(1, 59_000), false);
    assert.equal(isDripping(1, 61_000), true);
    assert.equal(isDripping(61 * 2048, 61_000), false, 'a slow line is no drip');
    assert.equal(isDripping(600 * 1000, 600_000), true, 'whoever began well may not go on for ever');
  });

  it('stops when it is interrupted: before, during and after the answer', async () => {
    const stop = new AbortController();
    server.expect({ ...get('hang'), seen: () => stop.abort() });
    await assert.rejects(open().manifest(reference, stop.signal), Interrupted);
    await assert.rejects(open().manifest(reference, stop.signal), Interrupted);
    const later = new AbortController();
    server.expect({ request: `GET /v2/lab/fn/blobs/${digest}`, answer: { status: 200, body: 'half', end: 'stall' } });
    const reader = (await open().blob(reference, digest, later.signal)).getReader();
    assert.equal(Buffer.from((await reader.read()).value ?? []).toString(), 'half');
    const rest = reader.read();
    later.abort();
    await assert.rejects(rest, Interrupted);
  });

  it('tells an absent image from an answer that is none', async () => {
    server.expect(
      get({
        status: 404,
        headers: { 'content-type': 'application/json' },
        body: '{"errors":[{"code":"MANIFEST_UNKNOWN"}]}',
      }),
    );
    await assert.rejects(open().manifest(reference), fails('BAN-E303', /has no manifest of 127.0.0.1:\d+\/lab\/fn:1/));
    for (const status of [200, 404]) {
      server.expect(get({ status, headers: { 'content-type': 'text/html; charset=utf-8' }, body: '<html>' }));
      await assert.rejects(
        open().manifest(reference),
        fails('BAN-E304', /with a web page/, /does not look like a registry/),
      );
    }
    server.expect(get({ ...manifestAnswer, body: Buffer.alloc(5_000_000) }));
    await assert.rejects(open().manifest(reference), fails('BAN-E304', /more than 4194304 bytes/));
  });

  it('checks the digest: the one asked for and the one announced', async () => {
    const wrong = `sha256:${'0'.repeat(64)}`;
    server.expect({ request: `GET /v2/lab/fn/manifests/${wrong}`, answer: manifestAnswer });
    await assert.rejects(
      open().manifest({ ...reference, digest: wrong }),
      fails('BAN-E306', /hash to sha256:.*, not to sha256:0000/),
    );
    server.expect(get({ ...manifestAnswer, headers: { 'docker-content-digest': wrong } }));
    await assert.rejects(open().manifest(reference), fails('BAN-E306', /not to sha256:0000/));
  });

  it('asks for the digest of a tag with one HEAD', async () => {
    const head = (answer: Step['answer']): Step => ({ request: 'HEAD /v2/lab/fn/manifests/1', answer });
    server.expect(
      head({ status: 200, headers: { 'docker-content-digest': digest } }),
      head({ status: 404 }),
      head({ status: 200 }),
      get(manifestAnswer),
    );
    const registry = open();
    assert.equal(await registry.digestOf(reference), digest);
    assert.equal(await registry.digestOf(reference), undefined);
    assert.equal(await registry.digestOf({ ...reference, digest: `sha256:${'1'.repeat(64)}` }), digest);
  });

  it('writes a manifest under a tag and under its digest', async () => {
    const put = (name: string, answer: Step['answer']): Step => ({
      request: `PUT /v2/lab/fn/manifests/${name}`,
      headers: { 'content-type': /oci.image.index/ },
      body: /schemaVersion/,
      answer,
    });
    const manifest = { mediaType: mediaTypes.ociIndex, bytes: Buffer.from(body) };
    server.expect(
      put('1', { status: 201, headers: { 'docker-content-digest': digest } }),
      put(digest, { status: 201 }),
    );
    assert.equal(await open().putManifest(reference, manifest, '1'), digest);
    assert.equal(await open().putManifest(reference, manifest, undefined), digest);
    server.expect(put('1', { status: 201, headers: { 'docker-content-digest': `sha256:${'0'.repeat(64)}` } }));
    await assert.rejects(open().putManifest(reference, manifest, '1'), fails('BAN-E306', /stored manifests\/1 as/));
    server.expect(put('1', { status: 404, body: '{"errors":[{"code":"NAME_UNKNOWN"}]}' }));
    await assert.rejects(open().putManifest(reference, manifest, '1'), fails('BAN-E304', /404 NAME_UNKNOWN/));
  });

  it('says that nothing listens, and that there is no such host', async () => {
    const gone = await startScriptedServer();
    await gone.close();
    await assert.rejects(
      open().manifest({ ...reference, registry: gone.host }),
      fails('BAN-E301', /the connection was refused \(GET http:/, /check that it runs/),
    );
    await assert.rejects(
      open().manifest({ ...reference, registry: 'no-such-host.invalid' }),
      fails('BAN-E301', /there is no host no-such-host.invalid/),
    );
  });

  it('does not downgrade to plain http, and says how to ask for it', async () => {
    const plain = createServer((socket) => socket.resume().end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
    const address = plain.address();
    assert.ok(address !== null && typeof address === 'object');
    // 2130706433 is 127.0.0.1 in a spelling that the address rule does not take for a private one.
    const registry = `2130706433:${address.port}`;
    await assert.rejects(
      open().manifest({ ...reference, registry }),
      fails('BAN-E301', /does not speak TLS/, /BANTAM_INSECURE_REGISTRIES=/),
    );
    await new Promise((resolve) => plain.close(resolve));
  });

  it('goes up to https where a private address asks for it', async () => {
    server.expect(get({ status: 400, body: 'Client sent an HTTP request to an HTTPS server.\n' }));
    // The part of the server that would speak TLS is missing here; that it was asked is what counts.
    await assert.rejects(open().manifest(reference), fails('BAN-E301', /does not speak TLS \(GET https:\/\/127/));
  });

  it('calls what does not speak HTTP by its name', async () => {
    const odd = createServer((socket) => socket.resume().end('SSH-2.0-OpenSSH_9.2\r\n'));
    await new Promise<void>((resolve) => odd.listen(0, '127.0.0.1', resolve));
    const address = odd.address();
    assert.ok(address !== null && typeof address === 'object');
    await assert.rejects(
      open().manifest({ ...reference, registry: `127.0.0.1:${address.port}` }),
      fails('BAN-E304', /does not speak HTTP/),
    );
    await new Promise((resolve) => odd.close(resolve));
  });
});
