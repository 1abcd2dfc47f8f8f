import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, realpath, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { isAuthorized } from '../../../cli/local/gateway/basic-auth.ts';
import { parsePlatform } from '../../../cli/oci/platform.ts';
import { parseReference } from '../../../cli/oci/reference.ts';
import { openRegistry } from '../../../cli/registry/client.ts';
import { openLayout } from '../../../cli/registry/layout.ts';
import { pushImage as pushWithClient } from '../../../cli/registry/push.ts';
import { verifyImage } from '../../../cli/registry/verify.ts';
import { run } from '../../bed/program.ts';
import { temporaryFolder } from '../../e2e/program.ts';
import { elfMachines, makeElf, packLayer } from '../../oci/image-parts.ts';
import { needParts, skip } from '../../real-parts.ts';
import { keepIndex, type Store, writeLayout } from '../../registry/stored-image.ts';
import { digestOf, pushImage, type RunningRegistry, startRegistry } from './running-registry.ts';

const credentials = { user: 'admin', password: 'raspberry' };
const withPassword = ({ headers }: IncomingMessage): boolean => isAuthorized(headers.authorization, credentials);

/** An image of one file, packed. */
function makeLayer(): Promise<Buffer> {
  return packLayer([{ name: 'hello', content: randomBytes(2000).toString('hex') }]);
}

/** A client of docker's with a login of its own, kept in `folder`. */
function dockerOf(folder: string) {
  return (argv: readonly string[], input?: Uint8Array | string) =>
    execa('docker', ['--config', folder, ...argv], {
      reject: false,
      timeout: 120_000,
      ...(input === undefined ? {} : { input }),
    });
}

describe('clients of the embedded registry', function () {
  this.timeout(120_000);
  let running: RunningRegistry;
  before(async () => {
    running = await startRegistry();
  });
  after(() => running[Symbol.asyncDispose]());

  it('docker pushes to it and pulls from it, and shows people why it is refused', async function () {
    await needParts(this, 'engine');
    await using place = await temporaryFolder();
    const docker = dockerOf(place.path);
    await using small = await startRegistry({ quotaBytes: 1000 });
    const layer = await makeLayer();
    const image = `${running.host}/lab/hello:1.0`;
    const tooLarge = `${small.host}/lab/hello:1.0`;
    try {
      assert.equal((await docker(['import', '-', image], layer)).exitCode, 0);
      const pushed = await docker(['push', image]);
      assert.equal(pushed.exitCode, 0, pushed.stderr);
      const digest = /digest: (sha256:[0-9a-f]{64})/.exec(pushed.stdout)?.[1] ?? '';
      await docker(['rmi', image]);
      const pulled = await docker(['pull', `${running.host}/lab/hello@${digest}`]);
      assert.equal(pulled.exitCode, 0, pulled.stderr);
      await docker(['tag', `${running.host}/lab/hello@${digest}`, tooLarge]);
      const refused = await docker(['push', tooLarge]);
      assert.equal(refused.exitCode, 1);
      assert.match(refused.stdout + refused.stderr, /local registry is full.*--registry-quota SIZE/s);
    } finally {
      await docker(['rmi', '-f', image, tooLarge]);
    }
  });

  it('crane pushes, copies, lists, pulls and deletes', async function () {
    await needParts(this, 'crane');
    await using place = await temporaryFolder();
    const layer = join(place.path, 'layer.tar.gz');
    await writeFile(layer, await makeLayer());
    const image = `${running.host}/crane/hello`;
    const crane = (...argv: string[]) => run('crane', argv);
    await crane('append', '--oci-empty-base', '-f', layer, '-t', `${image}:1.0`);
    await crane('copy', `${image}:1.0`, `${running.host}/crane/copied:2.0`);
    assert.deepEqual((await crane('ls', image)).split('\n'), ['1.0']);
    assert.ok((await crane('catalog', running.host)).split('\n').includes('crane/copied'));
    await crane('validate', '--remote', `${running.host}/crane/copied:2.0`);
    await crane('pull', '--format=oci', `${running.host}/crane/copied:2.0`, join(place.path, 'pulled'));
    const digest = await crane('digest', `${image}:1.0`);
    assert.ok(existsSync(join(place.path, 'pulled/blobs/sha256', digest.slice(7))));
    await crane('delete', `${image}@${digest}`);
    await assert.rejects(crane('manifest', `${image}:1.0`), /MANIFEST_UNKNOWN|NAME_UNKNOWN/);
  });

  it('containerd pulls from it and pushes to it', async function () {
    await needParts(this, 'engine');
    const found = await findContainerd();
    if (found === undefined) skip(this, 'needs the socket of a containerd and its ctr');
    const name = `ctr-${randomBytes(4).toString('hex')}`;
    const [image, copy] = [`${running.host}/${name}:1.0`, `${running.host}/copied/${name}:2.0`];
    const manifest = await pushImage(running.host, name, '1.0', [
      JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] } }),
      await makeLayer(),
    ]);
    const ctr = (...argv: string[]) => run(found.ctr, ['-a', found.socket, '-n', name, ...argv]);
    try {
      await ctr('content', 'fetch', '--plain-http', image);
      await ctr('images', 'push', '--plain-http', copy, image);
      const copied = await running.ask('GET', `copied/${name}/manifests/2.0`);
      assert.equal(copied.text, manifest);
    } finally {
      await ctr('images', 'rm', '--sync', image).catch(() => undefined);
      await run(found.ctr, ['-a', found.socket, 'namespaces', 'rm', name]).catch(() => undefined);
    }
  });

  it("bantam's own client pushes an image of three platforms, an attestation in it, and verifies it there", async () => {
    await using place = await temporaryFolder();
    const store: Store = { blobs: new Map() };
    const machines = [
      ['linux/amd64', elfMachines.amd64],
      ['linux/arm64', elfMachines.arm64],
      ['linux/arm/v7', elfMachines.arm],
    ] as const;
    const images = await Promise.all(
      machines.map(async ([platform, machine]) => ({
        platform: parsePlatform(platform),
        config: { Entrypoint: ['/fn'] },
        layers: [await packLayer([{ name: 'fn', content: makeElf(machine, { size: 4000 }) }])],
      })),
    );
    const platforms = images.map(({ platform }) => platform);
    const index = keepIndex(store, images);
    await writeLayout(join(place.path, 'layout'), store, index);
    const registry = openRegistry({ credentials: { find: async () => undefined }, report: () => undefined });
    const target = parseReference(`${running.host}/own/fn:1.0`);
    const options = { ledger: noLedger, signal: new AbortController().signal };
    const reader = await openLayout(join(place.path, 'layout'));
    assert.equal((await pushWithClient(reader, registry, target, index.digest, options)).changed, true);
    const verified = await verifyImage(registry, { ...target, digest: index.digest }, platforms);
    assert.deepEqual(
      verified.platforms.map(({ verdict }) => verdict),
      ['runs', 'runs', 'runs'],
    );
    assert.deepEqual(await pushWithClient(reader, registry, target, index.digest, options), {
      sentBytes: 0,
      changed: false,
    });
  });
});

