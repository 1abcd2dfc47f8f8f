import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { faasNetesCommunity as faasNetes } from '../../cli/local/dialect/faas-netes.ts';
import { createGateway } from '../../cli/local/gateway/gateway.ts';
import { type Listener, listen } from '../../cli/local/gateway/listen.ts';
import { SecretStore } from '../../cli/local/state/secret-store.ts';
import { functionStatusSchema, infoSchema, logLineSchema } from '../../cli/openfaas/wire.ts';
import { ScriptedProvider } from './scripted-provider.ts';

/** The answers are those of a real faas-netes behind the gateway, unless a test says "bantam's own". */
describe('the embedded gateway, dialect faas-netes, Community Edition', () => {
  let provider: ScriptedProvider;
  let listener: Listener;
  let folder: string;
  let secrets: SecretStore;
  let closing: AbortController;
  const authorization = `Basic ${Buffer.from('admin:pässword:with:colons').toString('base64')}`;

  beforeEach(async () => {
    provider = new ScriptedProvider();
    closing = new AbortController();
    folder = await mkdtemp(join(tmpdir(), 'bantam-gateway-'));
    secrets = await SecretStore.open(join(folder, 'secrets'));
    const credentials = { user: 'admin', password: 'pässword:with:colons' };
    listener = await listen(
      '127.0.0.1',
      0,
      createGateway({ provider, secrets, dialect: faasNetes, credentials, version: '9.9.9', closing: closing.signal }),
    );
  });
  afterEach(async () => {
    closing.abort();
    await listener.close();
    await rm(folder, { recursive: true, force: true });
  });

  const url = (path: string): string => `http://127.0.0.1:${listener.port}${path}`;
  const send = (method: string, path: string, body?: unknown): Promise<Response> =>
    fetch(url(path), {
      method,
      // What fetch calls a text by itself is what a form could send, too.
      headers: { authorization, 'Content-Type': 'application/json' },
      redirect: 'manual',
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
  const answer = async (method: string, path: string, body?: unknown): Promise<readonly [number, string]> => {
    const response = await send(method, path, body);
    return [response.status, await response.text()];
  };
  const deployment = (service: string, more: object = {}) => ({ service, image: 'registry.lan:5000/fn:1', ...more });

  it('creates, describes, updates, scales and removes', async () => {
    assert.deepEqual(
      await answer(
        'POST',
        '/system/functions',
        deployment('hello', { annotations: { a: 'b' }, labels: null, namespace: 'openfaas-fn' }),
      ),
      [202, ''],
    );
    const created = v.parse(functionStatusSchema, await (await send('GET', '/system/function/hello')).json());
    assert.deepEqual(
      [created.name, created.image, created.namespace, created.replicas, created.annotations],
      ['hello', 'registry.lan:5000/fn:1', 'openfaas-fn', 1, { a: 'b', 'prometheus.io.scrape': 'false' }],
    );

    const raw = await (await send('GET', '/system/function/hello')).text();
    assert.ok(!raw.includes('availableReplicas'), 'absent when 0');
    provider.available('hello', 1);
    assert.match(await (await send('GET', '/system/function/hello')).text(), /"availableReplicas":1/);

    assert.deepEqual(await answer('PUT', '/system/functions', deployment('hello', { image: 'fn:2' })), [202, '']);
    assert.deepEqual(await answer('PUT', '/system/functions', deployment('hello', { image: 'fn:2' })), [202, '']);
    assert.equal(
      new Set(provider.applied.map((desired) => desired.generation)).size,
      3,
      'an identical update rolls out all the same',
    );
    const updated = v.parse(functionStatusSchema, await (await send('GET', '/system/function/hello')).json());
    assert.deepEqual([updated.image, updated.availableReplicas, updated.createdAt], ['fn:2', 1, created.createdAt]);
    assert.equal(created.labels?.['uid'], undefined);
    assert.match(updated.labels?.['uid'] ?? '', /^\d+$/);
    assert.equal(
      new Set(provider.applied.map(({ deployment: { labels } }) => labels?.['uid'])).size,
      3,
      'another one with each update',
    );

    for (const [wanted, taken] of [
      [7, 5],
      [0, 1],
      [3, 3],
    ]) {
      assert.deepEqual(
        await answer('POST', '/system/scale-function/hello', { serviceName: 'hello', replicas: wanted }),
        [202, ''],
      );
      assert.equal(provider.applied.at(-1)?.replicas, taken);
      assert.equal(provider.applied.at(-1)?.generation, provider.applied[2]?.generation, 'scaling is no rollout');
    }
    await answer('PUT', '/system/functions', deployment('hello'));
    assert.equal(provider.applied.at(-1)?.replicas, 3, 'an update keeps the replicas');

    assert.deepEqual(await answer('DELETE', '/system/functions', { functionName: 'hello' }), [202, '']);
    assert.equal(
      v.parse(v.array(functionStatusSchema), await (await send('GET', '/system/functions')).json()).length,
      1,
      'listed while it goes',
    );
    assert.deepEqual(await answer('DELETE', '/system/functions', { functionName: 'hello' }), [202, '']);
    assert.deepEqual(await answer('POST', '/system/functions', deployment('hello')), [
      500,
      'unable create Deployment: object is being deleted: deployments.apps "hello" already exists\n',
    ]);
    provider.finishRemoval('hello');
    assert.deepEqual(await answer('GET', '/system/functions'), [200, '[]']);
    assert.deepEqual(await answer('GET', '/system/function/hello'), [404, '']);
  });

  describe('refuses', () => {
    const unparsable = /^failed to unmarshal request: ./;
    const cases: readonly {
      readonly what: string;
      readonly method: string;
      readonly path: string;
      readonly body?: unknown;
      readonly status: number;
      readonly text: string | RegExp;
    }[] = [
      {
        what: 'an existing name',
        method: 'POST',
        path: 'functions',
        body: deployment('there'),
        status: 500,
        text: 'unable create Deployment: deployments.apps "there" already exists\n',
      },
      {
        what: 'an update of nothing',
        method: 'PUT',
        path: 'functions',
        body: deployment('nope'),
        status: 404,
        text: 'unable update Deployment: nope.openfaas-fn, error: deployments.apps "nope" not found\n',
      },
      {
        what: 'a missing secret',
        method: 'POST',
        path: 'functions',
        body: deployment('a', { secrets: ['not-there'] }),
        status: 400,
        text: 'unable to fetch secrets: secrets "not-there" not found\n',
      },
      {
        what: 'a missing secret',
        method: 'PUT',
        path: 'functions',
        body: deployment('there', { secrets: ['not-there'] }),
        status: 400,
        text: 'unable update Deployment: there.openfaas-fn, error: secrets "not-there" not found\n',
      },
      {
        what: 'a bad quantity',
        method: 'POST',
        path: 'functions',
        body: deployment('a', { limits: { memory: '64MB!' } }),
        status: 400,
        text: /^failed create Deployment spec: quantities must match the regular expression/,
      },
      {
        what: 'a bad quantity (silently)',
        method: 'PUT',
        path: 'functions',
        body: deployment('there', { limits: { memory: '64MB!' } }),
        status: 200,
        text: '',
      },
      {
        what: 'a request above its limit',
        method: 'POST',
        path: 'functions',
        body: deployment('a', { limits: { memory: '64Mi' }, requests: { memory: '1Gi' } }),
        status: 500,
        text: /^unable create Deployment: Deployment.apps "a" is invalid: /,
      },
      {
        what: 'a request above its limit (silently)',
        method: 'PUT',
        path: 'functions',
        body: deployment('there', { limits: { cpu: '100m' }, requests: { cpu: '1' } }),
        status: 200,
        text: '',
      },
      {
        what: 'a label name',
        method: 'POST',
        path: 'functions',
        body: deployment('a', { labels: { 'no good': 'x' } }),
        status: 500,
        text: /^unable create Deployment: /,
      },
      {
        what: 'a label name (silently)',
        method: 'PUT',
        path: 'functions',
        body: deployment('there', { labels: { 'no good': 'x' } }),
        status: 200,
        text: '',
      },
      {
        what: 'a bad name',
        method: 'POST',
        path: 'functions',
        body: deployment('Bad_Name'),
        status: 400,
        text: 'validation failed: service: (Bad_Name) is invalid, must be a valid DNS entry\n',
      },
      {
        what: 'a Unicode name',
        method: 'POST',
        path: 'functions',
        body: deployment('grüße'),
        status: 400,
        text: 'validation failed: service: (grüße) is invalid, must be a valid DNS entry\n',
      },
      {
        what: 'a name over 63 characters',
        method: 'POST',
        path: 'functions',
        body: deployment('a'.repeat(64)),
        status: 400,
        text: /must be a valid DNS entry\n$/,
      },
      {
        what: 'no image',
        method: 'POST',
        path: 'functions',
        body: { service: 'a' },
        status: 400,
        text: 'validation failed: image: is required\n',
      },
      { what: 'bad JSON', method: 'POST', path: 'functions', body: '{', status: 400, text: unparsable },
      {
        what: 'JSON of another shape',
        method: 'PUT',
        path: 'functions',
        body: '[1]',
        status: 400,
        text: /^unable to unmarshal request: ./,
      },
      {
        what: 'JSON that is cut off',
        method: 'POST',
        path: 'functions',
        body: '{"service":"a ',
        status: 400,
        text: 'failed to unmarshal request: unexpected end of JSON input\n',
      },
      {
        what: 'a scaling of nothing',
        method: 'POST',
        path: 'scale-function/nope',
        body: { serviceName: 'nope', replicas: 1 },
        status: 500,
        text: 'Unable to lookup function deployment nope',
      },
      { what: 'a method that a path does not have', method: 'PUT', path: 'logs', body: '{}', status: 405, text: '' },
      { what: 'an empty body', method: 'POST', path: 'functions', body: '', status: 400, text: unparsable },
      {
        what: 'another namespace',
        method: 'POST',
        path: 'functions',
        body: deployment('a', { namespace: 'other' }),
        status: 400,
        text: 'namespace must be: openfaas-fn\n',
      },
      {
        what: 'another namespace',
        method: 'GET',
        path: 'functions?namespace=other',
        status: 400,
        text: 'namespace must be: openfaas-fn\n',
      },
      {
        what: 'scale to zero',
        method: 'POST',
        path: 'functions',
        body: deployment('a', { labels: { 'com.openfaas.scale.zero': 'true' } }),
        status: 400,
        text: /^validation failed: .*not available for Community Edition/,
      },
      {
        what: 'a high minimum',
        method: 'POST',
        path: 'functions',
        body: deployment('a', { labels: { 'com.openfaas.scale.min': '9' } }),
        status: 400,
        text: /^validation failed: .*is set too high for Community Edition/,
      },
      {
        what: 'a removal of nothing',
        method: 'DELETE',
        path: 'functions',
        body: { functionName: 'nope' },
        status: 404,
        text: 'deployments.apps "nope" not found',
      },
      { what: 'a removal without a name', method: 'DELETE', path: 'functions', body: {}, status: 400, text: '' },
      {
        what: 'a scaling that is no JSON',
        method: 'POST',
        path: 'scale-function/there',
        body: 'x',
        status: 400,
        text: 'Error unmarshalling request body\n',
      },
      {
        what: 'logs of nothing',
        method: 'GET',
        path: 'logs?name=nope',
        status: 500,
        text: 'unknown log request error (500)\n',
      },
      {
        what: 'a bad tail',
        method: 'GET',
        path: 'logs?name=there&tail=x',
        status: 500,
        text: 'unknown log request error (422)\n',
      },
      {
        what: 'a bad since',
        method: 'GET',
        path: 'logs?name=there&since=yesterday',
        status: 500,
        text: 'unknown log request error (422)\n',
      },
      {
        what: 'a since that only JavaScript reads',
        method: 'GET',
        path: 'logs?name=there&since=5',
        status: 500,
        text: 'unknown log request error (422)\n',
      },
      {
        what: "bantam's own: a body over 8 MiB",
        method: 'POST',
        path: 'functions',
        body: ' '.repeat((8 << 20) + 1),
        status: 413,
        text: /too large/,
      },
      { what: 'an unknown path', method: 'GET', path: 'nothing', status: 404, text: '404 page not found\n' },
    ];
    for (const { what, method, path, body, status, text } of cases) {
      it(`${what}: ${method} ${path} → ${status}`, async () => {
        await answer('POST', '/system/functions', deployment('there'));
        const [seen, said] = await answer(method, `/system/${path}`, body);
        assert.equal(seen, status);
        if (typeof text === 'string') assert.equal(said, text);
        else assert.match(said, text);
        assert.equal(provider.applied.length, 1, 'nothing was done');
      });
    }
  });

  it('asks for credentials on /system only', async () => {
    for (const header of [
      undefined,
      'Basic',
      'Basic !!!',
      `Basic ${Buffer.from('admin:wrong').toString('base64')}`,
      `Basic ${Buffer.from('admin').toString('base64')}`,
      'Bearer x',
    ]) {
      for (const path of ['/system/functions', '/system/info', '/system/logs?name=x', '/system/nothing']) {
        const refused = await fetch(url(path), header === undefined ? {} : { headers: { authorization: header } });
        assert.deepEqual([refused.status, await refused.text()], [401, 'invalid credentials']);
        assert.match(refused.headers.get('www-authenticate') ?? '', /^Basic /);
      }
    }
    assert.equal((await fetch(url('/healthz'))).status, 200);
    const nope = await fetch(url('/function/nope'));
    assert.deepEqual(
      [nope.status, await nope.text()],
      [
        404,
        'error finding function nope.openfaas-fn: server returned non-200 status code (404) for function, nope, body: ',
      ],
    );
    await answer('POST', '/system/functions', deployment('starting'));
    const starting = await fetch(url('/function/starting'));
    assert.deepEqual([starting.status, await starting.text()], [503, 'No endpoints available for: starting.']);
    const later = await fetch(url('/async-function/nope'), { method: 'POST', body: 'x' });
    assert.deepEqual([later.status, await later.text()], [404, '404 page not found\n']);
  });

  it('says what it is', async () => {
    const info = v.parse(infoSchema, await (await send('GET', '/system/info')).json());
    assert.deepEqual(
      [info.provider?.provider, info.provider?.orchestration, info.version?.release, info.arch],
      ['bantam-local', 'kubernetes', '9.9.9', ''],
    );
    assert.deepEqual(await answer('GET', '/system/namespaces'), [200, '["openfaas-fn"]']);
  });

  it('keeps secrets by name and never gives a value out', async () => {
    assert.deepEqual(await answer('POST', '/system/secrets', { name: 'tok', value: 'one' }), [202, '']);
    assert.deepEqual(await answer('POST', '/system/secrets', { name: 'tok', value: 'two' }), [409, '']);
    assert.deepEqual(await answer('GET', '/system/secrets'), [200, '[{"name":"tok","namespace":"openfaas-fn"}]']);
    assert.deepEqual(
      await answer('PUT', '/system/secrets', { name: 'tok', rawValue: Buffer.from([0, 255]).toString('base64') }),
      [202, ''],
    );
    const { readFile } = await import('node:fs/promises');
    assert.deepEqual(await readFile(secrets.file('tok')), Buffer.from([0, 255]));
    for (const name of ['', '../tok', 'Großes', 'a/b', '.', 'TOK']) {
      assert.equal((await answer('POST', '/system/secrets', { name, value: 'x' }))[0], name === '' ? 500 : 422, name);
      assert.equal((await answer('DELETE', '/system/secrets', { name }))[0], 404, name);
    }
    assert.equal((await answer('PUT', '/system/secrets', { name: 'nope', value: 'x' }))[0], 404);
    assert.deepEqual(await answer('DELETE', '/system/secrets', { name: 'tok' }), [202, '']);
    assert.deepEqual(await answer('GET', '/system/secrets'), [200, '[]']);
  });

  it('streams logs as one JSON object a line, and lets a follower go', async () => {
    await answer('POST', '/system/functions', deployment('wordy'));
    provider.lines = [{ instance: 'wordy-1', timestamp: '2026-11-22T15:36:50.148772719Z', text: 'grüße "x"' }];
    const [status, text] = await answer(
      'GET',
      '/system/logs?name=wordy&tail=5&since=2026-11-22T15:00:00Z&instance=wordy-1',
    );
    assert.equal(status, 200);
    assert.equal(
      text,
      '{"name":"wordy","namespace":"","instance":"wordy-1","timestamp":"2026-11-22T15:36:50.148772719Z","text":"grüße \\"x\\"\\n"}\n',
    );
    assert.equal(v.parse(logLineSchema, JSON.parse(text)).instance, 'wordy-1');
    assert.deepEqual(provider.queries, [
      { name: 'wordy', tail: 5, since: Date.parse('2026-11-22T15:00:00Z'), follow: false, instance: 'wordy-1' },
    ]);

    const leave = new AbortController();
    const followed = await fetch(url('/system/logs?name=wordy&follow=true&tail=-1'), {
      headers: { authorization },
      signal: leave.signal,
    });
    const reader = followed.body?.getReader();
    assert.match(Buffer.from((await reader?.read())?.value ?? []).toString('utf8'), /wordy-1/);
    leave.abort();
    await assert.rejects(async () => reader?.read());
    while (provider.followersLeft === 0) await new Promise((resolve) => setImmediate(resolve));

    const other = await fetch(url('/system/logs?name=wordy&follow=T'), { headers: { authorization } });
    closing.abort();
    assert.match(await other.text(), /wordy-1/);
  });
});
