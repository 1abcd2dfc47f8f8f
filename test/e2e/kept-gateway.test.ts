import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { isAlive } from '../../cli/local/state/instance-file.ts';
import { RegistryInMemory } from '../local/process/image-in-memory.ts';
import { nodeImage } from '../local/process/started-provider.ts';
import { until } from '../local/until.ts';
import { skip } from '../real-parts.ts';
import { bantam, type Run, root } from './program.ts';
import { pushPlain } from './push-plain.ts';

const source = `
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
const server = createServer((request, response) => {
  const secret = request.url === '/secret' ? readFileSync(join(process.env.secret_mount_path, 'token'), 'utf8') : '';
  response.setHeader('Connection', 'close');
  response.end(JSON.stringify({ pid: process.pid, greeting: process.env.GREETING, secret }));
});
server.listen(Number(process.env.port), process.env.BANTAM_HOST);
process.on('SIGTERM', () => server.close());
`;

const upSchema = v.object({
  url: v.string(),
  pid: v.number(),
  registry: v.string(),
  functions: v.array(v.string()),
  ended: v.number(),
  log: v.optional(v.string()),
});
const saidSchema = v.object({ pid: v.number(), greeting: v.string(), secret: v.string() });
const failureSchema = v.object({
  error: v.object({ code: v.string(), message: v.string(), hint: v.optional(v.string()) }),
});
const statusSchema = v.object({
  pid: v.number(),
  registry: v.object({ address: v.string(), repositories: v.number(), bytes: v.number() }),
  queue: v.object({ waiting: v.number() }),
  limitations: v.array(v.string()),
  functions: v.array(
    v.object({
      name: v.string(),
      image: v.string(),
      revision: v.optional(v.string()),
      deployId: v.optional(v.string()),
      createdAt: v.string(),
      replicas: v.number(),
      replicaStates: v.array(v.object({ ready: v.boolean(), pid: v.optional(v.number()) })),
    }),
  ),
});

