import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { execa } from 'execa';
import { skip } from '../real-parts.ts';
import { bantam, temporaryFolder } from './program.ts';
import { findShell, installProgram, typeInto } from './shells.ts';

/** A gateway whose list of functions is somebody's attack on the shell that completes them, beside two honest names. */
const hostile = ['$(touch pwned)', '`touch pwned`', '; touch pwned', "'; touch pwned #", '\u001b[2J', 'a\nb', '-rf'];
const honest = ['deployed-one', 'hello'];

async function startGateway(
  names: readonly string[],
): Promise<{ readonly url: string; readonly server: Server; asked(): number }> {
  let asked = 0;
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    response.setHeader('content-type', 'application/json');
    if (path.startsWith('/system/info'))
      response.end(
        JSON.stringify({ provider: { provider: 'faas-netes', orchestration: 'kubernetes' }, arch: 'x86_64' }),
      );
    else if (path.startsWith('/system/functions')) {
      asked += 1;
      response.end(JSON.stringify(names.map((name) => ({ name, image: 'a' }))));
    } else if (path.startsWith('/system/secrets')) response.end(JSON.stringify([{ name: 'api-key' }]));
    else response.writeHead(404).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server, asked: () => asked };
}

const stackOf = (gateway: string): string => `provider: {name: openfaas, gateway: "${gateway}"}
functions:
  hello: {lang: bantam-ts, handler: ./hello, image: "registry.lan:5000/hello:1"}
  ping-pong: {lang: bantam-go, handler: ./ping-pong, image: "registry.lan:5000/ping-pong:1"}
x-bantam:
  targets:
    pi: {gateway: "http://pi-0.lan:31112"}
`;

