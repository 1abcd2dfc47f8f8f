import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { bundle, makeContext, removeTemporaryFolders } from '../build-context.ts';
import { endReplicas, type ReplicaProcess, startReplica } from '../replica-process.ts';

const handler = `
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const stream = (text: string): ReadableStream => new Blob([text]).stream();
const answers: Record<string, (request: Request) => Response> = {
  '/ok': () => new Response('ok'),
  '/url': (request) => new Response(request.url),
  '/named': () => new Response('hi', { headers: { 'X-A': 'b' } }),
  '/named-headers': () => new Response('hi', { headers: new Headers({ 'X-A': 'b' }) }),
  '/touched': () => { const r = new Response('hi', { headers: { 'X-A': 'b' } }); r.headers.set('X-C', 'd'); return r; },
  '/bytes': () => new Response(new Uint8Array([104, 105])),
  '/touched-bytes': () => { const r = new Response(new Uint8Array([104, 105])); r.headers.set('X-C', 'd'); return r; },
  '/stream': () => new Response(stream('hi')),
  '/blob': () => new Response(new Blob(['hi'], { type: 'image/svg+xml' })),
  '/own-type': () => new Response('hi', { headers: { 'CONTENT-TYPE': 'a/b' } }),
  '/json': () => Response.json('hi'),
  '/fine': () => new Response('hi', { statusText: 'Fine Indeed' }),
  '/fine-json': () => Response.json('hi', { statusText: 'Fine Indeed' }),
  '/again': () => new Response('hi', new Response('', { statusText: 'Fine Indeed', headers: { 'X-A': 'b' } })),
  '/short': () => new Response('hello world', { headers: { 'content-length': '5' } }),
  '/upper': () => new Response('hello world', { headers: { 'CONTENT-LENGTH': '5' } }),
  '/chunked': () => new Response('hello world', { headers: { 'transfer-encoding': 'chunked' } }),
  '/short-stream': () => new Response(stream('hello world'), { headers: { 'content-length': '5' } }),
  '/long-stream': () => new Response(stream('hello'), { headers: { 'content-length': '500' } }),
};
export default async function (request: Request, context: Context): Promise<Response> {
  const { pathname } = new URL(request.url);
  const answer = answers[pathname];
  if (answer) return answer(request);
  if (pathname === '/read') {
    context.signal.addEventListener('abort', () => context.log('aborted'));
    request.signal.addEventListener('abort', () => context.log('request aborted'));
    await request.text().then((text) => context.log('read ' + text.length), (error) => context.log('cannot read: ' + error.message));
    return new Response('read');
  }
  if (pathname === '/clone') request.clone();
  if (pathname === '/part') await request.body?.getReader().read();
  if (pathname === '/sleep') {
    context.log('sleeps');
    await wait(300);
  }
  if (pathname === '/late') {
    context.log('begins');
    await new Promise((resolve) => context.signal.addEventListener('abort', resolve));
    return new Response(new ReadableStream({ cancel: () => context.log('cancelled') }));
  }
  if (pathname === '/trailer') context.setTrailer('X-Sum', '1');
  if (pathname === '/socket') {
    const { socket, response } = context.upgradeWebSocket();
    socket.addEventListener('close', () => context.log('closed'));
    context.log('upgrades');
    await wait(100);
    return response;
  }
  return new Response('done');
}
`;

/** A connection whose answers are looked at as bytes. */
class Wire {
  readonly socket: Socket;
  received = '';
  ended = false;

  constructor(replica: ReplicaProcess) {
    this.socket = connect(Number(new URL(replica.url).port), '127.0.0.1');
    this.socket.on('error', () => {});
    this.socket.setEncoding('latin1');
    this.socket.on('data', (text: string) => {
      this.received += text;
    });
    this.socket.on('close', () => {
      this.ended = true;
    });
  }

  send(head: string, body = ''): void {
    this.socket.write(`${head}\r\n\r\n${body}`);
  }

