import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { bundle, makeContext, removeTemporaryFolders } from '../build-context.ts';
import { endReplicas, type ReplicaProcess, startReplica } from '../replica-process.ts';

const handler = `import { once } from 'node:events';
import { connect, createServer } from 'node:net';

const spin = (ms: number): void => {
  const end = Date.now() + ms;
  while (Date.now() < end);
};

/** Opens a port and connections when the body is there, spins, and tells whether all of them are still its own. */
async function useDescriptors(request: Request, context: Context, first: string, upstream: number): Promise<Response> {
  context.log('waits for its body');
  await request.text();
  const server = createServer((socket) => socket.on('error', () => {}).end('of the handler'));
  if (first === 'port') await once(server.listen(0, '127.0.0.1'), 'listening');
  const sockets = Array.from({ length: 8 }, () => connect(upstream, '127.0.0.1'));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  if (first !== 'port') await once(server.listen(0, '127.0.0.1'), 'listening');
  const visit = once(server, 'connection');
  context.log('own port ' + JSON.stringify(server.address()));
  spin(3000);
  const answers = sockets.map(async (socket) => {
    socket.write('ping');
    const [data] = await once(socket, 'data');
    socket.destroy();
    return String(data);
  });
  const all = await Promise.all(answers);
  await visit;
  server.close();
  return new Response(all.join());
}

export default async function (request: Request, context: Context): Promise<Response> {
  const { pathname, searchParams } = new URL(request.url);
  if (pathname === '/spin') {
    context.log('spins ' + searchParams.get('time'));
    spin(Number(searchParams.get('ms')));
  }
  if (pathname === '/descriptors')
    return useDescriptors(request, context, searchParams.get('first') ?? '', Number(searchParams.get('upstream')));
  return new Response(await request.text() || pathname);
}
`;

/** A whole answer over a connection of its own. */
async function ask(replica: ReplicaProcess, path: string, body = ''): Promise<string> {
  const connection = await open(portOf(replica));
  const head = ['X-Call-Id: own', 'Connection: close', `Content-Length: ${Buffer.byteLength(body)}`];
  connection.write(
    `${body === '' ? 'GET' : 'POST'} ${path} HTTP/1.1\r\nHost: x\r\n${head.join('\r\n')}\r\n\r\n${body}`,
  );
  return text(connection);
}

function portOf(replica: ReplicaProcess): number {
  return Number(new URL(replica.url).port);
}

/** A connection, once it is open. */
async function open(port: number): Promise<Socket> {
  const connection = connect(port, '127.0.0.1');
  await once(connection, 'connect');
  return connection;
}

/** The head of an answer to a caller that would keep its connection. */
async function askAndKeep(replica: ReplicaProcess): Promise<string> {
  const connection = await open(portOf(replica));
  connection.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  const [head] = await once(connection, 'data');
  connection.destroy();
  return String(head);
}

/** Ends when the port is closed. */
async function waitUntilClosed(port: number): Promise<void> {
  for (;;) {
    try {
      (await open(port)).on('error', () => {}).destroy();
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED') return;
    }
  }
}