describe('an embedded registry that others may read', function () {
  this.timeout(120_000);
  let running: RunningRegistry;
  before(async () => {
    running = await startRegistry({ mayWrite: withPassword });
  });
  after(() => running[Symbol.asyncDispose]());

  const basic = `Basic ${Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64')}`;

  it('takes nothing without the password, and gives everything', async () => {
    const { host } = running;
    for (const [method, path] of [
      ['POST', 'a/blobs/uploads/'],
      ['PUT', 'a/manifests/latest'],
      ['DELETE', 'a/manifests/latest'],
      ['DELETE', `a/blobs/sha256:${'0'.repeat(64)}`],
      ['PATCH', 'a/blobs/uploads/x'],
      ['GET', 'a/blobs/uploads/x'],
    ] as const)
      for (const authorization of [undefined, 'Basic d3Jvbmc6d3Jvbmc=', 'Bearer write.9999999999.forged']) {
        const answer = await running.ask(method, path, method === 'GET' ? undefined : '{}', {
          ...(authorization === undefined ? {} : { authorization }),
        });
        assert.deepEqual([answer.status, answer.codes], [401, ['UNAUTHORIZED']], `${method} ${path}`);
        assert.match(
          answer.headers.get('www-authenticate') ?? '',
          new RegExp(`^Bearer realm="http://${host}/v2/_token",service="bantam",scope="repository:a:pull,push"$`),
        );
      }
    const mistaken = await running.ask('POST', 'a/blobs/uploads/', '', { authorization: 'Basic d3Jvbmc6d3Jvbmc=' });
    assert.match(mistaken.text, /user or password is wrong: they are in \.bantam\/local\.json/);
    assert.match((await running.ask('POST', 'a/blobs/uploads/', '')).text, /docker login with them/);
    const pushed = await running.ask('POST', 'a/blobs/uploads/', '', { authorization: basic });
    assert.equal(pushed.status, 202);
    const place = await running.ask('PUT', `${pushed.headers.get('location')}?digest=${digestOf('x')}`, 'x', {
      authorization: basic,
    });
    assert.equal(place.status, 201);
    assert.equal((await running.ask('GET', `a/blobs/${digestOf('x')}`)).text, 'x');
    // Where clients look for how to log in; whoever has no password is given a token for reading.
    assert.equal((await running.ask('GET', '')).status, 401);
    const reader = JSON.parse((await running.ask('GET', '_token?service=bantam')).text) as { token: string };
    const authorization = `Bearer ${reader.token}`;
    assert.equal((await running.ask('GET', '', undefined, { authorization })).status, 200);
    assert.equal((await running.ask('POST', 'a/blobs/uploads/', '', { authorization })).status, 401);
    const wrong = await running.ask('GET', '_token', undefined, { authorization: 'Basic d3Jvbmc6d3Jvbmc=' });
    assert.deepEqual([wrong.status, wrong.codes], [401, ['UNAUTHORIZED']]);
  });

  it("lets bantam's own client and crane push with the password only, and pull without one", async function () {
    await needParts(this, 'crane');
    await using place = await temporaryFolder();
    const layer = join(place.path, 'layer.tar.gz');
    await writeFile(layer, await makeLayer());
    const image = `${running.host}/crane/hello:1.0`;
    const crane = (user: string, ...argv: string[]) =>
      run('crane', argv, { environment: { DOCKER_CONFIG: join(place.path, user) } });
    const push = ['append', '--oci-empty-base', '-f', layer, '-t', image];
    await assert.rejects(crane('nobody', ...push), /401|UNAUTHORIZED/);
    await assert.rejects(
      run('crane', ['auth', 'login', running.host, '-u', 'admin', '--password-stdin'], {
        input: 'strawberry',
        environment: { DOCKER_CONFIG: join(place.path, 'wrong') },
      }).then(() => crane('wrong', ...push)),
      /401|UNAUTHORIZED/,
    );
    await run('crane', ['auth', 'login', running.host, '-u', credentials.user, '--password-stdin'], {
      input: credentials.password,
      environment: { DOCKER_CONFIG: join(place.path, 'admin') },
    });
    await crane('admin', ...push);
    await crane('nobody', 'validate', '--remote', image);

    const blob = { digest: digestOf('own'), size: 3, open: async () => new Blob(['own']).stream() };
    const open = (password: string | undefined) =>
      openRegistry({
        credentials: {
          find: async () => (password === undefined ? undefined : { kind: 'basic', username: 'admin', password }),
        },
        report: () => undefined,
      });
    const target = parseReference(`${running.host}/own/hello:1.0`);
    await assert.rejects(open(undefined).putBlob(target, blob, undefined), { code: 'BAN-E302' });
    await assert.rejects(open('strawberry').putBlob(target, blob, undefined), { code: 'BAN-E302' });
    assert.equal(await open(credentials.password).putBlob(target, blob, undefined), 'sent');
    assert.equal(await open(undefined).hasBlob(target, blob.digest), true);
  });

  it('lets docker log in, and push only after that', async function () {
    await needParts(this, 'engine');
    await using place = await temporaryFolder();
    await mkdir(join(place.path, 'anonymous'));
    const docker = dockerOf(join(place.path, 'admin'));
    const anonymous = dockerOf(join(place.path, 'anonymous'));
    const image = `${running.host}/docker/hello:1.0`;
    try {
      assert.equal((await docker(['import', '-', image], await makeLayer())).exitCode, 0);
      const refused = await anonymous(['push', image]);
      assert.notEqual(refused.exitCode, 0);
      const wrong = await docker(['login', running.host, '-u', credentials.user, '--password-stdin'], 'strawberry');
      assert.notEqual(wrong.exitCode, 0, wrong.stdout);
      const login = await docker(['login', running.host, '-u', credentials.user, '--password-stdin'], 'raspberry');
      assert.equal(login.exitCode, 0, login.stderr);
      const pushed = await docker(['push', image]);
      assert.equal(pushed.exitCode, 0, pushed.stderr);
      await docker(['rmi', image]);
      const pulled = await anonymous(['pull', image]);
      assert.equal(pulled.exitCode, 0, pulled.stderr);
    } finally {
      await docker(['rmi', '-f', image]);
    }
  });
});

const noLedger = {
  placeOf: () => undefined,
  add: () => undefined,
  inTurn: (_registry: string, _digest: string, upload: () => Promise<void>) => upload(),
};

/** The bed's containerd and its command line lie beside its docker; a machine's own are where its packages put them. */
async function findContainerd(): Promise<{ readonly ctr: string; readonly socket: string } | undefined> {
  const docker = await realpath(await run('which', ['docker']));
  const ctr = join(dirname(docker), 'ctr');
  const host = /^unix:\/\/(?<path>.+)$/.exec(process.env['DOCKER_HOST'] ?? '')?.groups?.['path'];
  const sockets = [
    ...(host === undefined ? [] : [join(dirname(host), 'exec/containerd/containerd.sock')]),
    '/run/containerd/containerd.sock',
  ];
  const socket = sockets.find((path) => existsSync(path));
  return existsSync(ctr) && socket !== undefined ? { ctr, socket } : undefined;
}
