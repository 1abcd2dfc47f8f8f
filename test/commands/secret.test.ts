import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canary } from '../canary.ts';
import { type ScriptedGateway, startScriptedGateway } from '../openfaas/scripted-gateway.ts';
import { type GatewayInMemory, startGatewayInMemory } from './gateway-in-memory.ts';
import { type InProcess, runInProcess } from './in-process.ts';

interface Document {
  readonly ok: boolean;
  readonly error?: { readonly code: string; readonly message: string; readonly hint?: string };
  readonly secrets?: readonly {
    readonly name: string;
    readonly action?: string;
    readonly state?: string;
    readonly trimmed?: boolean;
    readonly functions: { readonly deployed: readonly string[] | null; readonly declared: readonly string[] };
    readonly failure?: { readonly code: string; readonly message: string };
  }[];
}

describe('bantam secret', () => {
  let gateway: GatewayInMemory;
  let folder: string;

  beforeEach(async () => {
    gateway = await startGatewayInMemory();
    folder = await mkdtemp(join(tmpdir(), 'bantam-secret-'));
  });
  afterEach(async () => {
    await gateway[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  /** Runs a command against the gateway, as text and as JSON; no output of any run holds the canary. */
  const run = async (argv: readonly string[], options: Partial<InProcess> = {}, globals: readonly string[] = []) => {
    const ran = await runInProcess([...globals, '--gateway', gateway.loggedIn, 'secret', ...argv], {
      folder,
      ...options,
    });
    assert.ok(!`${ran.stdout}${ran.stderr}`.includes(canary), 'a value was printed');
    assert.ok(!`${ran.stdout}${ran.stderr}`.includes(Buffer.from(canary).toString('base64')), 'a value was printed');
    return ran;
  };
  const json = async (argv: readonly string[], options: Partial<InProcess> = {}) => {
    const { stdout, exitCode } = await run(argv, options, ['--json']);
    return { exitCode, ...(JSON.parse(stdout) as Document) };
  };
  const value = async (name: string): Promise<string> => (await gateway.secret(name)).toString('latin1');

  it('repeats no value in what is wrong with a command line', async () => {
    for (const [argv, message] of [
      [['create', 'token', `--form-literal=${canary}`], "unknown option '--form-literal'"],
      [['create', 'token', `--form-literal=two\nlines of 'it' ${canary}`], "unknown option '--form-literal'"],
      [['create', `-p${canary}`, 'token'], "unknown option '-p…'"],
      [['create', 'token', canary], "too many arguments for 'create'. Expected 1 argument but got 2."],
      [['apply', `--no-trim=${canary}`], "unknown option '--no-trim'"],
    ] as const) {
      const { exitCode, error } = await json(argv);
      assert.deepEqual([exitCode, error?.code, error?.message], [2, 'BAN-E001', message]);
      await run(argv);
    }
  });

  describe('create', () => {
    it('takes the value from standard input, a file, "-" or a variable', async () => {
      await writeFile(join(folder, 'token.txt'), `${canary}\n`);
      const ways: readonly (readonly [readonly string[], Partial<InProcess>])[] = [
        [[], { input: `${canary}\n` }],
        [['--from-file', 'token.txt'], {}],
        [['--from-file', join(folder, 'token.txt')], {}],
        [['--from-file', '-'], { input: ` ${canary} \r\n` }],
        [['--from-env', 'TOKEN'], { environment: { TOKEN: canary } }],
      ];
      for (const [index, [argv, options]] of ways.entries()) {
        const { exitCode, secrets } = await json(['create', `way-${index}`, ...argv], options);
        assert.equal(exitCode, 0);
        assert.deepEqual(
          secrets?.map(({ name, action }) => [name, action]),
          [[`way-${index}`, 'created']],
        );
        assert.equal(await value(`way-${index}`), canary, argv.join(' '));
      }
    });

    it('refuses a value on the command line, and shows how to pipe it', async () => {
      for (const argv of [
        ['create', 'token', '--from-literal', canary],
        ['create', 'token', `--from-literal=${canary}`],
        ['update', 'token', `--from-literal=${canary}`],
      ]) {
        const { exitCode, error } = await json(argv);
        assert.deepEqual([exitCode, error?.code], [2, 'BAN-E001']);
        assert.match(error?.hint ?? '', /printf %s "\$VALUE" \| bantam secret (create|update) token.*--from-file/);
      }
      const positional = await json(['create', `token=${canary}`]);
      assert.deepEqual([positional.exitCode, positional.error?.code], [2, 'BAN-E604']);
      assert.equal((await run(['create', 'token', canary])).exitCode, 2);
      const asVariable = await json(['create', 'token', '--from-env', canary]);
      assert.deepEqual([asVariable.exitCode, asVariable.error?.code], [2, 'BAN-E609']);
    });

    it('cuts white space around one line only; --no-trim keeps all', async () => {
      const key = `-----BEGIN KEY-----\n${canary}\n-----END KEY-----\n`;
      for (const [input, argv, expected, trimmed] of [
        [`\t${canary} x\n\n`, [], `${canary} x`, true],
        [`${canary}\n`, ['--no-trim'], `${canary}\n`, false],
        [key, [], key, false],
        [canary, [], canary, false],
        [' ', ['--no-trim'], ' ', false],
      ] as const) {
        const { secrets, exitCode } = await json(['create', 'trimmed', '--replace', ...argv], { input });
        assert.equal(exitCode, 0);
        assert.equal(await value('trimmed'), expected);
        assert.equal(secrets?.[0]?.trimmed, trimmed, JSON.stringify(input));
      }
      assert.match((await run(['create', 'told'], { input: `${canary}\n` })).stderr, /--no-trim keeps it/);
    });

    it('keeps bytes that are no text, and a byte order mark', async () => {
      const bytes = Buffer.from([0xff, 0x00, 0x0a, 0x20, 0x0a]);
      assert.equal((await json(['create', 'bytes'], { input: bytes })).exitCode, 0);
      assert.deepEqual(await gateway.secret('bytes'), bytes);
      const marked = Buffer.from('\ufeffone\ntwo', 'utf8');
      assert.equal((await json(['create', 'marked'], { input: marked })).exitCode, 0);
      assert.deepEqual(await gateway.secret('marked'), marked);
    });

    it('refuses what is no value', async () => {
      await writeFile(join(folder, 'large'), Buffer.alloc((1 << 20) + 1, 'x'));
      await writeFile(join(folder, 'largest'), Buffer.alloc(1 << 20, 'x'));
      for (const [argv, input, code] of [
        [[], '', 'BAN-E609'],
        [[], ' \n', 'BAN-E609'],
        [['--from-file', 'large'], '', 'BAN-E609'],
        [['--from-file', '/dev/zero'], '', 'BAN-E609'],
        [['--from-file', 'absent'], '', 'BAN-E003'],
        [['--from-file', '.'], '', 'BAN-E003'],
        [['--from-file', 'large', '--from-env', 'HOME'], '', 'BAN-E001'],
      ] as const) {
        const { error, exitCode } = await json(['create', 'none', ...argv], { input });
        assert.deepEqual([error?.code, exitCode], [code, code === 'BAN-E003' ? 1 : 2], argv.join(' '));
      }
      assert.equal((await json(['create', 'most', '--from-file', 'largest'])).exitCode, 0);
    });

    it('refuses names that Kubernetes refuses, and proposes one', async () => {
      for (const name of ['API_TOKEN', '../x', 'a..b', '-', 'grüße', 'x'.repeat(254), '.hidden']) {
        const { error, exitCode } = await json(['create', '--', name], { input: canary });
        assert.deepEqual([exitCode, error?.code], [2, 'BAN-E604'], name);
      }
      assert.match((await json(['create', 'API_TOKEN'], { input: canary })).error?.hint ?? '', /: api-token$/);
    });

    it('does not write over a secret that is there, unless told to', async () => {
      await json(['create', 'token'], { input: 'first' });
      const again = await json(['create', 'token'], { input: canary });
      assert.deepEqual([again.exitCode, again.error?.code, await value('token')], [1, 'BAN-E605', 'first']);
      const replaced = await json(['create', 'token', '--replace'], { input: canary });
      assert.deepEqual(
        [replaced.exitCode, replaced.secrets?.[0]?.action, await value('token')],
        [0, 'updated', canary],
      );
    });

    it('says which declared functions can be deployed now', async () => {
      await declare({ hello: ['token'], other: [] });
      const { stdout, exitCode } = await run(['create', 'token'], { input: canary });
      assert.equal(exitCode, 0);
      assert.match(stdout, /^token\tcreated\ndeclared by hello\n {4}next: bantam fn deploy hello\n$/);
    });
  });

  describe('update', () => {
    it('names the functions to start anew: deployed, declared, and of elsewhere', async () => {
      await json(['create', 'token'], { input: 'first' });
      await declare({ hello: ['token'], waiting: ['token'], other: [] });
      await gateway.deploy('hello', ['token']);
      await gateway.deploy('foreign', ['token']);
      const { stdout, exitCode } = await run(['update', 'token'], { input: `${canary}\n` });
      assert.deepEqual([exitCode, await value('token')], [0, canary]);
      assert.equal(
        stdout,
        [
          'token\tupdated',
          'used by foreign, hello: what reads it at its start keeps the old value until it starts anew',
          '    next: bantam fn deploy hello --no-build --again',
          '    not of this stack file, so redeploy from where they come: foreign',
          'declared by waiting',
          '    next: bantam fn deploy waiting',
          '',
        ].join('\n'),
      );
      const { secrets } = await json(['update', 'token'], { input: canary });
      assert.deepEqual(secrets?.[0]?.functions, { deployed: ['foreign', 'hello'], declared: ['hello', 'waiting'] });
    });

    it('fails for a secret that is not there', async () => {
      const { exitCode, error } = await json(['update', 'nobody'], { input: canary });
      assert.deepEqual([exitCode, error?.code], [1, 'BAN-E606']);
    });
  });

  describe('list', () => {
    it('shows who uses what, and what is missing', async () => {
      await json(['create', 'token'], { input: canary });
      await json(['create', 'unused'], { input: canary });
      await declare({ hello: ['token', 'absent'] });
      await gateway.deploy('hello', ['token']);
      const { stdout, stderr, exitCode } = await run(['list']);
      assert.equal(exitCode, 0);
      assert.equal(stdout, 'absent\tmissing\t\thello\ntoken\tpresent\thello\thello\nunused\tpresent\t\t\n');
      assert.match(stderr, /warning {2}the gateway lists no absent\n {9}next: bantam secret create absent\n/);
      const { secrets } = await json(['list']);
      assert.deepEqual(
        secrets?.map(({ name, state }) => [name, state]),
        [
          ['absent', 'missing'],
          ['token', 'present'],
          ['unused', 'present'],
        ],
      );
    });

    it('lists nothing in a pipe when there is none', async () => {
      assert.equal((await run(['list'])).stdout, '');
    });

    it('refuses another namespace as the gateway does', async () => {
      const { exitCode, error } = await json(['list', '--namespace', 'elsewhere']);
      assert.deepEqual([exitCode, error?.code], [1, 'BAN-E405']);
    });
  });

  describe('remove', () => {
    it('removes what nobody uses, and keeps what a function uses unless told', async () => {
      for (const name of ['token', 'unused']) await json(['create', name], { input: canary });
      await declare({ hello: ['token', 'unused'] });
      await gateway.deploy('hello', ['token']);
      const first = await json(['remove', 'token', 'unused', 'nobody', 'token']);
      assert.equal(first.exitCode, 1);
      assert.deepEqual(
        first.secrets?.map(({ name, action, failure }) => [name, action ?? failure?.code]),
        [
          ['token', 'BAN-E608'],
          ['unused', 'removed'],
          ['nobody', 'BAN-E606'],
        ],
      );
      const { exitCode, stdout, stderr } = await run(['remove', 'token', '--yes']);
      assert.deepEqual([exitCode, stdout], [0, 'token\tremoved\n']);
      assert.match(stderr, /used by hello: the next replica will not start/);
      assert.match(stderr, /declared by hello in the stack file/);
      assert.deepEqual(
        (await json(['list'])).secrets?.map(({ state }) => state),
        ['missing', 'missing'],
      );
    });
  });

  describe('apply', () => {
    const put = async (name: string, content: string | Uint8Array, where = '.secrets'): Promise<void> => {
      await mkdir(join(folder, where), { recursive: true });
      await writeFile(join(folder, where, name), content);
    };

    it('makes each file of .secrets a secret, or its new value', async () => {
      await declare({ hello: ['token', 'key'] });
      await put('token', `${canary}\n`);
      await put('key', Buffer.from([0, 255]));
      await put('.gitignore', '*\n');
      await mkdir(join(folder, '.secrets', 'folder'));
      const first = await run(['apply']);
      assert.equal(first.exitCode, 0, first.stderr);
      assert.equal(first.stdout, 'key\tcreated\ntoken\tcreated\ndeclared by hello\n    next: bantam fn deploy hello\n');
      assert.match(first.stderr, /folder is a folder and was passed over/);
      assert.deepEqual([await value('token'), await value('key')], [canary, '\0\xff']);
      await gateway.deploy('hello', ['token']);
      await put('token', canary.toUpperCase());
      const second = await run(['apply']);
      assert.match(
        second.stdout,
        /token\tupdated\nused by hello: .*\n {4}next: bantam fn deploy hello --no-build --again\n/,
      );
      assert.equal(await value('token'), canary.toUpperCase());
    });

    it('goes on after a bad file, names each, and fails', async () => {
      await put('good', canary);
      await put('empty', '');
      await put('Wrong_Name', canary);
      await put('unreadable', canary);
      await chmod(join(folder, '.secrets', 'unreadable'), 0);
      await symlink('good', join(folder, '.secrets', 'inside'));
      await writeFile(join(folder, 'outside'), canary);
      await symlink('../outside', join(folder, '.secrets', 'leads-out'));
      await symlink('nowhere', join(folder, '.secrets', 'leads-nowhere'));
      await symlink('/dev/zero', join(folder, '.secrets', 'endless'));
      const { exitCode, secrets } = await json(['apply']);
      assert.equal(exitCode, 2);
      const readable = process.getuid?.() === 0 ? 'created' : 'BAN-E003';
      assert.deepEqual(
        secrets?.map(({ name, action, failure }) => [name, action ?? failure?.code]),
        [
          ['Wrong_Name', 'BAN-E604'],
          ['empty', 'BAN-E609'],
          ['endless', 'BAN-E003'],
          ['good', 'created'],
          ['inside', 'created'],
          ['leads-nowhere', 'BAN-E003'],
          ['leads-out', 'BAN-E003'],
          ['unreadable', readable],
        ],
      );
    });

    it('takes names and another folder', async () => {
      await put('one', canary, 'production');
      await put('two', canary, 'production');
      const { exitCode, secrets } = await json(['apply', 'two', 'three', '--folder', 'production']);
      assert.equal(exitCode, 2);
      assert.deepEqual(
        secrets?.map(({ name, action, failure }) => [name, action ?? failure?.code]),
        [
          ['two', 'created'],
          ['three', 'BAN-E002'],
        ],
      );
    });

    it('fails without a folder, and is content with an empty one', async () => {
      const { exitCode, error } = await json(['apply']);
      assert.deepEqual([exitCode, error?.code], [1, 'BAN-E003']);
      assert.match(error?.hint ?? '', /mkdir -m 700 \.secrets/);
      await mkdir(join(folder, '.secrets'));
      const { stdout, exitCode: content } = await run(['apply']);
      assert.deepEqual([content, stdout], [0, `no secrets in ${join(folder, '.secrets')}\n`]);
    });

    it('looks beside the stack file, from a folder below, too', async () => {
      await declare({ hello: ['token'] });
      await put('token', canary);
      await mkdir(join(folder, 'hello', 'deep'), { recursive: true });
      const { exitCode } = await json(['apply'], { folder: join(folder, 'hello', 'deep'), home: folder });
      assert.deepEqual([exitCode, await value('token')], [0, canary]);
    });
  });

  it('exits 4 where the gateway refuses the credentials: create, list, update, remove, apply', async () => {
    await mkdir(join(folder, '.secrets'));
    for (const argv of [['create', 'x'], ['list'], ['update', 'x'], ['remove', 'x'], ['apply']]) {
      const wrong = `http://admin:wrong@${gateway.url.slice('http://'.length)}`;
      const { exitCode, stdout } = await runInProcess(['secret', ...argv, '--json', '--gateway', wrong], {
        folder,
        input: canary,
      });
      assert.deepEqual([exitCode, (JSON.parse(stdout) as Document).error?.code], [4, 'BAN-E402'], argv.join(' '));
    }
  });

  it('writes no file', async () => {
    await json(['create', 'token'], { input: canary });
    await json(['update', 'token'], { input: canary });
    await assert.rejects(readFile(join(folder, '.openfaas', 'config.yml')), { code: 'ENOENT' });
  });

  async function declare(functions: Readonly<Record<string, readonly string[]>>): Promise<void> {
    const text = Object.entries(functions).map(
      ([name, secrets]) =>
        `  ${name}:\n    lang: bantam-ts\n    handler: ./${name}\n    image: registry.lan:5000/${name}:1\n` +
        (secrets.length === 0 ? '' : `    secrets: [${secrets.join(', ')}]\n`),
    );
    await writeFile(
      join(folder, 'stack.yml'),
      `version: 1.0\nprovider:\n  name: openfaas\nfunctions:\n${text.join('')}`,
    );
  }
});

describe('bantam secret on gateways of others', () => {
  let far: ScriptedGateway;
  let folder: string;
  beforeEach(async () => {
    far = await startScriptedGateway();
    folder = await mkdtemp(join(tmpdir(), 'bantam-secret-'));
  });
  afterEach(async () => {
    await far.close();
    await rm(folder, { recursive: true, force: true });
  });

  const faasd = { provider: { provider: 'faasd-ce', orchestration: 'containerd' } };
  const netes = { provider: { provider: 'faas-netes-ce', orchestration: 'kubernetes' } };
  const meets = (info: unknown, listed: readonly string[], query = ''): ScriptedGateway =>
    far
      .expect('GET /system/info', { status: 200, body: JSON.stringify(info) })
      .expect(`GET /system/secrets${query}`, { status: 200, body: JSON.stringify(listed.map((name) => ({ name }))) });
  const json = async (argv: readonly string[], input: string | Uint8Array = canary) => {
    const { stdout, stderr, exitCode } = await runInProcess(
      ['secret', ...argv, '--json', '--gateway', far.url.replace('//', '//admin:x@')],
      { folder, input },
    );
    assert.ok(!`${stdout}${stderr}`.includes(canary), `${stdout}${stderr}`);
    return { exitCode, ...(JSON.parse(stdout) as Document) };
  };

  it('sends faasd nothing for a name that is there, and nothing new as an update: it would write either way', async () => {
    meets(faasd, ['token']);
    assert.deepEqual([(await json(['create', 'token'])).error?.code, far.seen.length], ['BAN-E605', 2]);
    meets(faasd, []);
    assert.deepEqual([(await json(['update', 'token'])).error?.code, far.seen.length], ['BAN-E606', 4]);
  });

  it('lets faas-netes decide about a secret that it does not list', async () => {
    meets(netes, [])
      .expect('PUT /system/secrets', { status: 202 })
      .expect('GET /system/functions', { status: 200, body: '[]' });
    assert.equal((await json(['update', 'made-with-kubectl'])).exitCode, 0);
    meets(netes, []).expect('PUT /system/secrets', { status: 404 });
    assert.equal((await json(['update', 'absent'])).error?.code, 'BAN-E606');
    meets(netes, []).expect('POST /system/secrets', { status: 409 });
    assert.equal((await json(['create', 'made-with-kubectl'])).error?.code, 'BAN-E605');
    meets(netes, [])
      .expect('POST /system/secrets', { status: 409 })
      .expect('PUT /system/secrets', { status: 202 })
      .expect('GET /system/functions', { status: 200, body: '[]' });
    assert.equal((await json(['create', 'made-with-kubectl', '--replace'])).secrets?.[0]?.action, 'updated');
  });

  it('calls a secret "not listed" where kubectl may have made it', async () => {
    meets(netes, []).expect('GET /system/functions', {
      status: 200,
      body: '[{"name":"hello","secrets":["made-with-kubectl"]}]',
    });
    assert.equal((await json(['list'])).secrets?.[0]?.state, 'not listed');
  });

  it('sends text as value, bytes as rawValue, and the namespace in query and body', async () => {
    const query = '?namespace=dev';
    for (const [input, member] of [
      [canary, { value: canary }],
      [Buffer.from([0xff]), { rawValue: '/w==' }],
    ] as const) {
      meets(faasd, [], query)
        .expect(`POST /system/secrets${query}`, { status: 200 })
        .expect(`GET /system/functions${query}`, { status: 200, body: 'null' });
      await json(['create', 'token', '--namespace', 'dev'], input);
      assert.deepEqual(JSON.parse(far.seen.at(-2)?.body ?? ''), { name: 'token', namespace: 'dev', ...member });
    }
    far
      .expect('GET /system/info', { status: 200, body: JSON.stringify(faasd) })
      .expect(`GET /system/functions${query}`, { status: 200, body: '[]' })
      .expect(`DELETE /system/secrets${query}`, {
        status: 500,
        body: 'remove /var/lib/faasd/secrets/dev/token: no such file or directory\n',
      });
    const { secrets } = await json(['remove', 'token', '-n', 'dev']);
    assert.equal(secrets?.[0]?.failure?.code, 'BAN-E606');
    assert.deepEqual(JSON.parse(far.seen.at(-1)?.body ?? ''), { name: 'token', namespace: 'dev' });
  });

  it('does not repeat a value that the gateway repeats, whatever its answer', async () => {
    for (const [status, headers, code] of [
      [500, {}, 'BAN-E607'],
      [400, {}, 'BAN-E607'],
      [401, {}, 'BAN-E402'],
      [302, { location: `http://elsewhere.test/${canary}` }, 'BAN-E403'],
      [200, { 'content-type': 'text/html' }, 'BAN-E403'],
    ] as const) {
      meets(netes, []).expect('POST /system/secrets', (_request, response, body) => {
        response.writeHead(status, headers).end(`<b>cannot store ${body} (${Buffer.from(canary).toString('base64')})`);
      });
      const { error, exitCode } = await json(['create', 'token']);
      assert.equal(error?.code, code);
      assert.equal(exitCode, code === 'BAN-E402' ? 4 : 1);
      assert.ok(!JSON.stringify(error).includes(Buffer.from(canary).toString('base64')), JSON.stringify(error));
    }
  });

  it('does not repeat the login that the gateway repeats', async () => {
    for (const [status, code] of [
      [500, 'BAN-E405'],
      [401, 'BAN-E402'],
      [200, 'BAN-E403'],
    ] as const) {
      const url = far.url.replace('//', `//admin:${canary}@`);
      far.expect('GET /system/info', (request, response) => {
        const { authorization = '' } = request.headers;
        const told = Buffer.from(authorization.replace('Basic ', ''), 'base64').toString();
        assert.equal(told, `admin:${canary}`);
        response.writeHead(status).end(`nobody gets in with ${authorization}, which is ${told}`);
      });
      const { stdout } = await runInProcess(['--json', '--gateway', url, 'secret', 'list'], { folder });
      const { error } = JSON.parse(stdout) as Document;
      assert.equal(error?.code, code);
      assert.match(error?.message ?? '', /nobody gets in with Basic …, which is admin:…/);
    }
  });

  it('does not know who uses a secret when functions cannot be listed, and then keeps it', async () => {
    far
      .expect('GET /system/info', { status: 200, body: JSON.stringify(netes) })
      .expect('GET /system/functions', { status: 500, body: 'no prometheus' });
    const { secrets, exitCode } = await json(['remove', 'token']);
    assert.deepEqual([exitCode, secrets?.[0]?.failure?.code, secrets?.[0]?.functions.deployed], [1, 'BAN-E608', null]);
    meets(netes, ['token'])
      .expect('PUT /system/secrets', { status: 202 })
      .expect('GET /system/functions', { status: 500, body: 'no prometheus' });
    const updated = await json(['update', 'token']);
    assert.deepEqual([updated.exitCode, updated.secrets?.[0]?.functions.deployed], [0, null]);
  });

  it('ends at Ctrl-C while a pipe gives nothing', async () => {
    meets(netes, []);
    const controller = new AbortController();
    const neverEnds = new ReadableStream<Uint8Array>({ start: () => setTimeout(() => controller.abort(), 50) });
    const { exitCode } = await runInProcess(
      ['secret', 'create', 'token', '--gateway', far.url.replace('//', '//admin:x@')],
      { folder, input: neverEnds, signal: controller.signal },
    );
    assert.equal(exitCode, 130);
  });
});
