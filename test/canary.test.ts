// biome-ignore-all lint/suspicious/noTemplateCurlyInString: stack files write ${NAME}, and here they stand in strings.
import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { assertNoSecret, assertNoSecretBelow, canary, recordPrograms, watchCommandLines } from './canary.ts';
import { startGatewayInMemory } from './commands/gateway-in-memory.ts';
import { makeProject } from './e2e/build-project.ts';
import { bantam, type Run, temporaryFolder } from './e2e/program.ts';
import { needParts } from './real-parts.ts';

/**
 * One value in every place where a user may put a secret. After a day's work it is in no output (bantam() itself looks), no
 * command line of a program that bantam starts, and no file that bantam wrote, but for the login that `bantam login` is there to save.
 */
describe('a canary secret', function () {
  this.timeout(240_000);

  it('is in no output, command line or file after work with a gateway', async () => {
    await using gateway = await startGatewayInMemory(canary);
    await using folder = await temporaryFolder('bantam-canary-');
    const home = join(folder.path, 'home');
    const project = join(folder.path, 'project');
    await mkdir(join(home, '.docker'), { recursive: true });
    await mkdir(join(project, '.secrets'), { recursive: true });
    await using registry = await refusingRegistry();
    const planted: Readonly<Record<string, string>> = {
      [join(home, '.docker', 'config.json')]: JSON.stringify({
        auths: { [registry.name]: { auth: Buffer.from(`admin:${canary}`).toString('base64') } },
        credHelpers: { 'helped.lan': 'canary-helper' },
      }),
      [join(project, '.secrets', 'token')]: `${canary}\n`,
      [join(project, 'token.txt')]: canary,
    };
    for (const [path, text] of Object.entries(planted)) await writeFile(path, text);
    await writeFile(
      join(project, 'stack.yml'),
      `version: 1.0
provider:
  name: openfaas
  gateway: ${gateway.url}
functions:
  hello:
    lang: dockerfile
    handler: ./hello
    image: ${registry.name}/hello:1
    environment:
      TOKEN: \${TOKEN}
    build_args:
      TOKEN: \${TOKEN}
    secrets: [token]
  helped:
    lang: dockerfile
    handler: ./hello
    image: helped.lan/helped:1
`,
    );
    await mkdir(join(project, 'hello'));
    await writeFile(join(project, 'hello', 'Dockerfile'), 'FROM scratch\nCOPY Dockerfile /\n');
    const programs = await recordPrograms(folder.path, ['docker', 'git'], {
      kubectl: `echo '${JSON.stringify({
        data: {
          'basic-auth-user': Buffer.from('admin').toString('base64'),
          'basic-auth-password': Buffer.from(canary).toString('base64'),
        },
      })}'`,
      'docker-credential-canary-helper': `cat > /dev/null; echo '{"ServerURL":"helped.lan","Username":"admin","Secret":"${canary}"}'`,
    });
    const environment = {
      HOME: home,
      PATH: programs.path,
      XDG_CACHE_HOME: undefined,
      // Of the bed, where tests before this one needed it.
      DOCKER_CONFIG: undefined,
      BANTAM_GATEWAY_PASSWORD: canary,
      BANTAM_INSECURE_REGISTRIES: registry.name,
      TOKEN: canary,
      UNRELATED: canary,
    };
    const run = async (argv: readonly string[], input?: string): Promise<Run> =>
      await bantam(argv, { folder: project, environment, ...(input === undefined ? {} : { input }) });
    const ran: (readonly [string, number | null])[] = [];
    using processes = watchCommandLines();
    for (const [argv, input] of [
      [['secret', 'create', 'token'], `${canary}\n`],
      [['secret', 'create', 'token'], canary],
      [['secret', 'update', 'token', '--from-file', 'token.txt'], undefined],
      [['secret', 'update', 'token', '--from-env', 'TOKEN'], undefined],
      [['secret', 'create', `token=${canary}`], undefined],
      [['secret', 'create', 'token', `--form-literal=${canary}`], undefined],
      [['secret', 'create', 'token', `--from-literl=two\nlines ${canary}`], undefined],
      [['secret', 'create', 'token', canary], undefined],
      [['secret', 'update', 'token', '--from-env', canary], undefined],
      [['login', `--password=${canary}`], undefined],
      [['login', '--from-cluster', '--gateway', gateway.url], undefined],
      [['secret', 'apply'], undefined],
      [['secret', 'list'], undefined],
      [['fn', 'list'], undefined],
      [['fn', 'describe', 'hello'], undefined],
      [['fn', 'deploy', '--no-build'], undefined],
      [['fn', 'build', '--print'], undefined],
      [['image', 'check', `${registry.name}/hello:1`], undefined],
      [['doctor'], undefined],
      [['login', '--gateway', gateway.url, '--password-stdin'], 'wrong'],
      [['login', '--gateway', gateway.url, '--password-stdin'], `${canary}\n`],
      [['fn', 'list', '--gateway', gateway.loggedIn], undefined],
      [['fn', 'list', '--gateway', `http://admin:${canary}@127.0.0.1:1`], undefined],
      [['fn', 'list', '--gateway', `htp://admin:${canary}@127.0.0.1:1`], undefined],
      [['secret', 'remove', 'token'], undefined],
    ] as const)
      for (const more of [['-v'], ['--json']]) {
        const { exitCode } = await run([...argv, ...more], input);
        ran.push([argv.slice(0, 2).join(' '), exitCode]);
        assert.notEqual(exitCode, 70, argv.join(' '));
      }
    // Work that all failed at the door would prove nothing.
    for (const command of [
      'secret create',
      'secret update',
      'secret apply',
      'secret list',
      'fn list',
      'fn build',
      'login --gateway',
      'login --from-cluster',
      'secret remove',
    ])
      assert.ok(
        ran.some(([name, exitCode]) => name === command && exitCode === 0),
        `${command}: ${JSON.stringify(ran)}`,
      );
    assert.ok(
      registry.seen.some((header) => header.includes(Buffer.from(`admin:${canary}`).toString('base64'))),
      'the registry was asked with the credentials',
    );
    const lines = await programs.commandLines();
    assert.ok(lines.length > 0);
    for (const line of lines) assertNoSecret(line, 'a command line');
    assert.equal(processes.found, undefined);
    assert.ok(process.platform !== 'linux' || processes.seen > 0);
    await assertNoSecretBelow(folder.path, [
      ...Object.keys(planted),
      join(folder.path, 'bin'),
      // What `bantam login` is for; 0600, shared with faas-cli.
      join(home, '.openfaas', 'config.yml'),
    ]);
    assert.match(await readFile(join(home, '.openfaas', 'config.yml'), 'utf8'), /token: /);
  });

  it('is in no layer, configuration, log, command line or file after a build', async function () {
    const bed = await needParts(this, 'engine', 'buildx', 'registry', 'bases');
    await using project = await makeProject(
      bed.registry ?? '',
      ['hello'],
      `FROM docker.io/library/busybox:1.36 AS build
ARG TOKEN
RUN --mount=type=secret,id=token cat /run/secrets/token && echo "a token of $TOKEN" >&2 && test -n "\${TOKEN}" && echo both > /proof
FROM docker.io/library/busybox:1.36
COPY function/ /function/
COPY --from=build /proof /proof
ENTRYPOINT ["/bin/busybox", "sh"]
`,
    );
    await using beside = await temporaryFolder('bantam-canary-');
    const programs = await recordPrograms(beside.path, ['docker']);
    await project.write({
      'token.txt': canary,
      'hello/.env': `TOKEN=${canary}\n`,
      'hello/.secrets/token': canary,
      '.secrets/token': canary,
    });
    const stack = await readFile(join(project.folder, 'stack.yml'), 'utf8');
    await project.write({
      'stack.yml': stack.replace(
        'lang: mine\n',
        'lang: mine\n    build_args:\n      TOKEN: ${TOKEN}\n    build_secrets:\n      token: ./token.txt\n',
      ),
    });
    const environment = { PATH: programs.path, TOKEN: canary, UNRELATED: canary };
    using processes = watchCommandLines();
    for (const argv of [
      ['fn', 'build', '--print'],
      ['fn', 'build', '--platform', 'linux/amd64', '-v', '--output', 'image'],
      ['fn', 'build', '--platform', 'linux/amd64', '--json', '--push'],
    ]) {
      const { exitCode, stdout, stderr } = await project.run(argv, { environment });
      assert.equal(exitCode, 0, `${argv.join(' ')}\n${stdout}${stderr}`);
    }
    await project.write({
      'template/mine/Dockerfile': `FROM docker.io/library/busybox:1.36
ARG TOKEN
RUN --mount=type=secret,id=token cat /run/secrets/token; echo "it fails with $TOKEN"; false
`,
    });
    for (const more of [['-v'], ['--json']]) {
      const { exitCode, stdout, stderr } = await project.run(['fn', 'build', '--platform', 'linux/amd64', ...more], {
        environment,
      });
      assert.equal(exitCode, 1, stdout);
      assert.match(`${stdout}${stderr}`, /it fails with …/);
    }
    const lines = await programs.commandLines();
    assert.ok(
      lines.some((line) => line.includes('--build-arg TOKEN ') && line.includes('--secret id=token')),
      lines.join('\n'),
    );
    for (const line of lines) assertNoSecret(line, 'a command line');
    assert.equal(processes.found, undefined);
    assert.ok(process.platform !== 'linux' || processes.seen > 0);
    const planted = ['token.txt', 'hello/.env', 'hello/.secrets', '.secrets'].map((path) => join(project.folder, path));
    await assertNoSecretBelow(project.folder, planted);
    await assertNoSecretBelow(project.temporary, []);
    assert.ok((await filesUnpacked(join(project.folder, 'image'))) > 3, 'an image was looked into');
  });
});

/** Looks into every blob of the layouts in a folder, gzip taken away. Returns how many there were. */
async function filesUnpacked(folder: string): Promise<number> {
  let count = 0;
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const bytes = await readFile(join(entry.parentPath, entry.name));
    assertNoSecret(bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes, entry.name);
    count += 1;
  }
  return count;
}

/** A registry that takes no credentials, and says in its refusals what it was given. */
async function refusingRegistry(): Promise<
  AsyncDisposable & { readonly name: string; readonly seen: readonly string[] }
> {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    const { authorization = '' } = request.headers;
    seen.push(authorization);
    response
      .writeHead(authorization === '' ? 401 : 403, {
        'www-authenticate': 'Basic realm="registry"',
        'content-type': 'application/json',
      })
      .end(
        JSON.stringify({
          errors: [
            {
              code: 'DENIED',
              message: `no right with ${authorization}: ${Buffer.from(authorization.replace(/^Basic /, ''), 'base64')}`,
            },
          ],
        }),
      );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    name: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
