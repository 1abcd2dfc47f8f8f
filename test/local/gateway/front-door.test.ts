import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { faasNetes } from '../../../cli/local/dialect/faas-netes.ts';
import { CallActivity } from '../../../cli/local/gateway/activity.ts';
import type { RequestHandler } from '../../../cli/local/gateway/front.ts';
import { createGateway } from '../../../cli/local/gateway/gateway.ts';
import { type Listener, listen } from '../../../cli/local/gateway/listen.ts';
import { SecretStore } from '../../../cli/local/state/secret-store.ts';
import { ScriptedProvider } from '../scripted-provider.ts';
import { exchange, readUntil } from './proxied.ts';

describe('all that a local gateway answers, from its front door', function () {
  this.timeout(30_000);
  const authorization = `Basic ${Buffer.from('admin:secret').toString('base64')}`;
  let folder: string;
  let provider: ScriptedProvider;
  let activity: CallActivity;
  let listener: Listener;
  let far: ReturnType<typeof createServer>;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bantam-front-'));
    provider = new ScriptedProvider();
    activity = new CallActivity();
    const saysItsName =
      (name: string): RequestHandler =>
      (incoming, outgoing) => {
        incoming.resume();
        outgoing.end(`${name} ${incoming.method} ${incoming.url}`);
      };
    const front = createGateway({
      provider,
      secrets: await SecretStore.open(join(folder, 'secrets')),
      dialect: faasNetes,
      credentials: { user: 'admin', password: 'secret' },
      version: '1.2.3',
      closing: new AbortController().signal,
      activity,
      asynchronous: saysItsName('queue'),
      registry: saysItsName('registry'),
      page: { answer: (request) => new Response(`page ${request.method} ${new URL(request.url).pathname}`) },
    });
    listener = await listen('127.0.0.1', 0, front);
    far = createServer((incoming, outgoing) => {
      incoming.resume();
      outgoing.writeHead(incoming.url === '/teapot' ? 418 : 200).end('function');
    });
    far.listen(0, '127.0.0.1');
    await once(far, 'listening');
    await deploy('echo');
    provider.addresses.set('echo', [`http://127.0.0.1:${(far.address() as AddressInfo).port}`]);
  });
  afterEach(async () => {
    await listener.close();
    far.close();
    await rm(folder, { recursive: true, force: true });
  });
  const url = (path: string): string => `http://127.0.0.1:${listener.port}${path}`;
  const deploy = (service: string): Promise<Response> =>
    fetch(url('/system/functions'), {
      method: 'POST',
      headers: { authorization, 'Content-Type': 'application/json' },
      body: JSON.stringify({ service, image: 'none:1' }),
    });
  const text = async (path: string, init: RequestInit = {}): Promise<string> => (await fetch(url(path), init)).text();

  it('each path has its part', async () => {
    assert.equal(await text('/function/echo/x'), 'function');
    assert.equal(await text('/async-function/echo/x?y', { method: 'POST' }), 'queue POST /async-function/echo/x?y');
    assert.equal(await text('/v2/'), 'registry GET /v2/');
    assert.equal(await text('/v2/hello/manifests/latest'), 'registry GET /v2/hello/manifests/latest');
    assert.equal(await text('/ui/'), 'page GET /ui/');
    assert.equal(await text('/ui/api/x', { method: 'POST' }), 'page POST /ui/api/x');
    const root = await fetch(url('/'), { redirect: 'manual' });
    assert.deepEqual([root.status, root.headers.get('location')], [301, '/ui/']);
    for (const path of [
      '/v20',
      '/uix',
      '/functions/echo',
      '/function',
      '/async-function/',
      '/system',
      '/../system/info',
    ])
      assert.match(await text(path), /404 page not found|queue|invalid credentials/, path);
    assert.equal((await fetch(url('/healthz'))).status, 200);
  });

  it('no other page, by no other name, gets anywhere', async () => {
    const asked = (path: string, more: string): Promise<string> =>
      exchange(listener.port, `POST ${path} HTTP/1.1\r\nConnection: close\r\nContent-Length: 0\r\n${more}\r\n\r\n`);
    for (const path of [
      '/system/functions',
      '/function/echo',
      '/async-function/echo',
      '/v2/x/blobs/uploads/',
      '/ui/',
      '/metrics',
      '/healthz',
      '/',
    ]) {
      assert.match(await asked(path, 'Host: evil.example'), /^HTTP\/1\.1 403 /, path);
      assert.match(
        await asked(path, `Host: 127.0.0.1:${listener.port}\r\nOrigin: https://evil.example`),
        /^HTTP\/1\.1 403 /,
        path,
      );
    }
    const socket = `GET /function/echo HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nOrigin: https://evil.example\r\n\r\n`;
    assert.match(await exchange(listener.port, socket), /^HTTP\/1\.1 403 /);
    const absolute = 'GET http://evil.example/healthz HTTP/1.1\r\nConnection: close\r\nHost: 127.0.0.1\r\n\r\n';
    assert.match(await exchange(listener.port, absolute), /^HTTP\/1\.1 400 /);
    const own = 'GET http://127.0.0.1/function/echo?x HTTP/1.1\r\nConnection: close\r\nHost: 127.0.0.1\r\n\r\n';
    assert.match(await exchange(listener.port, own), /^HTTP\/1\.1 200 /);
    const form = { method: 'POST', headers: { authorization, 'Content-Type': 'text/plain' }, body: '{}' };
    assert.equal((await fetch(url('/system/functions'), form)).status, 415);
    assert.equal(provider.applied.length, 1);
  });

  it('nothing of it is there for other origins to read', async () => {
    const preflight = {
      method: 'OPTIONS',
      headers: { Origin: 'http://localhost:5173', 'Access-Control-Request-Method': 'POST' },
    };
    for (const path of ['/system/functions', '/v2/', '/function/nope', '/healthz']) {
      const answer = await fetch(url(path), preflight);
      assert.deepEqual(
        [...answer.headers.keys()].filter((name) => name.startsWith('access-control')),
        [],
        path,
      );
    }
    // A function itself may.
    far.removeAllListeners('request');
    far.on('request', (_, outgoing) => outgoing.setHeader('Access-Control-Allow-Origin', '*').end());
    assert.equal((await fetch(url('/function/echo'), preflight)).headers.get('access-control-allow-origin'), '*');
  });

  it('lets go on with a body that it wants, and not with one that it does not', async () => {
    const head = (path: string, more: string): string =>
      `POST ${path} HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\nContent-Type: application/json\r\n${more}Connection: close\r\n\r\n`;
    const socket = connect(listener.port, '127.0.0.1');
    socket.write(head('/system/functions', `Authorization: ${authorization}\r\n`));
    await readUntil(socket, /^HTTP\/1\.1 100 Continue\r\n\r\n$/);
    socket.write('{}');
    await readUntil(socket, /^HTTP\/1\.1 400 /);
    assert.match(
      await exchange(listener.port, head('/system/functions', 'Origin: https://evil.example\r\n')),
      /^HTTP\/1\.1 403 /,
    );
  });

  it('bodies over the limit are refused while they come, with and without a length', async () => {
    const large = ' '.repeat(9 << 20);
    for (const body of [large, new Blob([large]).stream()]) {
      const answer = await fetch(url('/system/functions'), {
        method: 'POST',
        headers: { authorization, 'Content-Type': 'application/json' },
        body,
        duplex: 'half',
      } as RequestInit);
      assert.equal(answer.status, 413);
    }
  });

  it('counts under the names and labels of the real gateway', async () => {
    for (const path of ['echo', 'echo/teapot', 'echo.openfaas-fn/y', 'nope', 'nope2']) await text(`/function/${path}`);
    while (activity.runningCount > 0) await new Promise((resolve) => setImmediate(resolve));
    await text('/system/info', { headers: { authorization } });
    await text('/system/info');
    await text('/async-function/echo', { method: 'POST' });
    const answer = await fetch(url('/metrics'));
    assert.match(answer.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4; charset=utf-8$/);
    const lines = (await answer.text()).split('\n').filter((line) => line !== '');
    const values = lines.filter((line) => !/^#|_bucket|_sum|_seconds_count/.test(line)).sort();
    // The first five as a real one gave them for the same calls (gateway of January 2024); the others by its documentation.
    assert.deepEqual(values, [
      'gateway_function_invocation_started{function_name="echo.openfaas-fn"} 3',
      'gateway_function_invocation_total{function_name="echo.openfaas-fn",code="200"} 2',
      'gateway_function_invocation_total{function_name="echo.openfaas-fn",code="418"} 1',
      'gateway_service_count{function_name="echo.openfaas-fn"} 1',
      'http_requests_total{method="GET",path="/system/info",status="200"} 1',
      'http_requests_total{method="GET",path="/system/info",status="401"} 1',
      'http_requests_total{method="POST",path="/async-function",status="200"} 1',
      'http_requests_total{method="POST",path="/system/functions",status="202"} 1',
    ]);
    const seconds = lines.filter((line) => line.startsWith('gateway_functions_seconds'));
    assert.ok(seconds.includes('gateway_functions_seconds_count{function_name="echo.openfaas-fn",code="200"} 2'));
    assert.deepEqual(
      seconds.flatMap((line) => /le="(?<bound>[^"]+)".*code="418"/.exec(line)?.groups?.['bound'] ?? []),
      ['0.005', '0.01', '0.025', '0.05', '0.1', '0.25', '0.5', '1', '2.5', '5', '10', '+Inf'],
    );
    assert.ok(
      lines.some((line) =>
        line.startsWith('http_request_duration_seconds_bucket{le="0.005",method="GET",path="/system/info"'),
      ),
    );
  });

  it('makes no labels of what clients think of', async () => {
    for (let count = 0; count < 50; count += 1) {
      await text(`/function/unknown-${count}`);
      await text(`/system/function/unknown-${count}`, { headers: { authorization } });
      await text(`/system/x-${count}`, { headers: { authorization } });
    }
    const metrics = await text('/metrics');
    assert.ok(!metrics.includes('unknown-') && !metrics.includes('x-1'));
  });

  it('a call looks for its function alone, whatever others there are', async () => {
    for (let count = 0; count < 500; count += 1) {
      const [name, deployment] = [`other-${count}`, { service: `other-${count}`, image: 'none:1' }];
      provider.apply({
        name,
        generation: '0123456789abcdef',
        createdAt: '2026-11-22T00:00:00Z',
        deployment,
        replicas: 1,
      });
    }
    let lists = 0;
    const list = provider.list.bind(provider);
    provider.list = () => {
      lists += 1;
      return list();
    };
    for (const name of ['echo', 'other-250', 'nope']) await text(`/function/${name}`);
    assert.equal(lists, 0);
    assert.match(await text('/metrics'), /gateway_service_count\{function_name="other-499\.openfaas-fn"\} 1/);
  });
});

