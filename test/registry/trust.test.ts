import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { UserError } from '../../cli/errors.ts';
import type { Event } from '../../cli/events.ts';
import { sha256Digest } from '../../cli/oci/digest.ts';
import { mediaTypes } from '../../cli/oci/media-types.ts';
import { openRegistry } from '../../cli/registry/client.ts';
import { describeNetworkFailure } from '../../cli/registry/network-failure.ts';
import { certificateFolders, openTrust } from '../../cli/registry/trust.ts';
import { temporaryFolder } from '../e2e/program.ts';
import { listen } from './scripted-server.ts';
import { certificate, key } from './self-signed.ts';

const body = JSON.stringify({ schemaVersion: 2, manifests: [] });
const headers = { 'content-type': mediaTypes.ociIndex, 'docker-content-digest': sha256Digest(Buffer.from(body)) };

/** A registry with a certificate of its own that wants to see one of the client and notes what it was shown. */
async function startRegistry() {
  const shown: boolean[] = [];
  const server = createServer(
    { cert: certificate, key, requestCert: true, rejectUnauthorized: false },
    (request, response) => {
      const { raw } = (request.socket as TLSSocket).getPeerCertificate();
      shown.push(raw !== undefined);
      response.writeHead(200, headers).end(body);
    },
  );
  await listen(server);
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  return {
    host: `127.0.0.1:${address.port}`,
    shown,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe('certificates that Docker keeps for a registry', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  const events: Event[] = [];
  beforeEach(async () => {
    folder = await temporaryFolder();
    events.length = 0;
  });
  afterEach(() => folder[Symbol.asyncDispose]());

  const trustWith = (environment: Record<string, string> = {}, bundles: readonly string[] = []) =>
    openTrust({
      environment,
      homeFolder: folder.path,
      report: (event) => void events.push(event),
      folders: [join(folder.path, 'certs.d')],
      bundles,
    });
  const read = (host: string, trust = trustWith()) =>
    openRegistry({
      credentials: { find: async () => undefined },
      report: () => undefined,
      attempts: 1,
      trust,
    }).manifest({
      registry: host,
      repository: 'lab/fn',
      tag: '1',
    });
  const keep = async (host: string, files: Record<string, string>) => {
    await mkdir(join(folder.path, 'certs.d', host), { recursive: true });
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder.path, 'certs.d', host, name), text);
  };
  const distrusted = (error: unknown) => {
    assert.ok(error instanceof UserError, String(error));
    assert.match(error.message, /certificate is not trusted \(DEPTH_ZERO_SELF_SIGNED_CERT\)/);
    assert.match(error.hint ?? '', /~\/\.docker\/certs\.d\/127\.0\.0\.1:\d+\/ca\.crt.*NODE_EXTRA_CA_CERTS=/);
    return true;
  };

  it('are looked for where Docker looks', () => {
    assert.deepEqual(certificateFolders({ environment: {}, homeFolder: '/home/pi' }), [
      '/home/pi/.docker/certs.d',
      '/home/pi/.config/docker/certs.d',
      '/etc/docker/certs.d',
    ]);
    assert.equal(certificateFolders({ environment: { DOCKER_CONFIG: '/d' }, homeFolder: '/h' })[0], '/d/certs.d');
  });

  it('make its authority trusted, for it alone, and a client certificate shown to it', async () => {
    await using registry = await startRegistry();
    await using other = await startRegistry();
    await keep(registry.host, { 'ca.crt': certificate, 'client.cert': certificate, 'client.key': key });
    const trust = trustWith();
    assert.equal((await read(registry.host, trust)).mediaType, mediaTypes.ociIndex);
    assert.deepEqual(registry.shown, [true]);
    await assert.rejects(read(other.host, trust), distrusted);
    assert.deepEqual(other.shown, []);
    assert.deepEqual(events, []);
  });

  it('say that a private address speaks TLS: it is not asked over plain http', async () => {
    await keep('127.0.0.1:1', { 'ca.crt': certificate });
    await assert.rejects(read('127.0.0.1:1'), /refused \(GET https:/);
    await assert.rejects(read('127.0.0.1:2'), /refused \(GET http:/);
  });

  it('may be named by the environment, or be the operating system’s', async () => {
    await using registry = await startRegistry();
    const file = join(folder.path, 'authorities.pem');
    await writeFile(file, certificate);
    await assert.rejects(read(registry.host), distrusted);
    await read(registry.host, trustWith({ SSL_CERT_FILE: file }));
    await read(registry.host, trustWith({}, [join(folder.path, 'absent.pem'), file]));
    assert.equal(registry.shown.length, 2);
  });

  it('that cannot be used are a warning, and the registry stays distrusted', async () => {
    await using registry = await startRegistry();
    await keep(registry.host, { 'ca.crt': 'no certificate', 'client.cert': certificate, 'readme.txt': '' });
    await assert.rejects(read(registry.host), distrusted);
    const warnings = events.map((event) => (event.type === 'warning' ? event.text : ''));
    assert.equal(warnings.length, 2);
    assert.match(warnings[0] ?? '', /ca\.crt cannot be used/);
    assert.match(warnings[1] ?? '', /client\.cert with .*client\.key cannot be used/);
  });

  it('are never looked for outside their folder', async () => {
    const trust = trustWith();
    for (const host of ['..', '.', '../etc', 'a/b', '']) assert.equal(await trust.knows(host), false);
  });

  it('that are wrong in another way are told so', () => {
    const of = (code: string) => {
      const failure = Object.assign(new Error('x'), { code });
      return describeNetworkFailure(failure, 'pi.lan', new URL('https://pi.lan/v2/'), 'GET');
    };
    assert.match(of('ERR_TLS_CERT_ALTNAME_INVALID').message, /for another name than pi\.lan/);
    assert.match(of('CERT_HAS_EXPIRED').message, /has expired/);
    assert.match(of('CERT_NOT_YET_VALID').hint ?? '', /clock of this machine/);
  });
});
