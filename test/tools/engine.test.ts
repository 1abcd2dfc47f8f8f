import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Interrupted, UserError } from '../../cli/errors.ts';
import { pullCredentials } from '../../cli/local/docker/pull-credentials.ts';
import { connectEngine, openEngine } from '../../cli/tools/engine.ts';
import { findEngineHost } from '../../cli/tools/engine-host.ts';

let home = '';
const makeHome = async (): Promise<void> => {
  home = await mkdtemp(join(tmpdir(), 'bantam engine ü '));
};
const removeHome = (): Promise<void> => rm(home, { recursive: true, force: true });

const hasCode =
  (code: string, text = /./) =>
  (error: unknown) =>
    error instanceof UserError && error.code === code && text.test(error.message);

describe('the engine that is meant', () => {
  beforeEach(makeHome);
  afterEach(removeHome);
  const context = async (folder: string, name: string, address: string): Promise<void> => {
    const meta = join(folder, 'contexts', 'meta', createHash('sha256').update(name).digest('hex'));
    await mkdir(meta, { recursive: true });
    await writeFile(
      join(meta, 'meta.json'),
      JSON.stringify({ Name: name, Metadata: {}, Endpoints: { docker: { Host: address, SkipTLSVerify: false } } }),
    );
  };
  const config = async (folder: string, content: string): Promise<void> => {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'config.json'), content);
  };

  it('is that of DOCKER_HOST before all', async () => {
    await config(join(home, '.docker'), '{"currentContext":"other"}');
    assert.deepEqual(
      await findEngineHost({ environment: { DOCKER_HOST: 'unix:///x.sock', DOCKER_CONTEXT: 'y' }, home }),
      { address: 'unix:///x.sock', from: 'DOCKER_HOST' },
    );
    assert.deepEqual(await findEngineHost({ environment: { DOCKER_HOST: 'pi-0:2375' }, home }), {
      address: 'tcp://pi-0:2375',
      from: 'DOCKER_HOST',
    });
  });
  it('is that of the current context, else of DOCKER_CONTEXT, in DOCKER_CONFIG too', async () => {
    const folder = join(home, 'elsewhere');
    await context(folder, 'colima', 'unix:///colima.sock');
    await context(folder, 'pi', 'ssh://pi@pi-0');
    await config(folder, '{"currentContext":"colima","auths":{}}');
    assert.deepEqual(await findEngineHost({ environment: { DOCKER_CONFIG: folder }, home }), {
      address: 'unix:///colima.sock',
      from: 'context',
      context: 'colima',
    });
    assert.deepEqual(await findEngineHost({ environment: { DOCKER_CONFIG: folder, DOCKER_CONTEXT: 'pi' }, home }), {
      address: 'ssh://pi@pi-0',
      from: 'context',
      context: 'pi',
    });
  });
  it('is refused when its context is not there', async () => {
    await assert.rejects(
      findEngineHost({ environment: { DOCKER_CONTEXT: 'gone' }, home }),
      hasCode('BAN-E202', /"gone"/),
    );
  });
  for (const content of ['{"currentContext":"default"}', '{}', 'not json', '[]']) {
    it(`is the default one with a config.json of ${content}`, async () => {
      await config(join(home, '.docker'), content);
      assert.equal((await findEngineHost({ environment: {}, home })).from, 'default');
    });
  }
});