  async until(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.received)) {
      assert.ok(!this.ended, `closed without ${pattern}: ${this.received}`);
      await Promise.race([once(this.socket, 'data'), once(this.socket, 'close')]);
    }
    return this.received;
  }

  async closed(): Promise<string> {
    if (!this.ended) await once(this.socket, 'close');
    return this.received;
  }
}

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x`;

async function inFlight(replica: ReplicaProcess): Promise<number> {
  const port = /metrics on port (\d+)/.exec(replica.output())?.[1];
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  return Number(/^http_requests_in_flight (\d+)$/m.exec(text)?.[1]);
}

async function untilIdle(replica: ReplicaProcess): Promise<void> {
  while ((await inFlight(replica)) > 0);
}

describe('bantam-ts, bodies and connections', () => {
  let root = '';

  before(async () => {
    const built = await bundle(await makeContext('bantam-ts', { 'handler.ts': handler }));
    assert.equal(built.code, 0, built.output);
    root = built.root;
  });
  afterEach(endReplicas);
  after(removeTemporaryFolders);

  const start = (environment: Record<string, string> = {}): Promise<ReplicaProcess> =>
    startReplica(root, 'ts', { healthcheck_interval: '0s', ...environment });

  it('does not give a handler the beginning of a body in chunks that is too large', async () => {
    const replica = await start({ max_body_size: '1kb' });
    const wire = new Wire(replica);
    wire.send('POST /read HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked', `200\r\n${'x'.repeat(512)}\r\n`);
    wire.socket.write(`400\r\n${'x'.repeat(1024)}\r\n`);
    await wire.until(/^HTTP\/1\.1 413 [\s\S]*larger than 1024 bytes/);
    wire.socket.write('0\r\n\r\n');
    await replica.waitForLine(/ aborted/);
    await replica.waitForLine(/request aborted/);
    await replica.waitForLine(/cannot read: .*larger than 1024 bytes/);
    wire.send(get('/ok'));
    await wire.until(/\r\n\r\nok$/);
    assert.doesNotMatch(replica.output(), /read \d/);
  });

  for (const path of ['/clone', '/part', '/unread']) {
    it(`serves the next request of a connection after one whose body was not read whole: ${path}`, async () => {
      const replica = await start();
      const wire = new Wire(replica);
      wire.send(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000`, 'x'.repeat(3_000_000));
      wire.send(get('/ok'));
      await wire.until(/\r\n\r\ndone[\s\S]*\r\n\r\nok$/);
      wire.send(get('/ok'));
      await wire.until(/\r\n\r\nok[\s\S]*\r\n\r\nok$/);
      replica.child.kill();
      assert.equal(await replica.ended, 0);
    });

    it(`ends a connection whose body never ends, once it is answered: ${path}`, async () => {
      const replica = await start();
      const wire = new Wire(replica);
      wire.send(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000`, 'x'.repeat(300_000));
      assert.match(await wire.closed(), /\r\n\r\ndone$/);
    });
  }

  for (const [what, head] of Object.entries({
    'no key': 'Sec-WebSocket-Version: 13',
    'a bad key': 'Sec-WebSocket-Key: abc\r\nSec-WebSocket-Version: 13',
    'version 7': 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 7',
  })) {
    it(`refuses the handshake of a WebSocket itself, and frees its slot: ${what}`, async () => {
      const replica = await start({ max_inflight: '1' });
      const wire = new Wire(replica);
      wire.send(`${get('/socket')}\r\nX-Call-Id: hand\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n${head}`);
      const text = await wire.closed();
      assert.match(text, /^HTTP\/1\.1 400 [\s\S]*\r\nX-Call-Id: hand\r\n[\s\S]*\(call hand\)\n$/);
      assert.match(text, /\r\nSec-WebSocket-Version: 13, 8\r\n/);
      await replica.waitForLine(/ closed/);
      assert.equal(await inFlight(replica), 0);
      assert.equal((await fetch(`${replica.url}/ok`)).status, 200);
    });
  }

  for (const leave of ['end', 'resetAndDestroy'] as const) {
    it(`frees the slot of a WebSocket whose caller leaves before it opens: ${leave}`, async () => {
      const replica = await start({ max_inflight: '1' });
      const wire = new Wire(replica);
      const head = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13';
      wire.send(`${get('/socket')}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n${head}`);
      await replica.waitForLine(/upgrades/);
      wire.socket[leave]();
      await replica.waitForLine(/ closed/);
      await untilIdle(replica);
    });
  }

  it('ends the calls of pipelined requests whose connection closes', async () => {
    const replica = await start();
    const wire = new Wire(replica);
    for (let i = 0; i < 12; i += 1) wire.send(get('/sleep'));
    while ((await inFlight(replica)) < 12);
    wire.socket.destroy();
    await untilIdle(replica);
    assert.doesNotMatch(replica.output(), /Warning/);
  });

  it('says who it is where a request without Host or with a strange expectation is refused', async () => {
    const replica = await start({ BANTAM_DEPLOY: 'd-7' });
    for (const [head, status] of [
      ['GET /ok HTTP/1.1\r\nConnection: close', 400],
      ['GET /_/health HTTP/1.1\r\nConnection: close', 400],
      [`${get('/ok')}\r\nConnection: close\r\nExpect: foo`, 417],
    ] as const) {
      const wire = new Wire(replica);
      wire.send(`${head}\r\nX-Call-Id: own`);
      const text = await wire.closed();
      assert.ok(text.startsWith(`HTTP/1.1 ${status} `), text);
      assert.match(text, /\r\nX-Bantam-Deploy: d-7\r\n[\s\S]*\r\nX-Call-Id: own\r\n/);
      assert.match(text, /\r\nConnection: close\r\n/);
    }
    const old = new Wire(replica);
    old.send('GET /ok HTTP/1.0');
    assert.match(await old.closed(), /^HTTP\/1\.1 200 /);
  });

  it('asks for no body that it is going to refuse', async () => {
    const replica = await start({ max_body_size: '1kb' });
    const post = (length: number): string =>
      `POST /read HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: ${length}`;
    const large = new Wire(replica);
    large.send(post(2000));
    assert.match(await large.closed(), /^HTTP\/1\.1 413 /);
    const small = new Wire(replica);
    small.send(post(2));
    await small.until(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
    small.socket.write('hi');
    await small.until(/\r\n\r\nHTTP\/1\.1 200 [\s\S]*\r\n\r\nread$/);
    small.socket.destroy();
  });

  it('gives each body the type of the standard, and keeps status texts', async () => {
    const replica = await start();
    const text = 'text/plain;charset=UTF-8';
    for (const [path, type, status] of [
      ['/ok', text, 'OK'],
      ['/named', text, 'OK'],
      ['/named-headers', text, 'OK'],
      ['/touched', text, 'OK'],
      ['/bytes', null, 'OK'],
      ['/touched-bytes', null, 'OK'],
      ['/stream', null, 'OK'],
      ['/blob', 'image/svg+xml', 'OK'],
      ['/own-type', 'a/b', 'OK'],
      ['/json', 'application/json', 'OK'],
      ['/fine', text, 'Fine Indeed'],
      ['/fine-json', 'application/json', 'Fine Indeed'],
      ['/again', text, 'Fine Indeed'],
    ] as const) {
      const response = await fetch(`${replica.url}${path}`);
      const found = [path, response.headers.get('content-type'), response.statusText];
      assert.deepEqual(found, [path, type, status]);
      assert.match(await response.text(), path === '/ok' ? /^ok$/ : /^"?hi"?$/);
    }
  });

  it('says how long a body is as it is, whatever the handler says', async () => {
    const replica = await start();
    for (const path of ['/short', '/upper', '/chunked']) {
      const wire = new Wire(replica);
      wire.send(get(path));
      wire.send(`${get('/ok')}\r\nConnection: close`);
      const [first = ''] = (await wire.closed()).split(/(?<=hello world)/);
      assert.deepEqual(first.match(/^(?:content-length|transfer-encoding): .*$/gim), ['Content-Length: 11']);
      assert.match(wire.received, /hello worldHTTP\/1\.1 200 [\s\S]*\r\n\r\nok$/);
    }
    for (const path of ['/short-stream', '/long-stream']) {
      const wire = new Wire(replica);
      wire.send(get(path));
      assert.doesNotMatch(await wire.closed(), /hello /);
    }
  });

  it('has no trailers for a caller that speaks HTTP/1.0', async () => {
    const wire = new Wire(await start());
    wire.send('GET /trailer HTTP/1.0\r\nHost: x');
    assert.match(await wire.closed(), /\r\nContent-Length: 4\r\n[\s\S]*\r\n\r\ndone$/);
    assert.doesNotMatch(wire.received, /trailer|chunked|x-sum/i);
  });

  it('refuses an impossible Host the first time and later', async () => {
    const replica = await start();
    for (let i = 0; i < 3; i += 1) {
      const wire = new Wire(replica);
      wire.send('GET /url HTTP/1.1\r\nHost: a:99999\r\nConnection: close');
      assert.match(await wire.closed(), /^HTTP\/1\.1 400 /);
      const plain = await fetch(`${replica.url}/url`);
      assert.equal(plain.status, 200);
    }
  });

  it('cancels a stream that is returned after its caller has left', async () => {
    const replica = await start();
    const wire = new Wire(replica);
    wire.send(get('/late'));
    await replica.waitForLine(/begins/);
    wire.socket.destroy();
    await replica.waitForLine(/cancelled/);
  });
});
