import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { bundle, makeContext, removeTemporaryFolders } from '../build-context.ts';
import { endReplicas, type ReplicaProcess, startReplica } from '../replica-process.ts';

const handler = `export default async function (request: Request, context: Context): Promise<Response> {
  const { pathname, searchParams } = new URL(request.url);
  if (pathname === '/spin') {
    context.log('spins ' + searchParams.get('time'));
    const end = Date.now() + Number(searchParams.get('ms'));
    while (Date.now() < end);
  }
  return new Response(await request.text() || pathname);
}
`;

/** A whole answer over a connection of its own. */
async function ask(replica: ReplicaProcess, path: string, body = ''): Promise<string> {
  const connection = connect(Number(new URL(replica.url).port), '127.0.0.1');
  await once(connection, 'connect');
  const head = ['X-Call-Id: own', 'Connection: close', `Content-Length: ${Buffer.byteLength(body)}`];
  connection.write(
    `${body === '' ? 'GET' : 'POST'} ${path} HTTP/1.1\r\nHost: x\r\n${head.join('\r\n')}\r\n\r\n${body}`,
  );
  return text(connection);
}

describe('bantam-ts, the guard beside the handler', () => {
  let root = '';

  before(async () => {
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

  it('is not there with isolation: none', async () => {
    const replica = await start({ isolation: 'none' });
    const spinning = ask(replica, '/spin?ms=1500');
    await replica.waitForLine(/spins/);
    assert.match(await ask(replica, '/_/ready'), /^HTTP\/1\.1 200 /, 'the first thread answers, afterwards');
    assert.match(await spinning, /\/spin$/);
  });
});
