import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { startGatewayInMemory } from '../commands/gateway-in-memory.ts';
import { runInProcess } from '../commands/in-process.ts';
import { skip } from '../real-parts.ts';
import { bantam, root, temporaryFolder } from './program.ts';

/** A server on loopback that answers everything the same way. */
async function serve(
  listener: RequestListener,
): Promise<AsyncDisposable & { readonly url: string; readonly paths: string[] }> {
  const paths: string[] = [];
  const server: Server = createServer((request, response) => {
    paths.push(`${request.method} ${request.url}`);
    listener(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    paths,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A project with one TypeScript function; its image names a registry that is not there. */
async function project(stack?: string): ReturnType<typeof temporaryFolder> {
  const folder = await temporaryFolder();
  await mkdir(join(folder.path, 'home'));
  const { exitCode, stderr } = await bantam(
    ['fn', 'new', 'hello', '--lang', 'ts', '--prefix', '127.0.0.1:1'],
    at(folder.path),
  );
  assert.equal(exitCode, 0, stderr);
  if (stack !== undefined) await writeFile(join(folder.path, 'stack.yml'), stack);
  return folder;
}

function at(
  path: string,
  environment: Record<string, string | undefined> = {},
): { folder: string; environment: Record<string, string | undefined> } {
  return { folder: path, environment: { HOME: join(path, 'home'), XDG_CACHE_HOME: undefined, ...environment } };
}

/** A `docker` that fails as the real one does in some situation; the sentences are its own. */
async function fakeDocker(folder: string, stderr: string, exitCode: number): Promise<string> {
  const bin = join(folder, 'bin');
  await mkdir(bin);
  await writeFile(join(bin, 'docker'), `#!/bin/sh\ncat >&2 <<'END'\n${stderr}\nEND\nexit ${exitCode}\n`);
  await chmod(join(bin, 'docker'), 0o755);
  return `${bin}:/usr/bin:/bin`;
}

describe('bad input', function () {
  this.timeout(60_000);

  it('reports everything wrong with a stack file at once, with line and column', async () => {
    await using folder = await project(
      [
        'version: 1.0',
        'provider:',
        '  name: openfas',
        'functions:',
        '  Hello_World:',
        '    lang: bantam-ts',
        '    handler: ./hello',
        '    image: HELLO:latest',
        '    limits:',
        '      memory: 64MB!',
        '    enviroment:',
        '      A: 1',
        '',
      ].join('\n'),
    );
    const { exitCode, stderr } = await bantam(['fn', 'build'], at(folder.path));
    assert.equal(exitCode, 2);
    assert.match(stderr, /BAN-E102/);
    for (const place of [
      /stack\.yml:3:9 /,
      /stack\.yml:5:3 /,
      /stack\.yml:8:12 /,
      /stack\.yml:10:15 /,
      /stack\.yml:11:5 .*environment/,
    ])
      assert.match(stderr, place);
  });

  it('says which handler folder is missing', async () => {
    await using folder = await project(
      [
        'version: 1.0',
        'provider:',
        '  name: openfaas',
        'functions:',
        '  hello:',
        '    lang: bantam-ts',
        '    handler: ./helo',
        '    image: 127.0.0.1:1/hello',
        '',
      ].join('\n'),
    );
    const { exitCode, stdout } = await bantam(['fn', 'build'], at(folder.path));
    assert.equal(exitCode, 2);
    assert.match(stdout, /BAN-E105/);
    assert.match(stdout, /did you mean .*hello/);
  });

  it('refuses a name that is no DNS label, with one that is', async () => {
    await using folder = await temporaryFolder();
    const { exitCode, stderr } = await bantam(['fn', 'new', 'Hello_World', '--lang', 'ts'], at(folder.path));
    assert.equal(exitCode, 2);
    assert.match(stderr, /BAN-E103[\s\S]*hello-world/);
    assert.deepEqual(await readdir(folder.path), []);
  });

  it('suggests templates and commands', async () => {
    await using folder = await temporaryFolder();
    const template = await bantam(['fn', 'new', 'hello', '--lang', 'bantam-tss'], at(folder.path));
    assert.equal(template.exitCode, 2);
    assert.match(template.stderr, /BAN-E111[\s\S]*bantam-ts/);
    const command = await bantam(['fn', 'depoly'], at(folder.path));
    assert.equal(command.exitCode, 2);
    assert.match(command.stderr, /did you mean deploy\?/);
    const option = await bantam(['fn', 'build', '--plattform', 'linux/arm64'], at(folder.path));
    assert.equal(option.exitCode, 2);
    assert.match(option.stderr, /--platform/);
    const json = await bantam(['fn', 'depoly', '--json'], at(folder.path));
    assert.equal(json.exitCode, 2);
    assert.equal((JSON.parse(json.stdout) as { error: { code: string } }).error.code, 'BAN-E001');
  });

  it('pushes to no image of Docker Hub’s own library, and says so before it builds', async () => {
    await using folder = await project();
    const stack = await readFile(join(folder.path, 'stack.yml'), 'utf8');
    await writeFile(join(folder.path, 'stack.yml'), stack.replace('127.0.0.1:1/hello', 'hello'));
    const { exitCode, stdout } = await bantam(
      ['fn', 'build', '--push'],
      at(folder.path, { DOCKER_HOST: 'unix:///nowhere' }),
    );
    assert.equal(exitCode, 2);
    assert.match(
      stdout,
      /^✗ hello {3}the image hello:latest .* nobody can push there {2}\(BAN-E309\)\n {4}next: write image: registry\.lan:5000\/hello:latest in .*stack\.yml:\d+ /,
    );
  });

  it('shows command lines for a shell, and what has none as a comment', async () => {
    await using folder = await project();
    await rm(join(folder.path, 'hello'), { recursive: true });
    const { exitCode, stdout } = await bantam(['fn', 'build', '--print'], at(folder.path));
    assert.equal(exitCode, 2);
    assert.match(stdout, /^# hello: .* does not exist .*\(BAN-E105\)\n$/);
  });

  it('says that the working folder is gone', async () => {
    await using folder = await temporaryFolder();
    const run = spawnSync(
      'sh',
      [
        '-c',
        'mkdir gone && cd gone && rmdir ../gone && exec "$0" "$1" list',
        process.execPath,
        join(root, 'dist/main.js'),
      ],
      { cwd: folder.path, encoding: 'utf8' },
    );
    assert.equal(run.status, 1);
    assert.equal(
      run.stderr,
      'error  BAN-E003  the working folder is not there any more\n       next: cd to one that is\n',
    );
  });

  it('says that nothing more can be written, with no stack', function () {
    if (!existsSync('/dev/full')) skip(this, 'no /dev/full here');
    for (const words of ['--version', '--help']) {
      const run = spawnSync(
        'sh',
        ['-c', 'exec "$0" "$1" "$2" >/dev/full', process.execPath, join(root, 'dist/main.js'), words],
        { encoding: 'utf8' },
      );
      assert.equal(run.status, 1, words);
      assert.doesNotMatch(run.stderr, /node:| at /, words);
    }
  });

  for (const [argv, message] of [
    [['-X', 'G ET'], /"G ET" is no HTTP method/],
    [['-H', 'a b: c'], /"a b: c" is no header/],
    [['-H', 'X: 1', '-H', 'X-Y: €'], /"X-Y: €" is no header/],
    [['-H', ': x'], /": x" is no header/],
    [['--path', '../../system/functions'], /leads out of the function/],
    [['--path', 'a/%2E%2e/%2e./b'], /leads out of the function/],
  ] as const)
    it(`sends no call with ${argv.join(' ')}`, async () => {
      const run = await runInProcess(['fn', 'invoke', 'hello', '-g', 'http://127.0.0.1:1', ...argv], { folder: root });
      assert.equal(run.exitCode, 2);
      assert.match(run.stderr, message);
      assert.match(run.stderr, /BAN-E001.*\n {7}next: /);
    });

  it('sends each header of a call', async () => {
    const seen: (string | string[] | undefined)[] = [];
    await using server = await serve(({ url, headers }, response) => {
      if (url?.startsWith('/function/') === true) seen.push(headers['a'], headers['b']);
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end('{"provider":{"provider":"faas-netes-ce","orchestration":"kubernetes"}}');
    });
    await runInProcess(['fn', 'invoke', 'hello', '-g', server.url, '-H', 'A: 1', '-H', 'b:2', '-H', 'a: 3'], {
      folder: '/',
    });
    assert.deepEqual(seen, ['1, 3', '2']);
  });

  it('says that a function is not there whose logs it cannot get, and reads those of before all dates', async () => {
    await using gateway = await startGatewayInMemory();
    const at = { folder: '/' };
    const run = await runInProcess(['logs', 'nope', '-g', gateway.loggedIn], at);
    assert.equal(run.exitCode, 1);
    assert.match(run.stderr, /BAN-E404 {2}http:\S+ knows no function "nope"/);
    assert.equal(
      (await runInProcess(['logs', 'hello', '--since', '99999999999d', '-g', gateway.loggedIn], at)).exitCode,
      0,
    );
  });

  it('takes short flags together', async () => {
    await using gateway = await startGatewayInMemory();
    const { stderr } = await runInProcess(['list', '-qy', '-g', gateway.loggedIn], { folder: '/' });
    assert.equal(stderr, '');
  });

  it('refuses a platform it cannot build for', async () => {
    await using folder = await project();
    const { exitCode, stderr } = await bantam(['fn', 'build', '--platform', 'linux/sparc'], at(folder.path));
    assert.equal(exitCode, 2);
    assert.match(stderr, /BAN-E209/);
  });

  for (const [situation, code, words, exit] of [
    [
      'the engine is not running',
      'BAN-E202',
      'ERROR: Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?',
      1,
    ],
    [
      'the user may not talk to the engine',
      'BAN-E202',
      'permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock',
      1,
    ],
    [
      'buildx is missing',
      'BAN-E203',
      "docker: unknown command: docker buildx\n\nRun 'docker --help' for more information",
      1,
    ],
    ['an old docker has no buildx', 'BAN-E203', "docker: 'buildx' is not a docker command.\nSee 'docker --help'", 125],
    [
      'the engine cannot do several platforms',
      'BAN-E204',
      'ERROR: Multi-platform build is not supported for the docker driver.\nSwitch to a different driver, or turn on the containerd image store, and try again.',
      1,
    ],
  ] as const) {
    it(`explains that ${situation}`, async () => {
      await using folder = await project();
      const PATH = await fakeDocker(folder.path, words, exit);
      const { exitCode, stdout } = await bantam(
        ['fn', 'build', '--push', '--builder', 'buildx'],
        at(folder.path, { PATH }),
      );
      assert.equal(exitCode, 1);
      assert.match(stdout, new RegExp(`${code}[\\s\\S]*next: `));
    });
  }

  it('believes no docker that says it is done and has written nothing', async () => {
    await using folder = await project();
    const PATH = await fakeDocker(folder.path, 'all fine', 0);
    for (const output of [[], ['--push'], ['--load'], ['--output', 'images']]) {
      const { exitCode, stdout } = await bantam(['fn', 'build', ...output], at(folder.path, { PATH }));
      assert.equal(exitCode, 1, output.join(' '));
      assert.match(stdout, /BAN-E208/);
    }
  });

  it('explains that there is no docker', async () => {
    await using folder = await project();
    await mkdir(join(folder.path, 'empty'));
    const { exitCode, stdout } = await bantam(
      ['fn', 'build', '--push', '--json', '--builder', 'buildx'],
      at(folder.path, { PATH: join(folder.path, 'empty') }),
    );
    assert.equal(exitCode, 1);
    const { functions } = JSON.parse(stdout) as { functions: readonly { failure: { code: string } }[] };
    assert.equal(functions[0]?.failure.code, 'BAN-E201');
  });

  describe('gateways', () => {
    const cases: readonly (readonly [string, RequestListener, string, number])[] = [
      [
        'answers 401',
        (_, response) =>
          response.writeHead(401, { 'www-authenticate': 'Basic realm="Restricted"' }).end('invalid credentials'),
        'BAN-E402',
        4,
      ],
      ['answers 404', (_, response) => response.writeHead(404).end('404 page not found\n'), 'BAN-E403', 1],
      ['answers 500', (_, response) => response.writeHead(500).end('no'), 'BAN-E405', 1],
      [
        'answers with a web page',
        (_, response) =>
          response.writeHead(200, { 'content-type': 'text/html' }).end('<html><title>Router</title></html>'),
        'BAN-E403',
        1,
      ],
      ['redirects to /ui/', (_, response) => response.writeHead(301, { location: '/ui/' }).end(), 'BAN-E403', 1],
    ];
    for (const [situation, listener, code, exit] of cases) {
      it(`explains one that ${situation}`, async () => {
        await using folder = await project();
        await using server = await serve(listener);
        const { exitCode, stderr } = await bantam(['fn', 'list', '--gateway', server.url], at(folder.path));
        assert.equal(exitCode, exit, stderr);
        assert.match(stderr, new RegExp(`${code}[\\s\\S]*next: `));
        assert.ok(stderr.includes(server.url));
      });
    }

    it('explains one that is down', async () => {
      await using folder = await project();
      const { exitCode, stderr } = await bantam(['fn', 'list', '--gateway', 'http://127.0.0.1:1'], at(folder.path));
      assert.equal(exitCode, 1);
      assert.match(stderr, /BAN-E401/);
    });

    it('gives up one that hangs, and stops at Ctrl-C meanwhile', async () => {
      await using folder = await project();
      await using server = await serve(() => undefined);
      const run = bantam(['fn', 'list', '-v', '--gateway', server.url], at(folder.path));
      assert.equal((await run).exitCode, 1);
      assert.match((await run).stderr, /BAN-E401/);
    });
  });

  it('leaves nothing at Ctrl-C while a gateway hangs, and exits 130', async () => {
    await using folder = await project();
    await using server = await serve((request, response) => {
      if (request.url?.startsWith('/system/info') === true)
        response
          .writeHead(200, { 'content-type': 'application/json' })
          .end('{"provider":{"provider":"faas-netes-ce","orchestration":"kubernetes"}}');
    });
    const { exitCode, stderr } = await bantam(['fn', 'list', '--gateway', server.url], {
      ...at(folder.path),
      interruptAt: /→ faas-netes/,
    });
    assert.equal(exitCode, 130, stderr);
    assert.match(stderr, /interrupted/);
  });

  for (const argv of [
    ['login', '--password-stdin'],
    ['fn', 'invoke', 'hello'],
  ]) {
    it(`stops at Ctrl-C while \`${argv.join(' ')}\` waits for its input`, async () => {
      await using folder = await project();
      const { exitCode, stderr } = await bantam([...argv, '-v', '--gateway', 'http://127.0.0.1:1'], {
        ...at(folder.path),
        inputStaysOpen: true,
        interruptAt: /reading standard input/,
      });
      assert.equal(exitCode, 130, stderr);
    });
  }

  it('keeps foreign entries of the credentials file when a login fails', async () => {
    await using folder = await project();
    await mkdir(join(folder.path, 'home/.openfaas'));
    const file = join(folder.path, 'home/.openfaas/config.yml');
    const text = 'auths:\n- gateway: http://other:8080\n  auth: basic\n  token: YTpi\n';
    await writeFile(file, text, { mode: 0o600 });
    await using server = await serve((_, response) => response.writeHead(401).end('invalid credentials'));
    const { exitCode } = await bantam(['login', '--gateway', server.url, '--password-stdin'], {
      ...at(folder.path),
      input: 'wrong\n',
    });
    assert.equal(exitCode, 4);
    assert.equal(await readFile(file, 'utf8'), text);
  });

  it('works when it is called through a link, from another folder', async () => {
    await using folder = await project();
    await symlink(join(root, 'dist/main.js'), join(folder.path, 'bantam'));
    const { exitCode, stdout } = await bantam(['--version'], {
      ...at(folder.path),
      program: join(folder.path, 'bantam'),
    });
    assert.equal(exitCode, 0);
    assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
  });
});
