import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import * as v from 'valibot';
import { needParts, skip } from '../real-parts.ts';
import { type BridgeRelay, startBridgeRelay } from './bridge-relay.ts';
import { type GuardedRegistry, startGuardedRegistry } from './guarded-registry.ts';
import { bantam, root, startBantam, temporaryFolder } from './program.ts';

const allPlatforms = ['linux/amd64', 'linux/arm64', 'linux/arm/v7'];

const deployedSchema = v.object({
  functions: v.array(
    v.object({ name: v.string(), verdict: v.string(), revision: v.string(), deploy: v.string(), url: v.string() }),
  ),
});

const nodeInfoSchema = v.object({
  hostName: v.string(),
  platform: v.string(),
  machine: v.string(),
  emulated: v.boolean(),
  cpu: v.object({ count: v.number(), limit: v.nullable(v.number()) }),
  memory: v.object({ totalBytes: v.number(), limitBytes: v.nullable(v.number()) }),
  revision: v.string(),
  deploy: v.string(),
});

const foundSchema = v.object({
  index: v.boolean(),
  digest: v.string(),
  runsOn: v.array(v.string()),
  missing: v.array(v.string()),
  platforms: v.array(
    v.object({
      platform: v.string(),
      verdict: v.string(),
      program: v.object({ path: v.string(), architecture: v.optional(v.string()) }),
    }),
  ),
});

const testedSchema = v.object({
  tests: v.array(
    v.object({
      name: v.string(),
      platform: v.string(),
      ready: v.boolean(),
      call: v.object({ status: v.number(), body: v.string() }),
    }),
  ),
});