describe('the memory of calls', () => {
  it('is not filled by those who watch whether a replica is ready; they are heard of and counted', () => {
    const activity = new CallActivity(2);
    let heard = 0;
    activity.events.on('finished', () => {
      heard += 1;
    });
    for (const path of ['/', '/_', '/_/ready', '/_/health', '/_/ready'])
      activity.start({ id: path, function: 'fn', known: true, method: 'GET', path, asynchronous: false })({
        status: 200,
        ending: 'answered',
        requestBytes: 0,
        answerBytes: 0,
        replica: undefined,
      });
    assert.deepEqual([activity.finished.map(({ path }) => path), heard, activity.runningCount], [['/', '/_'], 5, 0]);
  });

  it('keeps the last ones, and each is over once', () => {
    const activity = new CallActivity(3);
    const call = { function: 'fn', known: true, method: 'GET', path: '/', asynchronous: false };
    const result = { status: 200, ending: 'answered', requestBytes: 0, answerBytes: 0, replica: undefined } as const;
    const ends = ['a', 'b', 'c', 'd', 'e'].map((id) => activity.start({ ...call, id }));
    let heard = 0;
    activity.events.on('finished', () => {
      heard += 1;
    });
    assert.deepEqual(
      activity.running.map(({ id }) => id),
      ['a', 'b', 'c', 'd', 'e'],
    );
    for (const end of ends.slice(0, 4)) end(result);
    ends[0]?.(result);
    assert.deepEqual(
      activity.finished.map(({ id }) => id),
      ['b', 'c', 'd'],
    );
    assert.deepEqual([heard, activity.runningCount, activity.running[0]?.id], [4, 1, 'e']);
  });
});
