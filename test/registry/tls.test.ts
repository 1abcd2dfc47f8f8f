import assert from 'node:assert/strict';
import { createServer as createTlsServer } from 'node:https';
import { createServer, type Socket } from 'node:net';
import { UserError } from '../../cli/errors.ts';
import { sha256Digest } from '../../cli/oci/digest.ts';
import { mediaTypes } from '../../cli/oci/media-types.ts';
import { openRegistry, type RegistryOptions } from '../../cli/registry/client.ts';
import { startScriptedServer } from './scripted-server.ts';
import { certificate, key } from './self-signed.ts';

const body = JSON.stringify({ schemaVersion: 2, manifests: [] });
const digest = sha256Digest(Buffer.from(body));
const headers = { 'content-type': mediaTypes.ociIndex, 'docker-content-digest': digest };
const basic = `Basic ${Buffer.from('alice:s3cret').toString('base64')}`;

const open = (options: Partial<RegistryOptions> = {}) =>
  openRegistry({
    credentials: { find: async () => ({ kind: 'basic', username: 'alice', password: 's3cret' }) },
    report: () => undefined,
    wait: async () => undefined,
    ...options,
  });

/**
 * A registry on loopback that speaks TLS and wants credentials. `onPlain` says what it does with a connection that begins
 * without TLS; all that came over those is kept.
 */
async function startTlsRegistry(onPlain: (socket: Socket) => void) {
  const plain: string[] = [];
  const authorizations: (string | undefined)[] = [];
  const tls = createTlsServer({ cert: certificate, key }, (request, response) => {
    authorizations.push(request.headers.authorization);
    if (request.headers.authorization === basic) response.writeHead(200, headers).end(body);
    else response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
  });
  const sockets = new Set<Socket>();
  const front = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    socket.once('readable', () => {
      const first: unknown = socket.read();
      if (!Buffer.isBuffer(first)) return;
      if (first[0] === 22) {
        socket.unshift(first);
        tls.emit('connection', socket);
      } else {
        plain.push(first.toString());
        onPlain(socket);
      }
    });
  });
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
  const address = front.address();
  assert.ok(address !== null && typeof address === 'object');
  return {
    reference: { registry: `127.0.0.1:${address.port}`, repository: 'lab/fn', tag: '1' },
    plain,
    authorizations,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => front.close(resolve));
    },
  };
}

const ways: readonly (readonly [string, (socket: Socket) => void])[] = [
  ['resets the connection', (socket) => void socket.resetAndDestroy()],
  ['hangs up', (socket) => void socket.end()],
  ['answers with an alert', (socket) => void socket.end(Buffer.from([21, 3, 1, 0, 2, 2, 70]))],
];

describe('a registry on a private address that speaks TLS', () => {
  const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
  afterEach(() => {
    if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before;
  });

  for (const [how, onPlain] of ways) {
    it(`is reached over https where it ${how}, and no credentials go there in plain text`, async () => {
      await using registry = await startTlsRegistry(onPlain);
      process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
      const client = open();
      assert.equal((await client.manifest(registry.reference)).digest, digest);
      assert.deepEqual(registry.authorizations, [undefined, basic]);
      assert.ok(registry.plain.length > 0);
      assert.doesNotMatch(registry.plain.join(''), /authorization/i);
      const asked = registry.plain.length;
      await client.manifest(registry.reference);
      assert.equal(registry.plain.length, asked, 'it is known from then on');
    });

    it(`is not trusted without its certificate authority where it ${how}`, async () => {
      await using registry = await startTlsRegistry(onPlain);
      await assert.rejects(open().manifest(registry.reference), (error) => {
        assert.ok(error instanceof UserError);
        assert.match(error.message, /certificate is not trusted .*https:/);
        assert.match(error.hint ?? '', /NODE_EXTRA_CA_CERTS/);
        return true;
      });
      assert.deepEqual(registry.authorizations, []);
      assert.doesNotMatch(registry.plain.join(''), /authorization/i);
    });
  }

  it('is never asked over plain http if the user says so', async () => {
    await using registry = await startTlsRegistry((socket) => socket.destroy());
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    await open({ secure: [registry.reference.registry] }).manifest(registry.reference);
    assert.deepEqual(registry.plain, []);
  });
});

describe('a registry that speaks plain http', () => {
  it('gets credentials only after it has asked for them', async () => {
    const server = await startScriptedServer();
    const reference = { registry: server.host, repository: 'lab/fn', tag: '1' };
    const request = 'GET /v2/lab/fn/manifests/1';
    server.expect(
      { request, headers: { authorization: undefined }, answer: 'reset' },
      {
        request,
        headers: { authorization: undefined },
        answer: { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } },
      },
      { request, headers: { authorization: /^Basic / }, answer: { status: 200, headers, body } },
    );
    await open().manifest(reference);
    await server.close();
  });

  it('that breaks off every time is described as what it is', async () => {
    const server = await startScriptedServer();
    const request = 'GET /v2/lab/fn/manifests/1';
    server.expect(...Array.from({ length: 4 }, () => ({ request, answer: 'reset' as const })));
    await assert.rejects(open().manifest({ registry: server.host, repository: 'lab/fn', tag: '1' }), (error) => {
      assert.ok(error instanceof UserError);
      assert.match(error.message, /the connection broke .*http:/);
      return true;
    });
    await server.close();
  });
});
