import assert from 'node:assert/strict';
import { createServer, type RequestListener, type Server } from 'node:http';
import { Interrupted } from '../../cli/errors.ts';
import { openReplicaProbe, probeAddress } from '../../cli/replica/http-probe.ts';
import { portOf } from '../openfaas/scripted-gateway.ts';

describe('probe of a replica', () => {
  let server: Server;
  let url: string;
  let answer: RequestListener;
  let requests: { line: string; connection: string | undefined; authorization: string | undefined }[];
  let connections: number;
  const never = new AbortController().signal;
  beforeEach(async () => {
    requests = [];
    connections = 0;
    server = createServer((request, response) => {
      requests.push({
        line: `${request.method} ${request.url}`,
        connection: request.headers.connection,
        authorization: request.headers.authorization,
      });
      answer(request, response);
    });
    server.on('connection', () => connections++);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${portOf(server)}`;
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const identities = { 'X-Bantam-Revision': 'r1', 'X-Bantam-Deploy': 'd1', 'X-Bantam-Replica': 'hello-5c9-abc' };

  it('sees who answers, over a fresh connection each time, without credentials', async () => {
    answer = (_request, response) => response.writeHead(200, identities).end('ok\n');
    const probe = openReplicaProbe(`${url}/`);
    for (let time = 0; time < 3; time++) {
      assert.deepEqual(await probe.probe('hello', undefined, never), {
        kind: 'answer',
        ready: true,
        status: 200,
        revision: 'r1',
        deploy: 'd1',
        replica: 'hello-5c9-abc',
      });
    }
    await probe.probe('hello', 'dev', never);
    assert.equal(connections, 4);
    assert.deepEqual(
      requests.map(({ line }) => line),
      [
        'GET /function/hello/_/ready',
        'GET /function/hello/_/ready',
        'GET /function/hello/_/ready',
        'GET /function/hello.dev/_/ready',
      ],
    );
    assert.deepEqual(
      requests.map(({ connection, authorization }) => [connection, authorization]),
      Array(4).fill(['close', undefined]),
    );
  });

  it('asks a container by its own address', async () => {
    answer = (_request, response) => response.writeHead(503, identities).end('draining');
    assert.deepEqual(await probeAddress(url, never), {
      kind: 'answer',
      ready: false,
      status: 503,
      revision: 'r1',
      deploy: 'd1',
      replica: 'hello-5c9-abc',
    });
    assert.equal(requests[0]?.line, 'GET /_/ready');
  });

  it('does not wait for the body of an answer that names itself', async () => {
    answer = (_request, response) => void response.writeHead(200, identities).write('never ends');
    assert.equal((await probeAddress(url, never)).kind, 'answer');
  });

  const notYet: readonly [string, RequestListener, RegExp][] = [
    ['301 to the web page', (_q, s) => s.writeHead(301, { location: '/ui/' }).end('<a>'), /^301 to \/ui\/$/],
    [
      '404 of the gateway',
      (_q, s) => s.writeHead(404).end('error finding function hello.openfaas-fn: no\nmore'),
      /^404 error finding function hello\.openfaas-fn: no$/,
    ],
    ['404 that names itself twice', (_q, s) => s.writeHead(404).end('404 page not found\n'), /^404 page not found$/],
    ['500 without a word', (_q, s) => s.writeHead(500).end(), /^500$/],
    [
      '503 of faas-netes',
      (_q, s) => s.writeHead(503).end('No endpoints available for: hello.'),
      /^503 No endpoints available for: hello\.$/,
    ],
    ['a web page', (_q, s) => s.writeHead(502, { 'content-type': 'text/html' }).end('<html>'), /^502 with a web page$/],
    ['a foreign runtime', (_q, s) => s.writeHead(200).end('OK'), /names no deploy id/],
    [
      'a bantam runtime deployed without ids',
      (_q, s) => s.writeHead(200, { ...identities, 'X-Bantam-Deploy': '' }).end('OK'),
      /names no deploy id/,
    ],
    ['a long word, cut', (_q, s) => s.writeHead(500).end('x'.repeat(5000)), /^500 x{80}…$/],
    ['EOF', (q) => void q.socket.destroy(), /^connection closed without an answer$/],
    ['a hang', () => {}, /^no answer within 0\.1 s$/],
    ['a hang in the body', (_q, s) => void s.writeHead(500).write('x'), /^no answer within 0\.1 s$/],
    [
      'an answer cut short',
      (_q, s) => void s.writeHead(500, { 'content-length': '10' }).write('x', () => s.destroy()),
      /^connection closed without an answer$/,
    ],
  ];
  for (const [title, listener, reason] of notYet) {
    it(`calls it not yet: ${title}`, async () => {
      answer = listener;
      const seen = await probeAddress(url, never, { timeoutMilliseconds: 100 });
      assert.ok(seen.kind === 'not-yet', JSON.stringify(seen));
      assert.match(seen.reason, reason);
      assert.equal(requests.length, 1, 'no redirect is followed, nothing is tried again');
    });
  }

  it('calls a refused connection not yet', async () => {
    await new Promise((resolve) => server.close(resolve));
    assert.deepEqual(await probeAddress(url, never), { kind: 'not-yet', reason: 'connection refused' });
    server.listen(0);
  });

  it('asks a path that was named, and only then', async () => {
    answer = (_request, response) => response.writeHead(204).end();
    const probe = openReplicaProbe(url);
    assert.deepEqual(await probe.ask('hello', undefined, '/healthz?deep=1', never), { kind: 'answer', status: 204 });
    answer = (_request, response) => response.writeHead(302, { location: '/login' }).end();
    assert.deepEqual(await probe.ask('hello', 'dev', 'healthz', never), {
      kind: 'not-yet',
      reason: '302 to /login',
      status: 302,
    });
    assert.deepEqual(
      requests.map(({ line }) => line),
      ['GET /function/hello/healthz?deep=1', 'GET /function/hello.dev/healthz'],
    );
  });

  it('stops when it is told to', async () => {
    const stop = new AbortController();
    answer = () => stop.abort();
    await assert.rejects(probeAddress(url, stop.signal), Interrupted);
    await assert.rejects(probeAddress(url, stop.signal), Interrupted);
    assert.equal(requests.length, 1);
  });
});