describe('the functions of this repository', function () {
  this.timeout(300_000);
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let local: Awaited<ReturnType<typeof startBantam>> | undefined;
  let relay: BridgeRelay | undefined;
  let guarded: GuardedRegistry | undefined;
  let gateway = '';
  /** `127.0.0.1:PORT/functions-…` of the bed's registry, a path of this run's own. */
  let prefix = '';
  let deployed: v.InferOutput<typeof deployedSchema>['functions'] = [];
  const run = (argv: readonly string[]): ReturnType<typeof bantam> =>
    bantam([...argv, '--json', '--stack', join(root, 'stack.yml')], {
      folder: folder.path,
      environment: {
        HOME: folder.path,
        XDG_CACHE_HOME: undefined,
        OPENFAAS_PREFIX: prefix,
        ARCH_CHECK_REGISTRIES: relay?.address,
      },
    });
  const urlOf = (name: string): string => {
    const found = deployed.find((each) => each.name === name);
    assert.ok(found, `${name} is not deployed`);
    return found.url;
  };
  const ask = async (query: string): Promise<{ status: number; body: unknown }> => {
    const response = await fetch(`${urlOf('arch-check')}/?${query}`, { signal: AbortSignal.timeout(60_000) });
    return { status: response.status, body: await response.json() };
  };

  before(async function () {
    const bed = await needParts(this, 'engine', 'buildx', 'registry', 'bases');
    assert.ok(bed.registry);
    prefix = `${bed.registry}/functions-${randomBytes(4).toString('hex')}`;
    folder = await temporaryFolder();
  });

  after(async () => {
    await local?.stop();
    await relay?.[Symbol.asyncDispose]();
    await guarded?.[Symbol.asyncDispose]();
    await folder?.[Symbol.asyncDispose]();
  });

  it('are built, pushed, deployed and proven by one command', async () => {
    await mkdir(join(folder.path, 'gateway'));
    guarded = await startGuardedRegistry(prefix.replace(/\/.*/, ''), 'pi', 'raspberry');
    await mkdir(join(folder.path, 'docker'));
    const auth = Buffer.from('pi:raspberry').toString('base64');
    await writeFile(
      join(folder.path, 'docker/config.json'),
      JSON.stringify({ auths: { [guarded.address]: { auth } } }),
    );
    local = await startBantam(['local', 'up', '--port', '0', '--provider', 'docker'], {
      folder: join(folder.path, 'gateway'),
      environment: { HOME: folder.path, DOCKER_CONFIG: join(folder.path, 'docker') },
      ready: /Ctrl-C stops it/,
    });
    const record = v.parse(
      v.object({ instance: v.string(), url: v.string(), user: v.string(), password: v.string() }),
      JSON.parse(await readFile(join(folder.path, 'gateway/.bantam/local.json'), 'utf8')),
    );
    gateway = record.url;
    relay = await startBridgeRelay(await bridgeAddress(record.instance), prefix.replace(/\/.*/, ''));
    const login = await bantam(['login', '--gateway', gateway, '--password-stdin'], {
      folder: folder.path,
      environment: { HOME: folder.path },
      input: record.password,
    });
    assert.equal(login.exitCode, 0, login.stderr);
    const { exitCode, stdout, stderr } = await run(['fn', 'deploy', '--gateway', gateway]);
    assert.equal(exitCode, 0, `${stdout}${stderr}`);
    deployed = v.parse(deployedSchema, JSON.parse(stdout)).functions;
    assert.deepEqual(deployed.map(({ name, verdict }) => [name, verdict]).sort(), [
      ['arch-check', 'ready'],
      ['node-info', 'ready'],
    ]);
  });

  it('node-info tells what the container runs on: architecture, the limits of stack.yml, its identities', async () => {
    const response = await fetch(urlOf('node-info'));
    const info = v.parse(nodeInfoSchema, await response.json());
    const { stdout } = await execa('docker', ['version', '--format', '{{.Server.Os}}/{{.Server.Arch}}']);
    assert.ok(info.platform.startsWith(stdout), `${info.platform} on ${stdout}`);
    assert.equal(info.emulated, false);
    assert.equal(info.memory.limitBytes, 32 * 2 ** 20);
    assert.equal(info.cpu.limit, 0.25);
    assert.ok(info.memory.totalBytes > info.memory.limitBytes);
    const expected = deployed.find(({ name }) => name === 'node-info');
    assert.deepEqual([info.revision, info.deploy], [expected?.revision, expected?.deploy]);
    assert.equal(response.headers.get('x-bantam-deploy'), expected?.deploy);
    assert.equal(response.headers.get('x-bantam-replica'), info.hostName);
  });

  it('node-info answers people in text, and refuses what it does not do', async () => {
    const text = await (await fetch(urlOf('node-info'), { headers: { accept: 'text/plain' } })).text();
    assert.match(text, /^memory limit +32 MiB/m);
    const refused = await fetch(urlOf('node-info'), { method: 'DELETE' });
    assert.deepEqual([refused.status, refused.headers.get('allow')], [405, 'GET, HEAD, POST']);
  });

  it('arch-check asks only registries on its list', async () => {
    const { status, body } = await ask('image=registry.example:5000/a');
    assert.equal(status, 403);
    assert.equal(v.parse(v.object({ error: v.string() }), body).error, 'registry-not-allowed');
  });

  it('arch-check finds all three platforms of an image, down to the programs in its layers', async () => {
    for (const name of ['node-info', 'arch-check']) {
      const query = new URLSearchParams({
        image: imageOf(name),
        programs: 'true',
        want: `${allPlatforms},linux/s390x`,
      });
      const { status, body } = await ask(query.toString());
      assert.equal(status, 200, JSON.stringify(body));
      const found = v.parse(foundSchema, body);
      assert.equal(found.index, true);
      assert.match(found.digest, /^sha256:[0-9a-f]{64}$/);
      assert.deepEqual([...found.runsOn].sort(), [...allPlatforms].sort());
      assert.deepEqual(found.missing, ['linux/s390x']);
      assert.deepEqual(
        found.platforms.map(({ platform, verdict, program }) => [platform, verdict, program.architecture]).sort(),
        [
          ['linux/amd64', 'fine', 'amd64'],
          ['linux/arm/v7', 'fine', 'arm'],
          ['linux/arm64', 'fine', 'arm64'],
        ],
      );
    }
  });

  it('arch-check says so when there is no such image, or no registry', async () => {
    const missing = await ask(`image=${imageOf('nobody')}`);
    assert.equal(missing.status, 404);
    assert.equal(v.parse(v.object({ error: v.string() }), missing.body).error, 'not-found');
    const wrong = await ask(`image=${imageOf('node-info').replace(/:latest$/, ':never')}`);
    assert.equal(wrong.status, 404);
  });

  it('are pulled from a registry that wants credentials, with those of docker login', async () => {
    assert.ok(guarded);
    const image = `${guarded.address}/${prefix.replace(/^[^/]*\//, '')}/node-info:latest`;
    const stack = join(folder.path, 'private.yml');
    await writeFile(
      stack,
      `version: 1.0\nprovider:\n  name: openfaas\nfunctions:\n  private-info:\n    skip_build: true\n    image: ${image}\n`,
    );
    const argv = ['fn', 'deploy', '--no-build', '--gateway', gateway, '--stack', stack, '--json'];
    const refused = await bantam(argv, { folder: folder.path, environment: { HOME: folder.path } });
    assert.equal(refused.exitCode, 4, refused.stdout);
    assert.match(refused.stdout, /BAN-E302/);
    assert.deepEqual(guarded.admitted, []);
    const environment = { HOME: folder.path, DOCKER_CONFIG: join(folder.path, 'docker') };
    const { exitCode, stdout, stderr } = await bantam(argv, { folder: folder.path, environment });
    assert.equal(exitCode, 0, `${stdout}${stderr}`);
    const [outcome] = v.parse(deployedSchema, JSON.parse(stdout)).functions;
    assert.ok(outcome);
    const info = v.parse(nodeInfoSchema, await (await fetch(outcome.url)).json());
    assert.equal(info.deploy, outcome.deploy);
    const engine = guarded.admitted.filter((agent) => /^(docker|containerd|moby)/i.test(agent));
    assert.ok(engine.length > 0, `the engine did not pull: ${guarded.admitted}`);
  });

  it('answer as arm64 and arm/v7 images under emulation', async function () {
    await needParts(this, 'emulation-arm64', 'emulation-arm');
    if (deployed.length === 0) skip(this, 'the functions were not built');
    const { exitCode, stdout, stderr } = await run([
      'fn',
      'test',
      '--image',
      '--platform',
      'linux/arm64,linux/arm/v7',
      '--path',
      '/?image=registry.example:5000/a',
    ]);
    assert.equal(exitCode, 0, `${stdout}${stderr}`);
    const { tests } = v.parse(testedSchema, JSON.parse(stdout));
    assert.deepEqual(
      tests.map(({ name, platform, ready, call }) => [name, platform, ready, call.status]),
      [
        ['arch-check', 'linux/arm64', true, 403],
        ['arch-check', 'linux/arm/v7', true, 403],
        ['node-info', 'linux/arm64', true, 200],
        ['node-info', 'linux/arm/v7', true, 200],
      ],
    );
    const infos = tests
      .filter(({ name }) => name === 'node-info')
      .map(({ call }) => v.parse(v.object({ platform: v.string() }), JSON.parse(call.body)).platform);
    assert.deepEqual(infos, ['linux/arm64', 'linux/arm/v7']);
  });

  function imageOf(name: string): string {
    assert.ok(relay);
    return `${relay.address}/${prefix.replace(/^[^/]*\//, '')}/${name}:latest`;
  }
});

/** The host's address on the bridge of a local gateway's network: what containers reach the host by. */
async function bridgeAddress(instance: string): Promise<string> {
  const { stdout } = await execa('docker', [
    'network',
    'inspect',
    `bantam-${instance}`,
    '--format',
    '{{(index .IPAM.Config 0).Gateway}}',
  ]);
  return stdout;
}