describe('completion', function () {
  this.timeout(120_000);
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let gateway: Awaited<ReturnType<typeof startGateway>>;
  let bin: string;
  const ask = async (...words: readonly string[]): Promise<readonly string[]> => {
    const { stdout, stderr, exitCode } = await bantam(['__complete', '--', ...words], {
      folder: folder.path,
      environment: { HOME: folder.path, XDG_CACHE_HOME: join(folder.path, 'cache') },
    });
    assert.deepEqual([exitCode, stderr], [0, '']);
    return stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t')[0] ?? '');
  };

  before(async () => {
    folder = await temporaryFolder();
    gateway = await startGateway([...hostile, ...honest]);
    await mkdir(join(folder.path, 'home'));
    await writeFile(join(folder.path, 'stack.yml'), stackOf(gateway.url));
    await writeFile(join(folder.path, 'other stack.yml'), stackOf(gateway.url).replaceAll('ping-pong', 'elsewhere'));
    bin = await installProgram(folder.path);
  });
  after(async () => {
    gateway?.server.close();
    gateway?.server.closeAllConnections();
    await folder?.[Symbol.asyncDispose]();
  });

  for (const [words, expected] of [
    [['lo'], ['names', 'local', 'login', 'logout', 'logs']],
    [
      ['fn', 'de'],
      ['names', 'deploy', 'describe'],
    ],
    [['fn', 'lost', ''], ['names']],
    [
      ['deploy', ''],
      ['names', 'hello', 'ping-pong'],
    ],
    [
      ['deploy', 'hello', ''],
      ['names', 'ping-pong'],
    ],
    [
      ['deploy', '--', 'p'],
      ['names', 'ping-pong'],
    ],
    [
      ['-t', ''],
      ['names', 'pi'],
    ],
    [
      ['fn', 'build', '--platform', 'linux/amd64,linux/arm/'],
      ['names', 'linux/amd64,linux/arm/v7', 'linux/amd64,linux/arm/v6'],
    ],
    [
      ['fn', 'build', '--platform=linux/arm6'],
      ['names', '--platform=linux/arm64'],
    ],
    [
      ['fn', 'build', '--pus'],
      ['names', '--push'],
    ],
    [['fn', 'build', '--push', '--pus'], ['names']],
    [['-f', ''], ['files']],
    [
      ['-f', '"other stack.yml"', 'deploy', ''],
      ['names', 'hello', 'elsewhere'],
    ],
    [
      ['-f', 'other stack.yml', 'deploy', ''],
      ['names', 'hello', 'elsewhere'],
    ],
    [['-f', 'no such file', 'deploy', ''], ['names']],
    [
      ['new', 'x', '--lang', 'bantam-'],
      ['names', 'bantam-go', 'bantam-ts'],
    ],
    [
      ['completion', ''],
      ['names', 'bash', 'zsh', 'fish'],
    ],
    [['login', '--timeout'], ['names']],
    [[], ['names']],
  ] as const)
    it(`of ${JSON.stringify(words)} is ${expected.slice(1).join(', ') || expected[0]}`, async () => {
      const found = await ask(...words);
      if (words.length === 0) assert.ok(found.includes('deploy') && found.includes('fn'), found.join(' '));
      else assert.deepEqual(found, expected);
    });

  it('believes a gateway only names that can be one, and asks it once in a while', async () => {
    assert.deepEqual(await ask('fn', 'remove', ''), ['names', ...honest]);
    const before = gateway.asked();
    assert.deepEqual(await ask('fn', 'invoke', ''), ['names', 'hello', 'ping-pong', 'deployed-one']);
    assert.ok(gateway.asked() <= before + 1);
    const cache = join(folder.path, 'cache/bantam/completion');
    for (const name of await readdir(cache))
      assert.match(await readFile(join(cache, name), 'utf8'), /^[a-z0-9.\n-]*$/, 'only names are kept');
  });

  it('gives up on a gateway that says nothing', async () => {
    const silent = createServer(() => undefined);
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    assert.deepEqual(await ask('-g', url, 'fn', 'remove', ''), ['names']);
    silent.closeAllConnections();
    silent.close();
  });

  it('says nothing about a stack file that is not valid', async () => {
    await writeFile(join(folder.path, 'broken.yml'), 'functions: [');
    assert.deepEqual(await ask('-f', 'broken.yml', 'deploy', ''), ['names']);
  });

  for (const name of ['bash', 'zsh'] as const)
    it(`works in a real ${name}, and evaluates nothing`, async function () {
      const tool = spawnSync('script', ['--version'], { encoding: 'utf8' });
      if (tool.error !== undefined || !/util-linux/.test(tool.stdout))
        skip(this, 'no script of util-linux, which makes a terminal');
      const shell = await findShell(name).catch((error: Error) => skip(this, error.message));
      const { stdout } = await bantam(['completion', name], { folder: folder.path });
      await writeFile(join(folder.path, 'completion'), stdout);
      // What a completed line came to is shown by a function of the same name; the script asks the program itself.
      const show = `bantam() { printf ran; printf :; printf '<%s>' "$@"; echo; }`;
      const cases: readonly (readonly [string, string])[] = [
        ['bantam fn dep\thel\t', '<fn><deploy><hello>'],
        ['bantam fn build --platform linux/amd64,linux/arm6\t', '<fn><build><--platform><linux/amd64,linux/arm64>'],
        ['bantam fn build --platform=linux/arm6\t', '<fn><build><--platform=linux/arm64>'],
        [`bantam --gateway ${gateway.url} fn remove dep\t`, `<--gateway><${gateway.url}><fn><remove><deployed-one>`],
        ['bantam -f other\t deploy els\t', '<-f><other stack.yml><deploy><elsewhere>'],
        ['bantam fn remove $\t', '<fn><remove><$>'],
        ['bantam -t p\t', '<-t><pi>'],
      ];
      const lines = [
        [...shell.prepare, 'source ./completion', show, 'bantam ready'].join('; '),
        ...cases.map(([line]) => line),
      ];
      const answers = await typeInto(shell, { folder: folder.path, bin, lines });
      assert.deepEqual(answers, ['<ready>', ...cases.map(([, answer]) => answer)]);
      assert.ok(!(await readdir(folder.path)).includes('pwned'));
    });

  it('works in a real fish, and evaluates nothing', async function () {
    const shell = await findShell('fish').catch((error: Error) => skip(this, error.message));
    const { stdout } = await bantam(['completion', 'fish'], { folder: folder.path });
    const asked = [
      'bantam fn deploy ',
      'bantam fn build --platform=linux/arm6',
      'bantam -f "other stack.yml" deploy els',
      'bantam fn remove ',
      'bantam -f oth',
    ];
    const script = `${shell.prepare.join('\n')}\n${stdout}\n${asked.map((line) => `echo "> ${line.replaceAll('"', '\\"')}"; complete -C '${line}'`).join('\n')}\n`;
    await writeFile(join(folder.path, 'completion.fish'), script);
    const run = await execa(shell.program, [...shell.argv, join(folder.path, 'completion.fish')], {
      cwd: folder.path,
      env: {
        ...shell.environment,
        PATH: `${bin}:${process.env['PATH']}`,
        HOME: join(folder.path, 'home'),
        XDG_CACHE_HOME: join(folder.path, 'cache'),
      },
    });
    assert.deepEqual(run.stdout.split('\n'), [
      `> ${asked[0]}`,
      'hello\tbantam-ts',
      'ping-pong\tbantam-go',
      `> ${asked[1]}`,
      '--platform=linux/arm64',
      `> ${asked[2]}`,
      'elsewhere\tbantam-go',
      `> ${asked[3]}`,
      'deployed-one',
      'hello',
      `> ${asked[4]}`,
      'other stack.yml',
    ]);
    assert.ok(!(await readdir(folder.path)).includes('pwned'));
  });
});