describe('an engine that misbehaves', () => {
  beforeEach(makeHome);
  afterEach(removeHome);
  const serve = async (listener: RequestListener): Promise<{ address: string; close: () => void }> => {
    const socket = join(home, 'engine.sock');
    const server = createServer(listener);
    server.listen(socket);
    await once(server, 'listening');
    return {
      address: `unix://${socket}`,
      close: () => {
        server.close();
        server.closeAllConnections();
      },
    };
  };

  it('is not there', async () => {
    await assert.rejects(
      openEngine({ environment: { DOCKER_HOST: `unix://${home}/none.sock` }, home }),
      hasCode('BAN-E202', /none\.sock \(named by DOCKER_HOST\) does not answer: .*ENOENT/),
    );
    await assert.rejects(
      openEngine({ environment: { DOCKER_HOST: 'gopher://x' }, home }),
      hasCode('BAN-E202', /gopher/),
    );
  });
  it('never answers, and the user leaves', async () => {
    const engine = await serve(() => undefined);
    const leave = new AbortController();
    const asked = openEngine({ environment: { DOCKER_HOST: engine.address }, home }, leave.signal);
    leave.abort();
    await assert.rejects(asked, Interrupted);
    engine.close();
  });
  it('stalls in the middle of a pull, and the user leaves', async () => {
    const engine = await serve((_, outgoing) => outgoing.write('{"status":"Pulling fs layer","id":"abc"}\n'));
    const connected = await connectEngine({ address: engine.address, from: 'default' });
    const leave = new AbortController();
    const lines: string[] = [];
    const pulled = connected.images.pull('hello:1', {
      signal: leave.signal,
      onProgress: (line) => {
        lines.push(line);
        leave.abort();
      },
    });
    await assert.rejects(pulled, Interrupted);
    assert.deepEqual(lines, ['abc: Pulling fs layer']);
    engine.close();
  });
  it('breaks a pull off, or reports its error late', async () => {
    let late = true;
    const engine = await serve((incoming, outgoing) => {
      outgoing.write('{"status":"Pulling"}\n');
      if (late) outgoing.end('{"errorDetail":{"message":"x"},"error":"manifest unknown"}\n');
      else setImmediate(() => incoming.socket.destroy());
    });
    const connected = await connectEngine({ address: engine.address, from: 'default' });
    await assert.rejects(connected.images.pull('hello:1'), hasCode('BAN-E303', /manifest unknown/));
    late = false;
    await assert.rejects(connected.images.pull('hello:1'), hasCode('BAN-E202'));
    engine.close();
  });
  it('gets credentials in a header, platform and reference in the query, and no secret in the address', async () => {
    const asked: (readonly [string, unknown])[] = [];
    const engine = await serve((incoming, outgoing) => {
      const header = String(incoming.headers['x-registry-auth'] ?? '');
      asked.push([
        incoming.url ?? '',
        header === '' ? undefined : JSON.parse(Buffer.from(header, 'base64url').toString('utf8')),
      ]);
      outgoing.end('{"status":"Done"}\n');
    });
    const connected = await connectEngine({ address: engine.address, from: 'default' });
    const credentials = pullCredentials({
      find: async (registry) =>
        registry === 'docker.io'
          ? { kind: 'identity', token: 'tok' }
          : registry === 'registry.lan:5000'
            ? { kind: 'basic', username: 'ü', password: 'p:w' }
            : undefined,
    });
    for (const image of ['hello:1', 'registry.lan:5000/a/b:2', 'other.lan/x:3'])
      await connected.images.pull(image, { platform: 'linux/arm/v7', credentials: await credentials(image) });
    engine.close();
    assert.deepEqual(asked, [
      [
        '/images/create?platform=linux%2Farm%2Fv7&fromImage=hello&tag=1',
        { serveraddress: 'https://index.docker.io/v1/', identitytoken: 'tok' },
      ],
      [
        '/images/create?platform=linux%2Farm%2Fv7&fromImage=registry.lan%3A5000%2Fa%2Fb&tag=2',
        { serveraddress: 'registry.lan:5000', username: 'ü', password: 'p:w' },
      ],
      ['/images/create?platform=linux%2Farm%2Fv7&fromImage=other.lan%2Fx&tag=3', undefined],
    ]);
  });
  it('ignores DOCKER_HOST of the process when another address is meant', async () => {
    const before = process.env['DOCKER_HOST'];
    process.env['DOCKER_HOST'] = 'tcp://192.0.2.1:2375';
    const asked: string[] = [];
    const engine = await serve((incoming, outgoing) => {
      asked.push(incoming.url ?? '');
      outgoing.end(incoming.url === '/version' ? '{"Version":"1","Os":"linux","Arch":"arm64"}' : '{"NCPU":4}');
    });
    try {
      assert.deepEqual(await (await connectEngine({ address: engine.address, from: 'default' })).facts(), {
        version: '1',
        platform: 'linux/arm64',
        cpus: 4,
      });
    } finally {
      engine.close();
      if (before === undefined) delete process.env['DOCKER_HOST'];
      else process.env['DOCKER_HOST'] = before;
    }
    assert.deepEqual(asked, ['/version', '/info']);
  });
});