describe('bantam-ts, the guard beside the handler', () => {
  let root = '';

  before(async function () {
    this.timeout(60_000);
    const built = await bundle(await makeContext('bantam-ts', { 'handler.ts': handler }));
    assert.equal(built.code, 0, built.output);
    root = built.root;
  });
  afterEach(endReplicas);
  after(removeTemporaryFolders);

  const start = (environment: Record<string, string> = {}): Promise<ReplicaProcess> =>
    startReplica(root, 'ts', { metrics_port: '0', healthcheck_interval: '0s', BANTAM_DEPLOY: 'd-7', ...environment });

  it('answers while the handler spins, again and again, and says who it is', async () => {
    const replica = await start();
    for (const time of [1, 2]) {
      const spinning = ask(replica, `/spin?ms=3000&time=${time}`);
      await replica.waitForLine(new RegExp(`spins ${time}`));
      const health = await ask(replica, '/_/health');
      assert.match(health, /^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nOK\n$/);
      assert.match(health, /\r\nX-Bantam-Deploy: d-7\r\n/);
      assert.match(health, /\r\nX-Call-Id: own\r\n/);
      assert.match(health, /\r\nX-Start-Time: \d{19}\r\nX-Duration-Seconds: \d\.\d{6}\r\n/);
      assert.match(await ask(replica, '/_/ready'), /^HTTP\/1\.1 503 /);
      const held = await Promise.all(['a', 'b'.repeat(300_000)].map((body) => ask(replica, '/echo', body)));
      assert.deepEqual(
        held.map((answer) => answer.length > 0 && answer.split('\r\n\r\n')[1]?.length),
        [1, 300_000],
      );
      assert.match(await spinning, /\/spin$/);
      // The guard notices within a moment that the first thread moves again.
      while (!(await ask(replica, '/_/ready')).startsWith('HTTP/1.1 200 '));
    }
  }).timeout(40_000);

  it('loses none of the calls it keeps when the replica is asked to end', async () => {
    const replica = await start();
    const spinning = ask(replica, '/spin?ms=3000');
    await replica.waitForLine(/spins/);
    assert.match(await ask(replica, '/_/health'), /OK\n$/);
    const held = Array.from({ length: 20 }, (_one, index) => ask(replica, '/echo', `body ${index}`));
    assert.match(await ask(replica, '/_/health'), /OK\n$/, 'they were sent before this one');
    replica.child.kill('SIGTERM');
    const bodies = (await Promise.all(held)).map((answer) => answer.split('\r\n\r\n')[1]);
    assert.deepEqual(
      bodies,
      held.map((_one, index) => `body ${index}`),
    );
    assert.match(await spinning, /\/spin$/);
    assert.equal(await replica.ended, 0, replica.output());
  }).timeout(40_000);

  // The lowest free number is what is opened next.
  for (const [first, hasListened] of [
    ['port', false],
    ['connection', false],
    ['port', true],
    ['connection', true],
  ] as const) {
    const when = hasListened ? 'after a block' : 'without a block before';
    it(`lets the descriptor go when the port closes, ${when}: it is a ${first} of the handler's afterwards`, async () => {
      const upstream = createServer((socket) => socket.on('error', () => {}).on('data', () => socket.write('pong')));
      await once(upstream.listen(0, '127.0.0.1'), 'listening');
      const upstreamPort = (upstream.address() as AddressInfo).port;
      try {
        const replica = await start();
        if (hasListened) await ask(replica, '/spin?ms=1600');
        const connection = await open(portOf(replica));
        const answer = text(connection);
        connection.write(
          `POST /descriptors?first=${first}&upstream=${upstreamPort} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nConnection: close\r\n\r\n`,
        );
        await replica.waitForLine(/waits for its body/);
        replica.child.kill('SIGTERM');
        await waitUntilClosed(portOf(replica));
        connection.write('x');
        const line = await replica.waitForLine(/own port/);
        const own = await open(Number(/"port":(\d+)/.exec(line)?.[1]));
        assert.equal(await text(own), 'of the handler');
        assert.match(await answer, /\r\n\r\npong(,pong){7}$/, replica.output());
        assert.equal(await replica.ended, 0, replica.output());
      } finally {
        upstream.close();
      }
    }).timeout(40_000);
  }

  it('does not stay awake for who says nothing, and leaves half a head to the first thread', async () => {
    const replica = await start({ read_timeout: '1s' });
    const spinning = ask(replica, '/spin?ms=2500');
    await replica.waitForLine(/spins/);
    assert.match(await ask(replica, '/_/health'), /OK\n$/);
    const silent = await open(portOf(replica));
    const half = await open(portOf(replica));
    half.write('GET / HT');
    assert.match(await ask(replica, '/_/health'), /OK\n$/, 'the guard has taken both');
    assert.match(await spinning, /\/spin$/);
    assert.match(await text(half), /^HTTP\/1\.1 408 /);
    assert.equal(await text(silent), '', 'closed');
    // What goes through the guard is not to be kept.
    for (let direct = 0; direct < 20; )
      direct = /\r\nConnection: close\r\n/i.test(await askAndKeep(replica)) ? 0 : direct + 1;
    replica.child.kill('SIGTERM');
    assert.equal(await replica.ended, 0, replica.output());
  }).timeout(40_000);

  it('holds a drain for half a head no longer than read_timeout', async () => {
    const replica = await start({ read_timeout: '1s', drain_timeout: '60s' });
    const spinning = ask(replica, '/spin?ms=2500');
    await replica.waitForLine(/spins/);
    assert.match(await ask(replica, '/_/health'), /OK\n$/);
    const half = await open(portOf(replica));
    half.write('GET / HT');
    assert.match(await ask(replica, '/_/health'), /OK\n$/, 'the guard has taken it');
    replica.child.kill('SIGTERM');
    assert.match(await text(half), /^HTTP\/1\.1 408 /);
    assert.match(await spinning, /\/spin$/);
    assert.equal(await replica.ended, 0, replica.output());
  }).timeout(30_000);

  it('is not there with isolation: none', async () => {
    const replica = await start({ isolation: 'none' });
    const spinning = ask(replica, '/spin?ms=1500');
    await replica.waitForLine(/spins/);
    assert.match(await ask(replica, '/_/ready'), /^HTTP\/1\.1 200 /, 'the first thread answers, afterwards');
    assert.match(await spinning, /\/spin$/);
  });
});
