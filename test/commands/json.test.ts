import assert from 'node:assert/strict';
import { once } from 'node:events';
import { join } from 'node:path';
import { execa } from 'execa';
import * as v from 'valibot';
import { commands } from '../../cli/command-table.ts';
import { root, startBantam } from '../e2e/program.ts';
import { type GatewayInMemory, startGatewayInMemory } from './gateway-in-memory.ts';
import { makeProject, type Project } from './project.ts';

interface Case {
  readonly argv: (gateway: GatewayInMemory) => readonly string[];
  readonly exit: number;
  readonly code?: string;
  readonly input?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

const nowhere = 'http://127.0.0.1:1';
const at = (gateway: GatewayInMemory): readonly string[] => ['--gateway', gateway.loggedIn];

/** Every command: once as it fails, and once as it succeeds where that needs neither engine nor registry (test/e2e has those). */
const cases: Readonly<Record<string, readonly Case[]>> = {
  'fn new': [
    { argv: () => ['fn', 'new', 'second', '--lang', 'go'], exit: 0 },
    { argv: () => ['fn', 'new', 'Hello_World', '--lang', 'ts'], exit: 2, code: 'BAN-E103' },
  ],
  'fn build': [
    { argv: () => ['fn', 'build', '--print'], exit: 0 },
    { argv: () => ['fn', 'build', 'nobody'], exit: 2, code: 'BAN-E002' },
  ],
  'fn test': [
    { argv: () => ['fn', 'test', '--only', 'everything'], exit: 2, code: 'BAN-E001' },
    { argv: () => ['fn', 'test', 'nobody'], exit: 2, code: 'BAN-E002' },
  ],
  'fn deploy': [{ argv: () => ['fn', 'deploy', '--gateway', nowhere], exit: 1, code: 'BAN-E401' }],
  'fn list': [
    { argv: (gateway) => ['fn', 'list', ...at(gateway)], exit: 0 },
    { argv: () => ['fn', 'list', '--gateway', nowhere], exit: 1, code: 'BAN-E401' },
  ],
  'fn describe': [
    { argv: (gateway) => ['fn', 'describe', 'hello', ...at(gateway)], exit: 0 },
    { argv: (gateway) => ['fn', 'describe', 'nobody', ...at(gateway)], exit: 1, code: 'BAN-E404' },
  ],
  'fn invoke': [
    { argv: (gateway) => ['fn', 'invoke', 'hello', ...at(gateway)], exit: 0 },
    { argv: (gateway) => ['fn', 'invoke', 'hello', '--path', 'broken', ...at(gateway)], exit: 1 },
    { argv: () => ['fn', 'invoke', 'hello', '--gateway', nowhere], exit: 1, code: 'BAN-E401' },
  ],
  'fn logs': [
    { argv: (gateway) => ['fn', 'logs', 'hello', ...at(gateway)], exit: 0 },
    { argv: (gateway) => ['fn', 'logs', '--since', 'yesterday', ...at(gateway)], exit: 2, code: 'BAN-E001' },
  ],
  'fn scale': [
    { argv: (gateway) => ['fn', 'scale', 'hello', '2', ...at(gateway)], exit: 0 },
    { argv: (gateway) => ['fn', 'scale', 'hello', 'many', ...at(gateway)], exit: 2, code: 'BAN-E001' },
  ],
  'fn remove': [{ argv: (gateway) => ['fn', 'remove', 'nobody', ...at(gateway)], exit: 1 }],
  'secret create': [
    { argv: (gateway) => ['secret', 'create', 'token', ...at(gateway)], exit: 0, input: 'value' },
    { argv: () => ['secret', 'create', 'API_TOKEN'], exit: 2, code: 'BAN-E604' },
  ],
  'secret list': [
    { argv: (gateway) => ['secret', 'list', ...at(gateway)], exit: 0 },
    { argv: () => ['secret', 'list', '--gateway', nowhere], exit: 1, code: 'BAN-E401' },
  ],
  'secret update': [
    { argv: (gateway) => ['secret', 'update', 'token', ...at(gateway)], exit: 0, input: 'another' },
    { argv: (gateway) => ['secret', 'update', 'nobody', ...at(gateway)], exit: 1, code: 'BAN-E606', input: 'value' },
  ],
  'secret remove': [
    { argv: (gateway) => ['secret', 'remove', 'token', ...at(gateway)], exit: 0 },
    { argv: (gateway) => ['secret', 'remove', 'nobody', ...at(gateway)], exit: 1 },
  ],
  'secret apply': [
    { argv: (gateway) => ['secret', 'apply', '--folder', 'hello', 'handler', ...at(gateway)], exit: 2 },
    { argv: (gateway) => ['secret', 'apply', ...at(gateway)], exit: 1, code: 'BAN-E003' },
  ],
  'image check': [
    { argv: () => ['image', 'check', '127.0.0.1:1/hello', '--node', 'pi5'], exit: 1 },
    { argv: () => ['image', 'check', 'hello', '--node', 'pi6'], exit: 2, code: 'BAN-E001' },
  ],
  'image inspect': [{ argv: () => ['image', 'inspect', '127.0.0.1:1/hello'], exit: 1, code: 'BAN-E301' }],
  'template list': [
    { argv: () => ['template', 'list'], exit: 0 },
    { argv: () => ['template', 'list', '-f', 'nowhere.yml'], exit: 2, code: 'BAN-E101' },
  ],
  'template pull': [
    { argv: () => ['template', 'pull'], exit: 0 },
    { argv: () => ['template', 'pull', 'nobody'], exit: 2 },
    { argv: () => ['template', 'pull', 'ext::sh'], exit: 2, code: 'BAN-E113' },
  ],
  'template verify': [
    { argv: () => ['template', 'verify'], exit: 0 },
    { argv: () => ['template', 'verify', '-f', 'nowhere.yml'], exit: 2, code: 'BAN-E101' },
  ],
  'local up': [
    {
      argv: () => ['local', 'up', '--port', '0', '--provider', 'docker'],
      exit: 1,
      code: 'BAN-E202',
      environment: { DOCKER_HOST: 'unix:///nowhere/docker.sock' },
    },
  ],
  'local status': [{ argv: () => ['local', 'status'], exit: 1, code: 'BAN-E627' }],
  'local down': [{ argv: () => ['local', 'down'], exit: 0 }],
  login: [
    { argv: ({ url }) => ['login', '--gateway', url, '--password-stdin'], exit: 0, input: 'not-a-secret\n' },
    { argv: ({ url }) => ['login', '--gateway', url, '--password-stdin'], exit: 4, code: 'BAN-E402', input: 'wrong\n' },
  ],
  logout: [
    { argv: ({ url }) => ['logout', '--gateway', url], exit: 0 },
    { argv: () => ['logout', '--gateway', 'ftp://pi'], exit: 2, code: 'BAN-E406' },
  ],
  doctor: [{ argv: () => ['doctor', '--gateway', nowhere], exit: 1 }],
  completion: [
    { argv: () => ['completion', 'bash'], exit: 0 },
    { argv: () => ['completion', 'dosh'], exit: 2, code: 'BAN-E001' },
  ],
};

const documentSchema = v.looseObject({
  ok: v.boolean(),
  error: v.optional(v.object({ code: v.string(), message: v.string(), hint: v.optional(v.string()) })),
});

describe('--json', function () {
  this.timeout(60_000);
  let gateway: GatewayInMemory;
  let project: Project;

  before(async () => {
    gateway = await startGatewayInMemory();
    project = await makeProject();
  });
  after(async () => {
    await project?.[Symbol.asyncDispose]();
    await gateway?.[Symbol.asyncDispose]();
  });

  it('is tested for every command', () => {
    assert.deepEqual(
      Object.keys(cases),
      commands.map(({ path }) => path.join(' ')),
    );
  });

  for (const [name, each] of Object.entries(cases)) {
    for (const { argv, exit, code, input, environment } of each) {
      it(`gives one document when ${name} ${exit === 0 ? 'succeeds' : `fails${code === undefined ? '' : ` with ${code}`}`}`, async () => {
        const { exitCode, stdout, stderr } = await project.run([...argv(gateway), '--json'], {
          ...(input === undefined ? {} : { input }),
          ...(environment === undefined ? {} : { environment }),
        });
        assert.equal(exitCode, exit, `${stdout}${stderr}`);
        const document = v.parse(documentSchema, JSON.parse(stdout));
        assert.equal(document.ok, exit === 0);
        assert.equal(document.error?.code, code);
        assert.equal(stderr, '', 'the story is not told');
      });
    }
  }

  it('gives one document for wrong usage, too', async () => {
    for (const argv of [
      ['fn', 'lost'],
      ['fn', 'list', '--colour'],
      ['fn', 'deploy', '--timeout', 'long'],
      ['fn'],
      [],
    ]) {
      const { exitCode, stdout } = await project.run([...argv, '--json']);
      assert.equal(exitCode, 2, argv.join(' '));
      assert.equal(v.parse(documentSchema, JSON.parse(stdout)).error?.code, 'BAN-E001', argv.join(' '));
    }
  });

  it('carries the answer of a function, as base64 if it is no text', async () => {
    const text = await project.run(['fn', 'invoke', 'hello', ...at(gateway), '--json']);
    assert.equal((JSON.parse(text.stdout) as { output: string }).output, 'pong');
    const bytes = await project.run(['fn', 'invoke', 'hello', '--path', '/bytes', ...at(gateway), '--json']);
    assert.equal((JSON.parse(bytes.stdout) as { outputBase64: string }).outputBase64, '/wD+');
  });

  it('gives each line of a followed log as it comes, on a line of its own, and at Ctrl-C how it ended', async () => {
    // The log breaks off after its two lines; that it is asked for again proves that they arrived.
    const { provider } = gateway;
    const original = provider.logs;
    const reopened = new Promise<void>((resolve) => {
      let queries = 0;
      provider.logs = async function* (_query, signal) {
        queries += 1;
        if (queries === 1) yield* provider.lines;
        else {
          resolve();
          if (!signal.aborted) await once(signal, 'abort');
        }
      };
    });
    const following = execa(
      process.execPath,
      [join(root, 'dist/main.js'), 'fn', 'logs', 'hello', '--follow', '--json', ...at(gateway)],
      {
        cwd: project.path,
        env: { HOME: project.path },
        reject: false,
      },
    );
    let early = '';
    const arrived = new Promise<void>((resolve) => {
      following.stdout.on('data', (bytes: Buffer) => {
        early += bytes.toString();
        if (early.split('\n').length > 2) resolve();
      });
    });
    await Promise.race([Promise.all([reopened, arrived]), following]);
    following.kill('SIGINT');
    const { exitCode, stdout } = await following;
    provider.logs = original;
    assert.equal(exitCode, 130);
    const lines = stdout.trim().split('\n');
    const end = JSON.parse(lines.pop() ?? '');
    assert.deepEqual(
      lines.map((line) => v.parse(v.object({ name: v.string(), text: v.string() }), JSON.parse(line)).text.trim()),
      ['line 1', 'line 2'],
    );
    assert.deepEqual(end, { ok: false, error: { code: 'BAN-INTERRUPTED', message: 'interrupted' } });
  });

  it('fails on one line when a log that is to be followed cannot be', async () => {
    const { exitCode, stdout } = await project.run(['fn', 'logs', 'hello', '--follow', '--json', '--gateway', nowhere]);
    assert.equal(exitCode, 1);
    assert.equal(stdout.trim().split('\n').length, 1);
    assert.equal(v.parse(documentSchema, JSON.parse(stdout)).error?.code, 'BAN-E401');
  });

  it('gives the address of a local gateway as soon as it is up, and nothing more at Ctrl-C', async () => {
    const local = await startBantam(['local', 'up', '--port', '0', '--json'], {
      folder: project.path,
      ready: /\n}\n$/,
    });
    const { url } = v.parse(
      v.object({ ok: v.literal(true), url: v.string(), username: v.literal('admin'), state: v.string() }),
      JSON.parse(local.output()),
    );
    assert.equal((await fetch(`${url}/healthz`)).status, 200);
    assert.equal(await local.stop(), 130);
    assert.ok(JSON.parse(local.output()));
  });
});
