import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { Event } from '../../../cli/events.ts';
import { type AsyncCalls, openAsyncCalls } from '../../../cli/local/async/async-calls.ts';
import { largestCallBody } from '../../../cli/local/async/take-call.ts';
import { faasNetes } from '../../../cli/local/dialect/faas-netes.ts';
import { CallActivity } from '../../../cli/local/gateway/activity.ts';
import { createFunctionCaller } from '../../../cli/local/gateway/function-call.ts';
import { connectReplicas, createGateway } from '../../../cli/local/gateway/gateway.ts';
import { type Listener, listen } from '../../../cli/local/gateway/listen.ts';
import { isFromHere } from '../../../cli/local/own-addresses.ts';
import { SecretStore } from '../../../cli/local/state/secret-store.ts';
import { type LocalStore, openLocalStore } from '../../../cli/local/state/store.ts';
import { ScriptedProvider } from '../scripted-provider.ts';
import { until } from '../until.ts';

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly raw: readonly string[];
  readonly body: Buffer;
}

describe('/async-function/', () => {
  let folder: string;
  let store: LocalStore;
  let provider: ScriptedProvider;
  let activity: CallActivity;
  let calls: AsyncCalls;
  let listener: Listener;
  let events: Event[];
  let closing: AbortController;
  let called: Seen[];
  let told: Seen[];
  let answer: (outgoing: ServerResponse, seen: Seen) => void;
  let take: (outgoing: ServerResponse) => void;
  let servers: Server[];
  let callback: string;
  let bounds: Parameters<typeof openAsyncCalls>[0]['bounds'];
  let mayCallBack: (incoming: IncomingMessage) => boolean;

  const serve = async (seen: Seen[], respond: (outgoing: ServerResponse, seen: Seen) => void): Promise<string> => {
    const server = createServer((incoming, outgoing) => {
      void buffer(incoming).then((body) => {
        const { method = '', url = '', headers, rawHeaders: raw } = incoming;
        const one = { method, url, headers, raw, body };
        seen.push(one);
        respond(outgoing, one);
      });
    });
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    assert.ok(typeof address === 'object' && address !== null);
    return `http://127.0.0.1:${address.port}`;
  };
  const open = async (resumed = true): Promise<void> => {
    const connections = connectReplicas(provider);
    const callFunction = createFunctionCaller({ dialect: faasNetes, connections, activity, answerBound: 10_000 });
    calls = openAsyncCalls({
      records: store.calls,
      provider,
      dialect: faasNetes,
      callFunction,
      mayCallBack: (incoming) => mayCallBack(incoming),
      report: (event) => events.push(event),
      bounds,
      callbackWait: 1,
    });
    if (resumed) await calls.resume();
    const secrets = await SecretStore.open(join(folder, 'secrets'));
    const parts = {
      provider,
      secrets,
      dialect: faasNetes,
      credentials: { user: 'a', password: 'b' },
      version: '9.9.9',
    };
    const front = createGateway({
      ...parts,
      closing: closing.signal,
      activity,
      connections,
      asynchronous: calls.request,
    });
    listener = await listen('127.0.0.1', 0, front);
  };
  const deploy = async (annotations: Record<string, string> = {}): Promise<void> => {
    const deployment = { service: 'hello', image: 'x', annotations };
    provider.apply({ name: 'hello', generation: '0011223344556677', createdAt: 'then', deployment, replicas: 1 });
    provider.addresses.set('hello', [await serve(called, (outgoing, seen) => answer(outgoing, seen))]);
  };
  const url = (path: string): string => `http://127.0.0.1:${listener.port}${path}`;
  const post = (
    path: string,
    headers: Record<string, string> = {},
    body: string | Buffer = 'body',
  ): Promise<Response> => fetch(url(path), { method: 'POST', headers, body });
  const warnings = (): string[] =>
    events.flatMap((event) => (event.type === 'warning' ? [`${event.about}: ${event.text}`] : []));

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bantam-async-'));
    store = await openLocalStore(join(folder, 'store'));
    [provider, activity, closing] = [new ScriptedProvider(), new CallActivity(), new AbortController()];
    [events, called, told, servers, bounds, mayCallBack] = [[], [], [], [], undefined, isFromHere];
    answer = (outgoing) => outgoing.writeHead(200, { 'Content-Type': 'text/x-answer' }).end('answer');
    take = (outgoing) => outgoing.end();
    callback = `${await serve(told, (outgoing) => take(outgoing))}/done?key=1`;
    await open();
  });
  afterEach(async () => {
    await calls.drain(0);
    closing.abort();
    await listener.close();
    for (const server of servers) {
      server.close();
      server.closeAllConnections();
    }
    await store.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('answers 202 at once, and the function gets path, query, headers and body as they came', async () => {
    await deploy();
    const body = Buffer.from([0, 1, 255, 10, 13]);
    const headers = { 'X-Call-Id': 'my-own-id', 'X-Two': 'a, b', 'Content-Type': 'application/x-odd' };
    const accepted = await post('/async-function/hello.openfaas-fn/a%20b//c?q=%2F&q', headers, body);
    assert.deepEqual([accepted.status, await accepted.text()], [202, '']);
    assert.equal(accepted.headers.get('x-call-id'), 'my-own-id');
    assert.match(accepted.headers.get('x-start-time') ?? '', /^\d{19}$/);
    assert.equal(accepted.headers.get('x-callback-url'), null);
    await until('it is called', () => called.length === 1);
    const [seen] = called;
    assert.deepEqual([seen?.method, seen?.url], ['POST', '/a%20b//c?q=%2F&q']);
    assert.deepEqual(seen?.body, body);
    assert.deepEqual(
      ['x-call-id', 'x-two', 'content-type', 'content-length'].map((name) => seen?.headers[name]),
      ['my-own-id', 'a, b', 'application/x-odd', '5'],
    );
    await until('it is over', () => calls.depth().waiting === 0);
    assert.equal(activity.finished[0]?.asynchronous, true);
    assert.deepEqual((await store.calls.list()).calls, []);
    assert.deepEqual(warnings(), []);
  });

  it('gives each call an id of its own where the client has none', async () => {
    await deploy();
    const ids = (await Promise.all([1, 2].map(() => post('/async-function/hello')))).map((each) =>
      each.headers.get('x-call-id'),
    );
    assert.match(ids[0] ?? '', /^[0-9a-f-]{36}$/);
    assert.notEqual(ids[0], ids[1]);
    await until('both are called', () => called.length === 2);
    assert.deepEqual(called.map(({ headers }) => headers['x-call-id']).sort(), ids.sort());
    assert.equal(called[0]?.url, '/');
  });

  it('posts the answer to the callback, as the queue-worker does', async () => {
    await deploy();
    answer = (outgoing) =>
      outgoing
        .writeHead(418, {
          'Content-Type': 'text/tea',
          'X-Pot': ['a', 'b'],
          'X-Function-Name': 'a lie',
          Connection: 'close',
        })
        .end('no coffee');
    const accepted = await post('/async-function/hello/x', { 'X-Callback-Url': callback });
    assert.equal(accepted.headers.get('x-callback-url'), callback);
    await until('it is told', () => told.length === 1);
    const [seen] = told;
    assert.deepEqual([seen?.method, seen?.url, seen?.body.toString()], ['POST', '/done?key=1', 'no coffee']);
    const { headers = {} } = seen ?? {};
    assert.equal(headers['x-call-id'], accepted.headers.get('x-call-id'));
    assert.equal(headers['x-function-name'], 'hello');
    assert.equal(headers['x-function-status'], '418');
    assert.match(String(headers['x-duration-seconds']), /^\d+\.\d{6}$/);
    assert.deepEqual([headers['content-type'], headers['x-pot']], ['text/tea', 'a, b']);
    await until('it is over', () => calls.depth().callbacks === 0);
    assert.deepEqual([called.length, told.length], [1, 1]);
  });

  it('tells a callback again that does not take the answer, and never calls the function for that', async () => {
    await deploy();
    take = (outgoing) => outgoing.writeHead(told.length < 3 ? 503 : 301, { Location: 'http://127.0.0.1:9/' }).end();
    await post('/async-function/hello', { 'X-Callback-Url': callback });
    await until('it is over', async () => (await store.calls.list()).calls.length === 0);
    assert.deepEqual([called.length, told.length], [1, 3], 'a redirect is an answer, and not followed');
    assert.deepEqual(warnings(), []);
  });

  it('gives a callback up after five posts, says so, and shows no key of its address', async () => {
    await deploy();
    take = (outgoing) => outgoing.destroy();
    await post('/async-function/hello', {
      'X-Callback-Url': callback.replace('//', '//user:pass@'),
      'X-Call-Id': 'one',
    });
    await until('it is over', async () => (await store.calls.list()).calls.length === 0);
    assert.equal(told.length, 5);
    assert.equal(told[0]?.headers.authorization, `Basic ${Buffer.from('user:pass').toString('base64')}`);
    const shown = callback.replace('?key=1', '');
    assert.deepEqual(warnings(), [
      `hello: the callback ${shown} of asynchronous call one was given up after 5 tries: socket hang up`,
    ]);
  });

  it('tries again what the function wants tried again, and posts its last word', async () => {
    await deploy({
      'com.openfaas.retry.attempts': '3',
      'com.openfaas.retry.codes': '500',
      'com.openfaas.retry.min_wait': '1ms',
    });
    answer = (outgoing) => outgoing.writeHead(500).end(`try ${called.length}`);
    await post('/async-function/hello', { 'X-Callback-Url': callback, 'X-Call-Id': 'one' });
    await until('it is told', () => told.length === 1);
    assert.deepEqual(
      [called.length, told[0]?.headers['x-function-status'], told[0]?.body.toString()],
      [3, '500', 'try 3'],
    );
    assert.deepEqual(warnings(), ['hello: asynchronous call one was given up after 3 tries: 500 from the function']);
  });

  it('waits for a function that is not ready, and calls it once it is', async () => {
    await deploy({
      'com.openfaas.retry.min_wait': '1ms',
      'com.openfaas.retry.max_wait': '2ms',
      'com.openfaas.retry.attempts': '100000',
    });
    const addresses = provider.addresses.get('hello') ?? [];
    provider.addresses.set('hello', []);
    await post('/async-function/hello');
    await until('it was tried', () => activity.finished.length > 2);
    assert.ok(activity.finished.every(({ status }) => status === 503));
    provider.addresses.set('hello', addresses);
    await until('it is over', () => calls.depth().waiting === 0);
    assert.equal(called.length, 1);
  });

  it('takes calls of functions that are not there, as real gateways do, and tells the callback 404', async () => {
    const accepted = await post('/async-function/nobody', { 'X-Callback-Url': callback });
    assert.equal(accepted.status, 202);
    await until('it is told', () => told.length === 1);
    assert.deepEqual([told[0]?.headers['x-function-status'], told[0]?.headers['x-function-name']], ['404', 'nobody']);
    const elsewhere = await post('/async-function/hello.other-namespace', { 'X-Callback-Url': callback });
    assert.equal(elsewhere.status, 202);
    await until('it is told', () => told.length === 2);
    assert.deepEqual(
      [told[1]?.headers['x-function-status'], told[1]?.headers['x-function-name']],
      ['404', 'hello.other-namespace'],
    );
  });

  it('refuses other methods, large bodies, and callbacks that are none', async () => {
    await deploy();
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const refused = await fetch(url('/async-function/hello'), { method });
      assert.deepEqual([refused.status, await refused.text()], [405, '']);
    }
    assert.equal((await post('/async-function/hello', {}, Buffer.alloc(largestCallBody))).status, 202);
    const large = await post('/async-function/hello', {}, Buffer.alloc(largestCallBody + 1));
    assert.deepEqual(
      [large.status, await large.text()],
      [413, `the body of an asynchronous call has at most ${largestCallBody} bytes, as with NATS\n`],
    );
    for (const bad of [
      'ftp://127.0.0.1/',
      'file:///etc/passwd',
      'javascript:1',
      '/relative',
      'http://',
      `http://a/${'x'.repeat(9000)}`,
    ]) {
      const refused = await post('/async-function/hello', { 'X-Callback-Url': bad });
      assert.equal(refused.status, 400, bad);
      assert.match(await refused.text(), /^X-Callback-Url cannot be called: /);
    }
    await until('the one is called', () => called.length === 1);
  });

  it('refuses a body that grows too large without saying so, and forgets one that breaks off', async () => {
    await deploy();
    const sent = request(url('/async-function/hello'), { method: 'POST', headers: { 'Transfer-Encoding': 'chunked' } });
    sent.on('error', () => undefined);
    const answered = once(sent, 'response');
    sent.write(Buffer.alloc(largestCallBody));
    sent.write('x');
    const [refused]: IncomingMessage[] = await answered;
    assert.equal(refused?.statusCode, 413);
    sent.destroy();
    const broken = request(url('/async-function/hello'), { method: 'POST', headers: { 'Content-Length': '100' } });
    broken.on('error', () => undefined);
    await new Promise<void>((resolve) => broken.write('only a part', () => resolve()));
    broken.destroy();
    assert.equal((await post('/async-function/hello')).status, 202);
    await until('the whole one is called', () => called.length === 1);
    await until('it is over', () => calls.depth().waiting === 0);
    assert.equal(called[0]?.body.toString(), 'body');
  });

  it('takes callbacks from programs of this machine only', async () => {
    await deploy();
    mayCallBack = () => false;
    assert.equal((await post('/async-function/hello', { 'X-Callback-Url': callback })).status, 403);
    assert.equal((await post('/async-function/hello')).status, 202);
  });

  it('says that it is full, or that it stops', async () => {
    await listener.close();
    bounds = { calls: 1 };
    await open();
    await deploy({ 'com.openfaas.retry.min_wait': '1h' });
    answer = (outgoing) => outgoing.writeHead(503).end();
    assert.equal((await post('/async-function/hello')).status, 202);
    const full = await post('/async-function/hello');
    assert.deepEqual([full.status, full.headers.get('retry-after')], [429, '5']);
    assert.equal(await full.text(), 'the queue is full: 1 asynchronous calls wait for their functions\n');
    await calls.drain(10_000);
    assert.equal((await post('/async-function/hello')).status, 503);
  });

  it('takes nothing before it knows what an earlier gateway left', async () => {
    await deploy();
    await listener.close();
    const left = { sequence: 1, id: 'left', function: 'hello', method: 'POST', target: '/', headers: [], bytes: 4 };
    await store.calls.accept({ ...left, acceptedAt: 0, dueAt: 0, attempts: 0, state: 'waiting' }, Buffer.from('left'));
    await open(false);
    assert.equal((await post('/async-function/hello')).status, 503);
    assert.equal(called.length, 0);
    assert.equal(await calls.resume(), 1);
    assert.equal((await post('/async-function/hello')).status, 202);
    await until('both are called', () => called.length === 2);
    assert.deepEqual(called.map(({ body }) => body.toString()).sort(), ['body', 'left']);
  });

  it('does not say 202 when the call cannot be kept', async () => {
    await deploy();
    await store.close();
    const refused = await post('/async-function/hello');
    assert.equal(refused.status, 503);
    assert.match(await refused.text(), /^the call could not be kept: the state of the local gateway cannot be written/);
    store = await openLocalStore(join(folder, 'store'));
  });

  it('tells a callback nothing rather than a part of an answer that is too large', async () => {
    await deploy();
    answer = (outgoing) => void outgoing.end(Buffer.alloc((16 << 20) + 1));
    await post('/async-function/hello', { 'X-Callback-Url': callback });
    await until('it is told', () => told.length === 1);
    assert.deepEqual(
      [told[0]?.headers['x-function-status'], told[0]?.headers['x-bantam-truncated'], told[0]?.body.length],
      ['200', 'true', 0],
    );
  });
});
