import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { bantam, type Run, temporaryFolder } from '../e2e/program.ts';
import { type KubectlCall, type KubectlStandIn, recorded, standInForKubectl } from '../openfaas/kubectl-stand-in.ts';
import { type GatewayInMemory, startGatewayInMemory } from './gateway-in-memory.ts';

const timeout = '--request-timeout=15s';
const json = '--output=json';

describe('login --from-cluster', function () {
  this.timeout(60_000);
  let gateway: GatewayInMemory;
  let port: number;
  let folder: AsyncDisposable & { readonly path: string };
  before(async () => {
    gateway = await startGatewayInMemory();
    port = Number(new URL(gateway.url).port);
  });
  after(() => gateway?.[Symbol.asyncDispose]());
  beforeEach(async () => {
    folder = await temporaryFolder('bantam login ü ');
  });
  afterEach(() => folder[Symbol.asyncDispose]());

  /** The recorded secret with the password of the gateway of this test. */
  async function secretCall(password = gateway.password, options: readonly string[] = []): Promise<KubectlCall> {
    const secret = (await recorded('secret')) as { data: Record<string, string> };
    secret.data['basic-auth-password'] = Buffer.from(password).toString('base64');
    return {
      arguments: [...options, timeout, 'get', 'secret', 'basic-auth', '--namespace=openfaas', json],
      stdout: JSON.stringify(secret),
    };
  }

  /** The recorded cluster, its node port that of this test's gateway, its nodes at `hosts`. */
  async function addressCalls(hosts: readonly string[], services = 'services-node-port'): Promise<KubectlCall[]> {
    const nodes = (await recorded('nodes')) as { items: { status: { addresses: unknown } }[] };
    const [node] = nodes.items;
    const list = hosts.map((address) => ({
      ...node,
      status: { ...node?.status, addresses: [{ type: 'InternalIP', address }] },
    }));
    const text = JSON.stringify(await recorded(services)).replaceAll('31112', String(port));
    const ask = (...words: string[]): string[] => [timeout, 'get', ...words, json];
    return [
      { arguments: ask('services', '--namespace=openfaas'), stdout: text },
      { arguments: ask('ingresses', '--namespace=openfaas'), stdout: JSON.stringify(await recorded('no-ingresses')) },
      { arguments: ask('nodes'), stdout: JSON.stringify({ ...nodes, items: list }) },
    ];
  }

  async function login(
    calls: readonly KubectlCall[],
    argv: readonly string[] = [],
    environment: Record<string, string> = {},
  ): Promise<Run & { readonly kubectl: KubectlStandIn }> {
    const kubectl = await standInForKubectl(folder.path, calls);
    const run = await bantam(['login', '--from-cluster', ...argv], {
      folder: folder.path,
      environment: { HOME: folder.path, PATH: kubectl.folder, OPENFAAS_URL: undefined, ...environment },
    });
    return { ...run, kubectl };
  }

  const saved = (): Promise<string> => readFile(join(folder.path, '.openfaas/config.yml'), 'utf8').catch(() => '');
  const write = async (name: string, text: string): Promise<void> => {
    await mkdir(dirname(join(folder.path, name)), { recursive: true });
    await writeFile(join(folder.path, name), text);
  };

  it('finds login and address, takes the node that answers, and saves as login does', async () => {
    const calls = [await secretCall(), ...(await addressCalls(['127.0.0.2', '127.0.0.1']))];
    const { exitCode, stdout, stderr, kubectl } = await login(calls, [], { KUBECONFIG: '/some/where' });
    assert.equal(exitCode, 0, stderr);
    assert.equal(
      stdout,
      `logged in to ${gateway.url} as admin (service gateway-external, node port); saved in ${join(folder.path, '.openfaas/config.yml')}\nnext: bantam fn list -g ${gateway.url}, or export OPENFAAS_URL=${gateway.url}\n`,
    );
    assert.match(await saved(), new RegExp(`gateway: ${gateway.url}\\n +auth: basic`));
    assert.deepEqual(await kubectl.verify(), ['/some/where', '/some/where', '/some/where', '/some/where']);
  });

  it('shows the password to nobody: not in answers, the story, or any file but the one of logins', async () => {
    for (const more of [[], ['--json'], ['-v']]) {
      const { exitCode, stdout, stderr } = await login(
        [await secretCall(), ...(await addressCalls(['127.0.0.1']))],
        more,
      );
      assert.equal(exitCode, 0, stderr);
      const encoded = Buffer.from(gateway.password).toString('base64');
      for (const secret of [gateway.password, encoded, Buffer.from(`admin:${gateway.password}`).toString('base64')])
        assert.ok(!`${stdout}${stderr}`.includes(secret), more.join());
    }
    const files = await readdir(folder.path, { recursive: true, withFileTypes: true });
    for (const file of files.filter((each) => each.isFile() && !each.name.endsWith('.asked')))
      assert.ok(!(await readFile(join(file.parentPath, file.name), 'utf8')).includes(gateway.password), file.name);
  });

  it('with an address of -g asks for the secret only, in the context that was named', async () => {
    const { exitCode, stdout, stderr, kubectl } = await login(
      [await secretCall(gateway.password, ['--context=my pi'])],
      ['-g', gateway.url, '--context', 'my pi', '--json'],
    );
    assert.equal(exitCode, 0, stderr);
    assert.deepEqual(JSON.parse(stdout), {
      ok: true,
      gateway: gateway.url,
      username: 'admin',
      file: join(folder.path, '.openfaas/config.yml'),
      from: '--gateway',
    });
    await kubectl.verify();
  });

  it('with a target uses its address', async () => {
    await write('stack.yml', `provider: {name: openfaas}\nx-bantam: {targets: {pi: {gateway: "${gateway.url}"}}}\n`);
    const { exitCode, stdout, stderr, kubectl } = await login([await secretCall()], ['-t', 'pi']);
    assert.equal(exitCode, 0, stderr);
    assert.match(stdout, /\(target pi\); saved in/);
    assert.doesNotMatch(stdout, /next:/);
    await kubectl.verify();
  });

  it('keeps the project’s spelling of an address that is the cluster’s', async () => {
    await write('stack.yml', `provider: {name: openfaas, gateway: "http://localhost:${port}"}\n`);
    const { exitCode, stdout, stderr } = await login([await secretCall(), ...(await addressCalls(['127.0.0.1']))]);
    assert.equal(exitCode, 0, stderr);
    assert.match(stdout, new RegExp(`logged in to http://localhost:${port} as admin`));
    assert.match(await saved(), new RegExp(`gateway: http://localhost:${port}\\n`));
  });

  it('never sends the password to an address that is not the cluster’s', async () => {
    const other = await startGatewayInMemory();
    try {
      await write('stack.yml', `provider: {name: openfaas, gateway: "${other.url}"}\n`);
      const { exitCode, stdout, stderr } = await login(
        [await secretCall(), ...(await addressCalls(['127.0.0.1']))],
        ['-v'],
      );
      assert.equal(exitCode, 0, stderr);
      assert.match(stdout, new RegExp(`logged in to ${gateway.url} `));
      assert.match(stdout, new RegExp(`next: write gateway: ${gateway.url} under provider`));
      assert.ok(!stderr.includes(other.url), 'not even asked');
    } finally {
      await other[Symbol.asyncDispose]();
    }
  });

  const nothingSaved = async (
    run: Run & { readonly kubectl: KubectlStandIn },
    pattern: RegExp,
    code = 'BAN-E409',
  ): Promise<void> => {
    assert.match(run.stderr, new RegExp(`error {2}${code} `));
    assert.match(run.stderr, pattern);
    assert.equal(run.exitCode, code === 'BAN-E402' ? 4 : 1);
    assert.equal(await saved(), '');
    await run.kubectl.verify();
  };
  const refuse = (stderr: string): KubectlCall[] => [
    { arguments: [timeout, 'get', 'secret', 'basic-auth', '--namespace=openfaas', json], stderr, exit: 1 },
  ];

  it('BAN-E409 without kubectl', async () => {
    const run = await bantam(['login', '--from-cluster'], {
      folder: folder.path,
      environment: { HOME: folder.path, PATH: folder.path },
    });
    assert.equal(run.exitCode, 1);
    assert.match(run.stderr, /BAN-E409 {2}kubectl is not installed\n +next: install it .*--password-stdin/);
  });

  it('BAN-E409 quotes kubectl without its log', async () => {
    const noise = 'E1122 23:53:22.601857   25765 memcache.go:265] "Unhandled Error" err="…"\n';
    await nothingSaved(
      await login(refuse(`${noise}${noise}Error from server (NotFound): secrets "basic-auth" not found\n`)),
      /kubectl get secret basic-auth --namespace=openfaas: Error from server \(NotFound\): .*\n +next: is OpenFaaS in another namespace/,
    );
  });

  it('BAN-E409 for an answer that is no JSON, which is not quoted', async () => {
    const run = await login([{ ...(await secretCall()), stdout: `password ${gateway.password}` }]);
    await nothingSaved(run, /something that is no JSON/);
    assert.ok(!run.stderr.includes(gateway.password));
  });

  it('BAN-E409 for a gateway that nobody outside can reach', async () => {
    const calls = [await secretCall(), ...(await addressCalls(['127.0.0.1'], 'services-cluster-ip'))];
    await nothingSaved(
      await login(calls),
      /no node port, load balancer or ingress in openfaas\n +next: kubectl port-forward -n openfaas svc\/gateway/,
    );
  });

  const forbidden = {
    stdout: '',
    stderr: 'Error from server (Forbidden): nodes is forbidden: User "me" cannot list resource "nodes"\n',
    exit: 1,
  };

  it('does without the nodes where they may not be read and others tell an address', async () => {
    const [services, ingresses, nodes] = await addressCalls([], 'services-load-balancer');
    assert.ok(services !== undefined && ingresses !== undefined && nodes !== undefined);
    const here = { ...services, stdout: services.stdout?.replace('192.168.1.240', '127.0.0.1') ?? '' };
    here.stdout = here.stdout.replaceAll('"port":8080', `"port":${port}`);
    const { exitCode, stdout, stderr, kubectl } = await login([
      await secretCall(),
      here,
      ingresses,
      { ...nodes, ...forbidden },
    ]);
    assert.equal(exitCode, 0, stderr);
    assert.match(stdout, /\(service gateway-external\)/);
    assert.match(stderr, /warning {2}addresses may be missing: kubectl get nodes: .*Forbidden/);
    await kubectl.verify();
  });

  it('BAN-E409 where the nodes may not be read and nothing else tells an address', async () => {
    const [services, ingresses, nodes] = await addressCalls([]);
    assert.ok(services !== undefined && ingresses !== undefined && nodes !== undefined);
    await nothingSaved(
      await login([await secretCall(), services, ingresses, { ...nodes, ...forbidden }]),
      /kubectl get nodes: .*Forbidden.*\n +next: this user may not read it/,
    );
  });

  it('Ctrl-C ends kubectl, too', async () => {
    const kubectl = join(folder.path, 'kubectl');
    await writeFile(kubectl, `#!/bin/sh\necho $$ > "${folder.path}/pid"\nexec /bin/sleep 60\n`, { mode: 0o755 });
    const run = await bantam(['login', '--from-cluster'], {
      folder: folder.path,
      environment: { HOME: folder.path, PATH: folder.path },
      interruptAt: /reading the secret/,
    });
    assert.equal(run.exitCode, 130);
    const pid = Number(await readFile(join(folder.path, 'pid'), 'utf8').catch(() => '0'));
    if (pid > 0) assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
  });

  it('BAN-E409 for addresses that do not answer, each with its reason', async () => {
    const calls = [await secretCall(), ...(await addressCalls(['127.0.0.2', '127.0.0.3']))];
    const run = await login(calls);
    await nothingSaved(run, /none of the addresses .* answers here/);
    assert.equal(run.stderr.match(/service gateway-external, node port: .*connection refused/g)?.length, 2);
  });

  it('BAN-E402 for a password that the gateway does not take', async () => {
    const calls = [await secretCall('an old one'), ...(await addressCalls(['127.0.0.1']))];
    await nothingSaved(await login(calls), /refuses/, 'BAN-E402');
  });

  it('BAN-E001 for options that do not go together', async () => {
    for (const argv of [
      ['--from-cluster', '--password-stdin'],
      ['--from-cluster', '-u', 'me'],
      ['--context', 'pi', '--password-stdin'],
      ['--openfaas-namespace', 'of', '--password-stdin'],
    ]) {
      const run = await bantam(['login', ...argv], { folder: folder.path, environment: { HOME: folder.path } });
      assert.equal(run.exitCode, 2, argv.join());
      assert.match(run.stderr, /BAN-E001/);
    }
  });
});
