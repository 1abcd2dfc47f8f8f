import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Interrupted, UserError } from '../../cli/errors.ts';
import type { Event } from '../../cli/events.ts';
import { instanceLabel } from '../../cli/local/replicas/names.ts';
import { type LocalGateway, startLocal } from '../../cli/local/start.ts';
import type { ContainerEngine } from '../../cli/tools/container-engine.ts';
import { connectEngine, openEngine } from '../../cli/tools/engine.ts';
import { needParts } from '../real-parts.ts';
import { askEngine, buildImage, type ImageWish, pushImage, removeImages } from './test-image.ts';

describe('the local gateway with containers', function () {
  this.timeout(120_000);
  let engine: ContainerEngine;
  let registry: string | undefined;
  let folder: string;
  let gateway: LocalGateway;
  const events: Event[] = [];
  const timing = { poll: 200, start: 3000, firstRestart: 100, longestRestart: 400, graceSeconds: 5 };

  before(async function () {
    const bed = await needParts(this, 'engine', 'registry');
    registry = bed.registry ?? '';
    engine = await openEngine({ environment: process.env, home: homedir() });
    folder = await mkdtemp(join(tmpdir(), 'bantam lokál '));
    gateway = await startLocal({
      provider: { kind: 'docker' },
      engine: async () => engine,
      stateFolder: folder,
      report: (event) => events.push(event),
      port: 0,
      timing,
      closeGraceSeconds: 1,
    });
  });
  after(async () => {
    await gateway?.close();
    if (registry !== undefined) await removeImages(`${registry}/local/`);
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  const push = async (name: string, wish: Partial<ImageWish> = {}): Promise<string> =>
    pushImage(registry ?? '', `local/${name}`, await buildImage({ platforms: ['linux/amd64'], ...wish }));
  const system = (method: string, path: string, body?: unknown): Promise<Response> =>
    fetch(`${gateway.url}/system/${path}`, {
      method,
      headers: {
        authorization: `Basic ${Buffer.from(`${gateway.user}:${gateway.password}`).toString('base64')}`,
        'content-type': 'application/json',
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const call = (name: string, path = '', init?: RequestInit): Promise<Response> =>
    fetch(`${gateway.url}/function/${name}${path}`, init);
  const answerOf = async (name: string): Promise<Record<string, unknown>> => {
    const answer = await call(name);
    return answer.ok ? decodeObject(await answer.text()) : {};
  };
  const deploy = async (method: 'POST' | 'PUT', service: string, image: string, more: object = {}): Promise<void> => {
    const answer = await system(method, 'functions', { service, image, ...more });
    assert.deepEqual([answer.status, await answer.text()], [202, '']);
  };
  const remove = async (name: string): Promise<void> => {
    assert.equal((await system('DELETE', 'functions', { functionName: name })).status, 202);
    await until(`${name} is gone`, async () => (await system('GET', `function/${name}`)).status === 404);
  };
  const ready = (name: string): Promise<void> => until(`${name} answers`, async () => (await call(name)).ok);
  const containersOf = async (name: string) =>
    (await engine.containers.list('bantam.function', name)).filter(
      (container) => container.labels[instanceLabel] === gateway.instance,
    );
  const logOf = async (name: string, query = ''): Promise<string> =>
    (await system('GET', `logs?name=${name}${query}`)).text();

  it('runs a function in a hardened container with its environment, secrets and limits', async () => {
    assert.equal((await system('POST', 'secrets', { name: 'token', value: 'grüße' })).status, 202);
    await deploy('POST', 'strict', await push('strict:1', { environment: { VERSION: '1' } }), {
      envVars: { COLOUR: 'a=b=c' },
      secrets: ['token'],
      limits: { memory: '64Mi', cpu: '500m' },
    });
    await ready('strict');
    const told = await answerOf('strict');
    assert.equal(told['version'], '1');
    assert.equal(told['uid'], 1000);
    assert.equal(decodeObject(JSON.stringify(told['environment']))['COLOUR'], 'a=b=c');
    assert.equal(await (await call('strict', '/file?path=/var/openfaas/secrets/token')).text(), 'grüße');
    assert.equal((await call('strict', '/write?path=/tmp/x')).status, 200);
    assert.match(await (await call('strict', '/write?path=/x')).text(), /read-only file system/);
    assert.match(
      await (await call('strict', '/write?path=/var/openfaas/secrets/token')).text(),
      /read-only file system|permission denied/,
    );

    assert.equal((await system('PUT', 'secrets', { name: 'token', value: 'new' })).status, 202);
    assert.equal(await (await call('strict', '/file?path=/var/openfaas/secrets/token')).text(), 'new');

    const [container] = await containersOf('strict');
    const inspected = decodeObject(JSON.stringify(await askEngine('GET', `/containers/${container?.id}/json`)));
    const host = decodeObject(JSON.stringify(inspected['HostConfig']));
    assert.deepEqual(
      [
        host['Memory'],
        host['MemorySwap'],
        host['NanoCpus'],
        host['ReadonlyRootfs'],
        host['CapDrop'],
        host['SecurityOpt'],
        host['PidsLimit'],
      ],
      [64 << 20, 64 << 20, 5e8, true, ['ALL'], ['no-new-privileges'], 256],
    );
    const secrets = (await readdir(folder)).find((name) => name.startsWith('secrets-')) ?? '';
    assert.equal((await stat(join(folder, secrets))).mode & 0o777, 0o700);
    assert.equal((await stat(join(folder, 'local.json'))).mode & 0o777, 0o600);
    assert.ok(!JSON.stringify(events).includes(gateway.password));
    await remove('strict');
    assert.deepEqual(await containersOf('strict'), []);
  });

  it('is reached by functions through gateway.openfaas, and functions reach each other by name', async () => {
    const image = await push('caller:1');
    await deploy('POST', 'caller', image);
    await deploy('POST', 'callee', image);
    await ready('caller');
    await ready('callee');
    for (const url of [
      `${gateway.insideUrl}/healthz`,
      'http://callee:8080/',
      'http://callee.openfaas-fn:8080/',
      `${gateway.insideUrl.replace('.openfaas', '')}/function/callee/x`,
    ]) {
      assert.equal((await call('caller', `/fetch?url=${encodeURIComponent(url)}`)).status, 200, url);
    }
    await remove('caller');
    await remove('callee');
  });

  it('rolls an update without a failed call, and drains what is under way', async () => {
    await deploy('POST', 'roll', await push('roll:1', { environment: { VERSION: '1' } }));
    await ready('roll');
    const slow = call('roll', '/slow?for=1500ms');
    await deploy('PUT', 'roll', await push('roll:2', { environment: { VERSION: '2' } }));
    const versions: unknown[] = [];
    await until('version 2 answers', async () => {
      const answer = await call('roll');
      const text = await answer.text();
      assert.equal(answer.status, 200, text);
      versions.push(decodeObject(text)['version']);
      return versions.at(-1) === '2';
    });
    assert.equal(versions[0], '1');
    assert.equal(await (await slow).text(), 'slow but sure');
    await until('the old container is gone', async () => (await containersOf('roll')).length === 1);
    await remove('roll');
  });

  it('keeps the old code answering while the new image is missing, crashes or is deaf, and says why', async () => {
    await deploy('POST', 'stuck', await push('stuck:1', { environment: { VERSION: '1' } }));
    await ready('stuck');
    const faults: readonly [string, RegExp][] = [
      [`${registry}/local/stuck:missing`, /cannot pull .*stuck:missing.*not found/],
      [
        await push('stuck:crash', { environment: { MODE: 'crash' } }),
        /exited \(exit code 3\)[\s\S]*there is no such thing as a start/,
      ],
      [await push('stuck:entry', { entrypoint: ['/nope'] }), /cannot start .*\/nope/],
      [await push('stuck:deaf', { environment: { MODE: 'deaf' } }), /was not healthy within 3 s of its start: ./],
      ['Not An Image', /is no image reference/],
    ];
    for (const [image, reason] of faults) {
      await deploy('PUT', 'stuck', image);
      await until(`the fault of ${image} shows in the log`, async () => reason.test(await logOf('stuck')));
      const status = decodeObject(await (await system('GET', 'function/stuck')).text());
      assert.deepEqual([status['image'], status['replicas'], status['availableReplicas']], [image, 1, 1]);
      assert.equal((await answerOf('stuck'))['version'], '1');
    }
    await deploy('PUT', 'stuck', await push('stuck:2', { environment: { VERSION: '2' } }));
    await until('version 2 answers', async () => (await answerOf('stuck'))['version'] === '2');
    await remove('stuck');
  });

  it('restarts what is killed, ends by itself, falls ill, or is removed behind its back', async () => {
    await deploy('POST', 'hardy', await push('hardy:1'));
    await ready('hardy');
    const container = async () => (await containersOf('hardy'))[0]?.id ?? '';
    const breakages: readonly [() => Promise<unknown>, RegExp][] = [
      [async () => askEngine('POST', `/containers/${await container()}/kill?signal=KILL`), /was ended by signal 9/],
      [() => call('hardy', '/exit').then((answer) => answer.text()), /exited \(exit code 4\)/],
      [() => call('hardy', '/sicken'), /failed 3 health checks in a row: status 503/],
      [async () => askEngine('DELETE', `/containers/${await container()}?force=1`), /removed by somebody else/],
    ];
    for (const [breakIt, reason] of breakages) {
      await breakIt();
      await until(`its log says ${reason}`, async () => reason.test(await logOf('hardy')));
      await ready('hardy');
    }
    await remove('hardy');
  });

  it('scales between 1 and 5, and asks the replicas in turn', async () => {
    await deploy('POST', 'many', await push('many:1'));
    for (const wanted of [3, 5, 1]) {
      const answer = await system('POST', 'scale-function/many', { serviceName: 'many', replicas: wanted });
      assert.equal(answer.status, 202);
      await until(`${wanted} replicas`, async () => {
        const { replicas, availableReplicas } = decodeObject(await (await system('GET', 'function/many')).text());
        return replicas === wanted && availableReplicas === wanted;
      });
      const hosts = new Set<unknown>();
      for (let turn = 0; turn < wanted; turn += 1) hosts.add((await answerOf('many'))['host']);
      assert.equal(hosts.size, wanted);
    }
    await remove('many');
  });

  it('follows the log of a function over an update and ends when the reader leaves', async () => {
    await deploy('POST', 'wordy', await push('wordy:1', { environment: { VERSION: 'one' } }));
    await ready('wordy');
    const leave = new AbortController();
    const answer = await fetch(`${gateway.url}/system/logs?name=wordy&follow=true`, {
      signal: leave.signal,
      headers: { authorization: `Basic ${Buffer.from(`${gateway.user}:${gateway.password}`).toString('base64')}` },
    });
    let seen = '';
    const reading = (async () => {
      for await (const chunk of answer.body ?? []) seen += Buffer.from(chunk).toString('utf8');
    })();
    await until('the start was read', async () => seen.includes('starting one'));
    await call('wordy', '/say?text=h%C3%BC%20there');
    await until('a line was read', async () => seen.includes('hü there'));
    await deploy('PUT', 'wordy', await push('wordy:2', { environment: { VERSION: 'two' } }));
    await until("the new replica's line was read", async () => seen.includes('starting two'));
    leave.abort();
    await assert.rejects(reading);
    const lines = seen.trim().split('\n').map(decodeObject);
    const said = lines.find((line) => String(line['text']).includes('hü there'));
    assert.equal(said?.['text'], 'hü there\n');
    assert.match(String(said?.['instance']), /^wordy-/);
    assert.equal((await logOf('wordy', '&tail=1')).trim().split('\n').length, 1);
    await remove('wordy');
  });

  it('runs another platform where it is emulated', async function () {
    await needParts(this, 'engine', 'registry', 'emulation-arm');
    const image = await push('foreign:1', { platforms: ['linux/amd64', 'linux/arm64', 'linux/arm/v7'] });
    const state = await mkdtemp(join(tmpdir(), 'bantam-local-'));
    const other = await startLocal({
      provider: { kind: 'docker', platform: 'linux/arm/v7' },
      engine: async () => engine,
      stateFolder: state,
      report: () => undefined,
      port: 0,
      closeGraceSeconds: 1,
    });
    try {
      const authorization = `Basic ${Buffer.from(`${other.user}:${other.password}`).toString('base64')}`;
      await fetch(`${other.url}/system/functions`, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json' },
        body: JSON.stringify({ service: 'foreign', image }),
      });
      await until('it answers', async () => (await fetch(`${other.url}/function/foreign`)).ok);
      assert.equal(decodeObject(await (await fetch(`${other.url}/function/foreign`)).text())['arch'], 'arm');
    } finally {
      await other.close();
      await rm(state, { recursive: true });
    }
  });

  it('goes on answering while the engine is away, and mends what died meanwhile once it is back', async () => {
    const state = await mkdtemp(join(tmpdir(), 'bantam-local-'));
    const relay = new Relay(join(state, 'engine.sock'), engine.address.replace(/^unix:\/\//, ''));
    await relay.open();
    const relayed = await connectEngine({ address: `unix://${state}/engine.sock`, from: 'default' });
    const other = await startLocal({
      provider: { kind: 'docker' },
      engine: async () => relayed,
      stateFolder: state,
      report: () => undefined,
      port: 0,
      closeGraceSeconds: 1,
      timing,
    });
    try {
      const authorization = `Basic ${Buffer.from(`${other.user}:${other.password}`).toString('base64')}`;
      const image = await push('alone:1');
      await fetch(`${other.url}/system/functions`, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json' },
        body: JSON.stringify({ service: 'alone', image }),
      });
      const answers = async (): Promise<boolean> => (await fetch(`${other.url}/function/alone`)).ok;
      await until('it answers', answers);
      await relay.cut();
      for (let call = 0; call < 20; call += 1) assert.ok(await answers());
      const [container] = await engine.containers.list(instanceLabel, other.instance);
      await engine.containers.stop(container?.id ?? '', 0);
      await until('it is known to be away', async () => !(await answers()));
      await relay.open();
      await until('it answers again', answers);
    } finally {
      await other.close();
      await relay.cut();
      await rm(state, { recursive: true });
    }
  });

  it('removes what a killed gateway of the same folder left behind', async () => {
    const state = await mkdtemp(join(tmpdir(), 'bantam-local-'));
    const instance = 'deadbeef';
    const network = await engine.networks.create(`bantam-${instance}`, { [instanceLabel]: instance });
    await writeFile(
      join(state, 'local.json'),
      // The number of a process that lives, but began at another time.
      JSON.stringify({
        instance,
        pid: process.pid,
        started: '1',
        url: 'http://127.0.0.1:9',
        user: 'admin',
        password: 'x',
      }),
    );
    const other = await startLocal({
      provider: { kind: 'docker' },
      engine: async () => engine,
      stateFolder: state,
      report: () => undefined,
      port: 0,
    });
    assert.ok(!(await engine.networks.list(instanceLabel, instance)).includes(network.id));
    await other.close();
    await rm(state, { recursive: true });
  });

  it('refuses a second gateway for the same folder and a taken port, and leaves nothing of the attempt', async () => {
    await assert.rejects(
      startLocal({
        provider: { kind: 'docker' },
        engine: async () => engine,
        stateFolder: folder,
        report: () => undefined,
        port: 0,
      }),
      hasCode('BAN-E004'),
    );
    const other = await mkdtemp(join(tmpdir(), 'bantam-local-'));
    await assert.rejects(
      startLocal({
        provider: { kind: 'docker' },
        engine: async () => engine,
        stateFolder: other,
        report: () => undefined,
        port: Number(new URL(gateway.url).port),
      }),
      hasCode('BAN-E601'),
    );
    await assert.rejects(
      startLocal({
        provider: { kind: 'docker' },
        engine: async () => engine,
        stateFolder: other,
        report: () => undefined,
        port: 0,
        signal: AbortSignal.abort(),
      }),
      Interrupted,
    );
    assert.deepEqual(await readdir(other), ['.gitignore']);
    await rm(other, { recursive: true });
  });

  it('stops while an image is being pulled, and removes containers, network and record', async () => {
    const state = await mkdtemp(join(tmpdir(), 'bantam-local-'));
    const other = await startLocal({
      provider: { kind: 'docker' },
      engine: async () => engine,
      stateFolder: state,
      report: () => undefined,
      port: 0,
      closeGraceSeconds: 1,
      timing,
    });
    const record = decodeObject(await readFile(join(state, 'local.json'), 'utf8'));
    assert.equal(record['instance'], other.instance);
    const authorization = `Basic ${Buffer.from(`${other.user}:${other.password}`).toString('base64')}`;
    for (const [service, image] of [
      ['pulled', await push('pulled:1', { environment: { SALT: other.instance } })],
      ['crashing', await push('crashing:1', { environment: { MODE: 'crash' } })],
    ]) {
      await fetch(`${other.url}/system/functions`, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json' },
        body: JSON.stringify({ service, image }),
      });
    }
    const silentRegistry = createServer();
    silentRegistry.listen(0, '127.0.0.1');
    await once(silentRegistry, 'listening');
    const bound = silentRegistry.address();
    assert.ok(typeof bound === 'object' && bound !== null);
    const asked = once(silentRegistry, 'connection');
    await fetch(`${other.url}/system/functions`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify({ service: 'hanging', image: `127.0.0.1:${bound.port}/slow:1` }),
    });
    const [connection]: Socket[] = await asked;
    await other.close();
    connection?.destroy();
    silentRegistry.close();
    assert.deepEqual(await engine.containers.list(instanceLabel, other.instance), []);
    assert.deepEqual(await engine.networks.list(instanceLabel, other.instance), []);
    assert.ok(!(await readdir(state)).includes('local.json'));
    await assert.rejects(fetch(`${other.url}/healthz`));
    await rm(state, { recursive: true });
  });
});

function hasCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof UserError && error.code === code;
}

function decodeObject(text: string): Record<string, unknown> {
  const value: unknown = JSON.parse(text);
  assert.ok(typeof value === 'object' && value !== null);
  return Object.fromEntries(Object.entries(value));
}

/** Waits for a condition; the test's own timeout is the bound, this one only names what was waited for. */
async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 40_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A socket in front of the engine's that can be cut, as if the engine had gone. */
class Relay {
  readonly #path: string;
  readonly #target: string;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;

  constructor(path: string, target: string) {
    this.#path = path;
    this.#target = target;
  }

  async open(): Promise<void> {
    this.#server = createServer((near) => {
      const far = connect(this.#target);
      for (const socket of [near, far]) {
        this.#sockets.add(socket);
        socket.on('error', () => undefined).on('close', () => this.#sockets.delete(socket));
      }
      near.pipe(far).pipe(near);
    });
    this.#server.listen(this.#path);
    await once(this.#server, 'listening');
  }

  async cut(): Promise<void> {
    const closed = this.#server === undefined ? undefined : once(this.#server, 'close');
    this.#server?.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    this.#server = undefined;
  }
}