describe('bantam local up, status, down', function () {
  this.timeout(120_000);
  let home: string;
  let folder: string;
  before(async () => {
    home = await mkdtemp(join(tmpdir(), 'bantam kept '));
    folder = join(home, 'project');
    await mkdir(join(folder, '.git'), { recursive: true });
  });
  after(async () => {
    await run('down');
    await rm(home, { recursive: true, force: true });
  });

  const run = async (...argv: string[]): Promise<Run> =>
    await bantam(['local', ...argv], {
      folder,
      environment: { HOME: home, XDG_STATE_HOME: undefined, XDG_CACHE_HOME: undefined },
    });
  const up = async (...argv: string[]): Promise<v.InferOutput<typeof upSchema>> => {
    const { exitCode, stdout, stderr } = await run('up', '--detach', '--port', '0', '--trust', '--json', ...argv);
    assert.equal(exitCode, 0, `${stdout}${stderr}`);
    return v.parse(upSchema, JSON.parse(stdout));
  };
  const refused = async (
    ...argv: string[]
  ): Promise<v.InferOutput<typeof failureSchema>['error'] & { exitCode: number | null }> => {
    const { exitCode, stdout } = await run(...argv, '--json');
    return { exitCode, ...v.parse(failureSchema, JSON.parse(stdout)).error };
  };
  const status = async (): Promise<v.InferOutput<typeof statusSchema>> =>
    v.parse(statusSchema, JSON.parse((await run('status', '--json')).stdout));
  const call = async (url: string, path = ''): Promise<v.InferOutput<typeof saidSchema>> =>
    v.parse(saidSchema, await (await fetch(`${url}/function/hello${path}`)).json());
  const send = async (url: string, method: string, path: string, body: unknown): Promise<void> => {
    const { user, password } = v.parse(
      v.object({ user: v.string(), password: v.string() }),
      JSON.parse(await readFile(join(folder, '.bantam/local.json'), 'utf8')),
    );
    const headers = {
      authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
      'content-type': 'application/json',
    };
    const answer = await fetch(`${url}/system/${path}`, { method, headers, body: JSON.stringify(body) });
    assert.ok(answer.ok, `${answer.status} ${await answer.text()}`);
  };
  const ready = async (url: string): Promise<void> =>
    await until('it answers', async () => (await fetch(`${url}/function/hello`)).ok);
  const processesOf = async (): Promise<number[]> =>
    (await status()).functions.flatMap(({ replicaStates }) => replicaStates.flatMap(({ pid = 0 }) => pid));

  it('says so where none runs', async () => {
    const { exitCode, code, hint } = await refused('status');
    assert.deepEqual([exitCode, code, hint], [1, 'BAN-E627', 'bantam local up starts one']);
    const down = await run('down');
    assert.equal(down.exitCode, 0);
    assert.match(down.stdout, /^no local gateway runs for this project/);
    assert.deepEqual(await readdir(folder), ['.git'], 'asking leaves nothing behind');
  });

  it('in the background: hands on why it did not come up, and leaves nothing', async () => {
    const other = createServer();
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    assert.ok(typeof address === 'object' && address !== null);
    const failed = await refused('up', '--detach', '--port', String(address.port));
    other.close();
    assert.deepEqual([failed.exitCode, failed.code], [1, 'BAN-E601']);
    assert.match(failed.message, new RegExp(`^port ${address.port} of 127.0.0.1 is taken`));
    assert.deepEqual(
      (await readdir(join(folder, '.bantam'))).filter((name) => name !== 'local.log' && name !== '.gitignore'),
      [],
    );
  });

  it('gives back functions, secrets and replicas after a kill -9, ends what was left, and moves with its port', async () => {
    const first = await up();
    assert.equal((await stat(join(folder, '.bantam/local.json'))).mode & 0o777, 0o600);
    const registry = new RegistryInMemory();
    const { image: from } = await registry.add('hello', nodeImage('1', source));
    const image = await pushPlain(registry, from, `${first.registry}/hello:1`);
    await send(first.url, 'POST', 'secrets', { name: 'token', value: 'kept' });
    const annotations = { 'bantam.revision': 'cafe', 'bantam.deploy': 'beef' };
    await send(first.url, 'POST', 'functions', {
      service: 'hello',
      image,
      secrets: ['token'],
      envVars: { GREETING: 'grüß dich' },
      annotations,
    });
    await send(first.url, 'POST', 'scale-function/hello', { serviceName: 'hello', replicas: 2 });
    await ready(first.url);
    await until('both run', async () => (await processesOf()).filter((pid) => pid > 0).length === 2);
    const before = await status();
    const orphans = await processesOf();
    const second = await refused('up', '--port', '0');
    assert.deepEqual([second.exitCode, second.code], [1, 'BAN-E004']);
    assert.match(second.message, new RegExp(`runs already at ${first.url} \\(process ${first.pid}\\)`));

    process.kill(first.pid, 'SIGKILL');
    await until('it is dead', () => !isAlive({ pid: first.pid }));
    const dead = await refused('status');
    assert.equal(dead.code, 'BAN-E627');
    assert.match(dead.message, /was killed$/);
    const again = await up();
    assert.deepEqual([again.functions, again.ended], [['hello'], 2]);
    assert.ok(orphans.every((pid) => !isAlive({ pid })));
    await ready(again.url);
    const { greeting, secret, pid } = await call(again.url, '/secret');
    assert.deepEqual([greeting, secret], ['grüß dich', 'kept']);
    assert.ok(!orphans.includes(pid));
    const [was] = before.functions;
    const now = await status();
    const [is] = now.functions;
    assert.notEqual(again.registry, first.registry);
    assert.equal(is?.image, was?.image.replace(first.registry, again.registry));
    assert.deepEqual([is?.revision, is?.deployId, is?.createdAt, is?.replicas], ['cafe', 'beef', was?.createdAt, 2]);
    assert.deepEqual([now.registry.address, now.registry.repositories], [again.registry, 1]);
    assert.ok(now.limitations.length > 0);
  });

  it('tidies up when its terminal is closed', async function () {
    if (process.platform !== 'linux' || !existsSync('/usr/bin/script')) skip(this, 'no program script of Linux here');
    await run('down');
    const command = `'${process.execPath}' '${join(root, 'dist/main.js')}' local up --port 0`;
    const terminal = spawn('/usr/bin/script', ['-qec', command, '/dev/null'], {
      cwd: folder,
      env: { ...process.env, HOME: home, XDG_STATE_HOME: undefined, XDG_CACHE_HOME: undefined, CI: undefined },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let shown = '';
    terminal.stdout.setEncoding('utf8').on('data', (text: string) => {
      shown += text;
    });
    await until('it is up', () => shown.includes('bantam uses it by itself'));
    assert.match(shown, /\/ui\/#key=[\w-]{32} /);
    const { pid } = await status();
    terminal.kill('SIGKILL');
    await until('it is gone', () => !isAlive({ pid }));
    assert.ok(!(await readdir(join(folder, '.bantam'))).includes('local.json'));
    await up();
  });

  it('stops with all that it runs when its folder is removed', async () => {
    const { pid } = await status();
    await until('a replica runs', async () => (await processesOf()).some((each) => each > 0));
    const processes = await processesOf();
    await rename(join(folder, '.bantam'), join(folder, 'aside'));
    await until('it is gone', () => ![pid, ...processes].some((each) => isAlive({ pid: each })));
    assert.match(await readFile(join(folder, 'aside/local.log'), 'utf8'), /BAN-E626 {2}.* was removed while/);
    await rm(join(folder, '.bantam'), { recursive: true, force: true });
    await rename(join(folder, 'aside'), join(folder, '.bantam'));
    assert.deepEqual((await up()).functions, ['hello']);
  });

  it('stops, also one in the background, and the next one has its functions, but not those that were removed', async () => {
    const running = await status();
    const processes = await processesOf();
    const down = await run('down');
    assert.equal(down.exitCode, 0);
    assert.match(down.stdout, /^stopped the local gateway at .*\nits functions stop with it, .*: hello\n$/);
    assert.ok(![running.pid, ...processes].some((pid) => isAlive({ pid })));
    assert.ok(!(await readdir(join(folder, '.bantam'))).includes('local.json'));
    const again = await up();
    assert.deepEqual([again.functions, again.ended], [['hello'], 0]);
    assert.equal(again.log, join(folder, '.bantam/local.log'));
    await ready(again.url);
    await send(again.url, 'DELETE', 'functions', { functionName: 'hello' });
    // The moment in which it is answered is the one in which it may be killed.
    process.kill(again.pid, 'SIGKILL');
    await until('it is dead', () => !isAlive({ pid: again.pid }));
    const left = await run('down');
    assert.match(left.stdout, /^no local gateway ran any more\n(?:ended .* that a killed one had left\n)?$/);
    assert.deepEqual((await up()).functions, []);
    assert.match((await run('status')).stdout, /no functions: bantam fn deploy/);
  });
});
