import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { openContext } from '../../cli/context.ts';
import { writeInstance } from '../../cli/local/state/instance-file.ts';
import { bantam, type Run, temporaryFolder } from '../e2e/program.ts';

/** A gateway that writes down who asked what, with which credentials, and knows one scheduled function in each namespace. */
interface RecordingGateway extends AsyncDisposable {
  readonly url: string;
  /** `GET /system/functions?namespace=dev admin:secret`, in order. */
  readonly asked: string[];
}

async function startRecordingGateway(refusedNamespace?: string): Promise<RecordingGateway> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    request.resume();
    const token = request.headers.authorization?.replace(/^Basic /, '') ?? '';
    asked.push(`${request.method} ${request.url} ${Buffer.from(token, 'base64').toString()}`.trim());
    const url = new URL(request.url ?? '/', 'http://gateway');
    const namespace = url.searchParams.get('namespace') ?? 'openfaas-fn';
    const status = (name: string): unknown => ({
      name,
      namespace,
      image: `there/${name}:1`,
      replicas: 1,
      availableReplicas: 1,
      invocationCount: 0,
      annotations: { topic: 'cron-function', schedule: '0 3 * * *' },
    });
    const answer = (code: number, body: unknown): void => {
      response.writeHead(code, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    };
    if (namespace === refusedNamespace) answer(400, { error: `namespace ${namespace} is not there` });
    else if (url.pathname === '/system/info')
      answer(200, { provider: { provider: 'faas-netes', orchestration: 'kubernetes', version: {} }, arch: 'x86_64' });
    else if (url.pathname === '/system/functions' && request.method === 'GET') answer(200, [status(`in-${namespace}`)]);
    else if (url.pathname.startsWith('/system/function/'))
      answer(url.pathname.endsWith('/gone') ? 404 : 200, status(url.pathname.split('/').at(-1) ?? ''));
    else if (url.pathname.startsWith('/system/scale-function/')) answer(202, {});
    else if (url.pathname === '/system/logs') response.end();
    else if (url.pathname === '/system/secrets' && request.method === 'GET') answer(200, []);
    else answer(200, {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe('targets on the command line', function () {
  this.timeout(60_000);
  let folder: AsyncDisposable & { readonly path: string };
  let pi: RecordingGateway;
  let cloud: RecordingGateway;
  beforeEach(async () => {
    [folder, pi, cloud] = await Promise.all([temporaryFolder(), startRecordingGateway(), startRecordingGateway()]);
    await mkdir(join(folder.path, 'hello'));
    await writeFile(
      join(folder.path, 'stack.yml'),
      `provider: {name: openfaas, gateway: "${cloud.url}"}
functions:
  hello:
    lang: bantam-ts
    handler: ./hello
    image: ghcr.io/me/hello:1
    namespace: own
    annotations: {topic: cron-function, schedule: "@daily"}
  gone: {skip_build: true, image: "store/gone:2"}
x-bantam:
  targets:
    pi: {gateway: "${pi.url}", registry: "pi-0.lan:5000/team", namespace: staging, platforms: linux/arm/v7}
    my-cloud: {gateway: "${cloud.url}"}
`,
    );
  });
  afterEach(async () => {
    await Promise.all([folder, pi, cloud].map((each) => each?.[Symbol.asyncDispose]()));
  });

  const run = (argv: readonly string[], environment: Record<string, string> = {}): Promise<Run> =>
    bantam(argv, {
      folder: folder.path,
      environment: { HOME: folder.path, OPENFAAS_URL: undefined, BANTAM_TARGET: undefined, ...environment },
    });

  it('list: gateway, registry and namespace are the target’s, and the story says so', async () => {
    const { exitCode, stdout, stderr } = await run(['list', '-t', 'pi'], { BANTAM_GATEWAY_PASSWORD: 'p' });
    assert.equal(exitCode, 0, stderr);
    assert.match(stderr, new RegExp(`^→ .* at ${pi.url} \\(target pi\\)\n$`));
    assert.equal(
      stdout,
      'gone\tnot deployed\t\t0\tstore/gone:2\t\nhello\tnot deployed\t\t0\tpi-0.lan:5000/team/hello:1\t@daily\nin-staging\tdeployed, not in the stack file\t\t1\tthere/in-staging:1\t0 3 * * *\n',
    );
    assert.deepEqual(cloud.asked, [], 'nobody else was asked');
    assert.ok(pi.asked.includes('GET /system/functions?namespace=staging admin:p'));
  });

  it('BANTAM_TARGET does the same, -t comes before it, and -n before the target’s namespace', async () => {
    await run(['list'], { BANTAM_TARGET: 'pi' });
    assert.ok(pi.asked.includes('GET /system/functions?namespace=staging'));
    await run(['list', '-t', 'my-cloud', '-n', 'mine'], { BANTAM_TARGET: 'pi' });
    assert.ok(cloud.asked.includes('GET /system/functions?namespace=mine'));
  });

  it('without one, each function is looked for in the namespace that the stack file gives it', async () => {
    const { exitCode, stdout, stderr } = await run(['list', '--json']);
    assert.equal(exitCode, 0, stderr);
    assert.deepEqual(
      (JSON.parse(stdout) as { functions: { name: string; schedule: string }[] }).functions.map(
        ({ name, schedule }) => [name, schedule],
      ),
      [
        ['gone', ''],
        ['hello', '@daily'],
        ['in-openfaas-fn', '0 3 * * *'],
        ['in-own', '0 3 * * *'],
      ],
    );
    assert.doesNotMatch(stderr, /target/);
  });

  it('a declared namespace that is not there hides nothing of the others', async () => {
    await using gateway = await startRecordingGateway('own');
    const { exitCode, stdout, stderr } = await run(['list', '-g', gateway.url]);
    assert.equal(exitCode, 0, stderr);
    assert.match(stdout, /^in-openfaas-fn\t/m);
    assert.match(stderr, /warning {2}the namespace own cannot be listed: /);
  });

  for (const [what, argv, expected] of [
    ['invoke', ['invoke', 'hello', '-d', 'x'], 'POST /function/hello.NAMESPACE'],
    ['describe', ['fn', 'describe', 'hello'], 'GET /system/function/hello?namespace=NAMESPACE'],
    ['scale', ['fn', 'scale', 'hello', '1'], 'POST /system/scale-function/hello?namespace=NAMESPACE'],
    ['logs', ['logs', 'hello'], 'GET /system/logs?name=hello&namespace=NAMESPACE&follow=false'],
  ] as const) {
    it(`${what}: in the target’s namespace, else the function’s, unless -n says otherwise`, async () => {
      for (const [more, namespace, gateway] of [
        [['-t', 'pi'], 'staging', pi],
        [[], 'own', cloud],
        [['-n', 'mine', '-t', 'pi'], 'mine', pi],
      ] as const) {
        const { exitCode, stderr } = await run([...argv, ...more]);
        assert.equal(exitCode, 0, stderr);
        const wanted = expected.replace('NAMESPACE', namespace);
        assert.ok(gateway.asked.includes(wanted), `${wanted}: ${gateway.asked.join(', ')}`);
      }
    });
  }

  it('describe shows the schedule, also of what is only declared', async () => {
    const there = await run(['fn', 'describe', 'hello', '--json']);
    assert.equal((JSON.parse(there.stdout) as { schedule: string }).schedule, '0 3 * * *');
    await writeFile(
      join(folder.path, 'other.yml'),
      'provider: {name: openfaas}\nfunctions: {gone: {skip_build: true, image: x, annotations: {topic: cron-function, schedule: "@hourly"}}}\n',
    );
    const gone = await run(['fn', 'describe', 'gone', '-f', 'other.yml', '-g', pi.url]);
    assert.match(
      gone.stderr,
      /BAN-E404 .*\n +next: the stack file declares it with the schedule @hourly: bantam fn deploy gone/,
    );
  });

  it('secrets: in the target’s namespace, unless -n says otherwise', async () => {
    for (const [argv, input, line] of [
      [['secret', 'list', '-t', 'pi'], '', 'GET /system/secrets?namespace=staging'],
      [['secret', 'list', '-t', 'pi', '-n', 'mine'], '', 'GET /system/secrets?namespace=mine'],
      [['secret', 'create', 'token', '-t', 'pi'], 'x', 'POST /system/secrets?namespace=staging'],
    ] as const) {
      const { stderr } = await bantam(argv, { folder: folder.path, input, environment: { HOME: folder.path } });
      assert.ok(pi.asked.includes(line), `${line}: ${pi.asked.join(', ')} ${stderr}`);
    }
  });

  it('the story says when -g names another gateway than the target’s', async () => {
    const { stderr } = await run(['list', '-t', 'pi', '-g', cloud.url]);
    assert.match(stderr, /^→ .* \(target pi, but the gateway of --gateway\)\n/);
    const same = await run(['list', '-t', 'pi', '-g', pi.url]);
    assert.match(same.stderr, /^→ .* \(target pi\)\n/);
  });

  it('BAN-E108 asks nobody', async () => {
    for (const argv of [
      ['list', '-t', 'pii'],
      ['deploy', '-t', 'pii'],
      ['logout', '-t', 'pii'],
      ['invoke', 'hello', '-g', cloud.url, '-t', 'pii', '-d', ''],
    ]) {
      const { exitCode, stderr } = await run(argv);
      assert.equal(exitCode, 2, argv.join(' '));
      assert.match(stderr, /BAN-E108 .*"pii"\n +next: did you mean pi\?/);
    }
    const { stderr } = await bantam(['list'], {
      folder: join(folder.path, '..'),
      environment: { HOME: folder.path, BANTAM_TARGET: 'pi' },
    });
    assert.match(stderr, /BAN-E108 .*no stack file/);
    assert.deepEqual([...pi.asked, ...cloud.asked], []);
  });

  it('each gateway gets its own password of the environment, and no other', async () => {
    const environment = {
      BANTAM_GATEWAY_PASSWORD: 'for-all',
      BANTAM_GATEWAY_PASSWORD_PI: 'for-pi',
      BANTAM_GATEWAY_USER_PI: 'pilot',
      BANTAM_GATEWAY_PASSWORD_MY_CLOUD: 'for-cloud',
    };
    const seen = async (gateway: RecordingGateway, argv: readonly string[]): Promise<string[]> => {
      gateway.asked.length = 0;
      const { exitCode, stderr } = await run(['list', '-n', 'x', ...argv], environment);
      assert.equal(exitCode, 0, stderr);
      return [...new Set(gateway.asked.map((line) => line.split(' ')[2] ?? ''))];
    };
    assert.deepEqual(await seen(pi, ['-t', 'pi']), ['pilot:for-pi']);
    assert.deepEqual(await seen(cloud, ['-t', 'my-cloud']), ['admin:for-cloud']);
    assert.deepEqual(await seen(cloud, []), ['admin:for-all'], 'no target');
    assert.deepEqual(
      await seen(cloud, ['-t', 'pi', '-g', cloud.url]),
      ['admin:for-all'],
      'another host than the target’s',
    );
    assert.deepEqual(await seen(pi, ['-t', 'pi', '-g', `${pi.url}/`]), ['pilot:for-pi'], 'the same host, spelt out');
    const half = await run(['list', '-t', 'pi'], { BANTAM_GATEWAY_USER_PI: 'pilot' });
    assert.match(half.stderr, /BAN-E001 {2}BANTAM_GATEWAY_USER_PI is set, but BANTAM_GATEWAY_PASSWORD_PI is not/);
  });
});

describe('the gateway that a command uses', () => {
  // The running local gateway of this project: it comes after everything that somebody wrote down.
  const local = 'http://127.0.0.1:8585';
  const own = 'http://127.0.0.1:8080';
  for (const [what, globals, environment, stackGateway, running, expected] of [
    [
      '-g before all',
      { gateway: 'http://flag', target: 'pi' },
      { OPENFAAS_URL: 'http://env' },
      'http://stack',
      true,
      'flag http://flag',
    ],
    ['the target', { target: 'pi' }, { OPENFAAS_URL: 'http://env' }, 'http://stack', true, 'target http://target'],
    [
      'BANTAM_TARGET',
      {},
      { OPENFAAS_URL: 'http://env', BANTAM_TARGET: 'pi' },
      'http://stack',
      true,
      'target http://target',
    ],
    ['a target that names the default', { target: 'here' }, {}, 'http://stack', true, `target ${own}`],
    [
      'a target without gateway',
      { target: 'none' },
      { OPENFAAS_URL: 'http://env' },
      'http://stack',
      true,
      'stack http://stack',
    ],
    ['the stack file', {}, { OPENFAAS_URL: 'http://env' }, 'http://stack', true, 'stack http://stack'],
    [
      'OPENFAAS_URL before the default in the stack file',
      {},
      { OPENFAAS_URL: 'http://env' },
      own,
      true,
      'environment http://env',
    ],
    ['OPENFAAS_URL that names the default', {}, { OPENFAAS_URL: own }, own, true, `environment ${own}`],
    ['local up before the default in the stack file', {}, {}, own, true, `local ${local}`],
    ['local up before nothing', {}, {}, undefined, true, `local ${local}`],
    ['the default in the stack file', {}, {}, own, false, `stack ${own}`],
    ['the default', {}, {}, undefined, false, `default ${own}`],
  ] as const) {
    it(what, async () => {
      await using folder = await temporaryFolder();
      const gateway = stackGateway === undefined ? '' : `, gateway: "${stackGateway}"`;
      await writeFile(
        join(folder.path, 'stack.yml'),
        `provider: {name: openfaas${gateway}}\nx-bantam: {targets: {pi: {gateway: "http://target"}, none: {}, here: {gateway: "${own}"}}}\n`,
      );
      if (running) {
        await mkdir(join(folder.path, '.bantam'));
        await writeInstance(join(folder.path, '.bantam'), {
          instance: 'test',
          pid: process.pid,
          url: local,
          user: 'admin',
          password: 'p',
        });
      }
      const context = openContext(
        {
          environment,
          folder: folder.path,
          home: folder.path,
          packageFolder: folder.path,
          stdin: process.stdin,
          stdout: process.stdout,
          stderr: process.stderr,
          signal: new AbortController().signal,
        },
        { stack: undefined, gateway: undefined, namespace: undefined, json: false, yes: false, ...globals },
        () => {},
      );
      const chosen = await context.gatewayAddress();
      assert.equal(`${chosen.source} ${chosen.url}`, expected);
    });
  }
});
