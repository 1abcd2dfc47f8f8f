import assert from 'node:assert/strict';
import { once } from 'node:events';
import { join } from 'node:path';
import { execa } from 'execa';
import { root } from '../e2e/program.ts';
import { type GatewayInMemory, startGatewayInMemory } from './gateway-in-memory.ts';
import { makeProject, type Project } from './project.ts';

const program = join(root, 'dist/main.js');
const colour = '\u001b[';

describe('what commands print', function () {
  this.timeout(60_000);
  let gateway: GatewayInMemory;
  let project: Project;
  const at = (): readonly string[] => ['--gateway', gateway.loggedIn];

  before(async () => {
    gateway = await startGatewayInMemory();
    project = await makeProject();
  });
  after(async () => {
    await project?.[Symbol.asyncDispose]();
    await gateway?.[Symbol.asyncDispose]();
  });

  it('into a pipe: tab-separated values without a header; the story on stderr', async () => {
    const { exitCode, stdout, stderr } = await project.run(['list', ...at()]);
    assert.equal(exitCode, 0, stderr);
    assert.equal(stdout, 'hello\tdeployed\t\t1\tregistry.lan:5000/hello:1\t\n');
    assert.equal(stderr, `→ local (faas-netes dialect) at ${gateway.url}\n`);
  });

  it('never shows the password of a gateway’s address', async () => {
    for (const argv of [['list'], ['list', '-v'], ['list', '--json'], ['fn', 'describe', 'nobody'], ['doctor']]) {
      const { stdout, stderr } = await project.run([...argv, ...at()]);
      assert.ok(!`${stdout}${stderr}`.includes(gateway.password), argv.join(' '));
    }
  });

  it('--quiet: the answer and nothing else', async () => {
    for (const flag of ['-q', '--quiet']) {
      const { stdout, stderr } = await project.run(['list', flag, ...at()]);
      assert.deepEqual([stdout.split('\t')[0], stderr], ['hello', '']);
    }
    const failing = await project.run(['fn', 'describe', 'nobody', '-q', ...at()]);
    assert.match(failing.stderr, /^error {2}BAN-E404/, 'failures are told all the same');
  });

  it('--verbose: the requests too', async () => {
    const { stderr } = await project.run(['list', '-v', ...at()]);
    assert.match(stderr, /GET .*\/system\/functions/);
  });

  it('colour only where it is wanted', async () => {
    const colours = async (argv: readonly string[], environment: Record<string, string>): Promise<boolean> => {
      const { stdout, stderr } = await project.run(['fn', 'describe', 'nobody', ...argv, ...at()], { environment });
      return `${stdout}${stderr}`.includes(colour);
    };
    assert.equal(await colours([], {}), false, 'a pipe');
    assert.equal(await colours([], { FORCE_COLOR: '1' }), true, 'FORCE_COLOR');
    assert.equal(await colours([], { FORCE_COLOR: '1', NO_COLOR: '1' }), false, 'NO_COLOR');
    assert.equal(await colours(['--no-color'], { FORCE_COLOR: '1' }), false, '--no-color');
  });

  it('a reader that goes away early is no failure', async () => {
    gateway.provider.lines = Array.from({ length: 20_000 }, (_, number) => ({
      instance: 'hello-1',
      timestamp: '2026-01-31T12:00:00Z',
      text: `line ${number}`,
    }));
    const script = 'set -o pipefail; "$@" | head -n 1';
    const argv = ['-c', script, 'bash', process.execPath, program, 'fn', 'logs', 'hello', ...at()];
    const { exitCode, stdout, stderr } = await execa('bash', argv, { cwd: project.path, reject: false });
    gateway.provider.lines = [];
    assert.deepEqual([exitCode, stdout, stderr], [0, '2026-01-31T12:00:00Z line 0', '']);
  });

  it('nobody who reads the story is no failure either', async () => {
    const script = 'exec 3>&1; set -o pipefail; { "$@" 2>&1 >&3 3>&- ; echo "exit $?" >&3; } | true';
    const argv = ['-c', script, 'bash', process.execPath, program, 'list', '-v', ...at()];
    const { stdout } = await execa('bash', argv, { cwd: project.path, reject: false });
    assert.match(stdout, /^hello\t.*\nexit 0$/);
  });

  it('fn logs --follow goes on until Ctrl-C, which is exit 130', async () => {
    gateway.provider.lines = [{ instance: 'hello-1', timestamp: '2026-01-31T13:00:00+01:00', text: 'up' }];
    const following = execa(process.execPath, [program, 'logs', 'hello', '--follow', ...at()], {
      cwd: project.path,
      reject: false,
    });
    const [first] = await once(following.stdout, 'data');
    assert.equal(String(first), '2026-01-31T12:00:00Z up\n');
    following.kill('SIGINT');
    const { exitCode, stderr } = await following;
    gateway.provider.lines = [];
    assert.deepEqual([exitCode, stderr], [130, '']);
  });

  it('the lines of several logs stand in columns', async () => {
    gateway.provider.lines = [{ instance: 'x', timestamp: '2026-01-31T12:00:00Z', text: 'up' }];
    await gateway.deploy('hi');
    const { stdout } = await project.run(['logs', 'hello', 'hi', ...at()]);
    gateway.provider.lines = [];
    assert.deepEqual(stdout.trimEnd().split('\n').sort(), [
      'hello  2026-01-31T12:00:00Z up',
      'hi     2026-01-31T12:00:00Z up',
    ]);
  });

  it('the answer of a function to the byte', async () => {
    const { exitCode, stdout, stderr } = await project.run(['invoke', 'hello', ...at()], { input: 'ping' });
    assert.deepEqual([exitCode, stdout, stderr], [0, 'pong', '']);
    const failed = await project.run(['invoke', 'hello', '--path', 'broken', ...at()]);
    assert.deepEqual([failed.exitCode, failed.stdout], [1, 'pong']);
    assert.match(failed.stderr, /answered 500\n +next: bantam fn logs hello/);
  });
});

describe('wrong usage', function () {
  this.timeout(60_000);
  let project: Project;
  before(async () => {
    project = await makeProject();
  });
  after(async () => await project?.[Symbol.asyncDispose]());

  for (const [argv, words] of [
    [['fn', 'list', '--colour'], /unknown option '--colour'/],
    [
      ['fn', 'deploy', '--timeout', 'long'],
      /'--timeout <seconds>' argument 'long' is invalid\. It takes a whole number\./,
    ],
    [['local', 'up', '--port', '-1'], /'--port <number>' argument '-1' is invalid/],
    [['fn', 'invoke'], /missing required argument 'name'/],
    [['fn', 'invoke', 'a', 'b'], /too many arguments/],
    [['deplyo'], /^error {2}BAN-E001 {2}unknown command 'deplyo'\n {7}next: did you mean deploy\? bantam --help/],
    [['fn', 'build', '--push', '--load'], /exclude each other/],
    [['login', '--gateway', 'http://127.0.0.1:1'], /nobody can be asked for the password here/],
    [['login', '--gateway', 'http://127.0.0.1:1', '--password-stdin'], /standard input held no password/],
    [['login', '--gateway', 'http://127.0.0.1:1', '--password', 'x'], /unknown option '--password'/],
    [['fn', 'invoke', 'hello', '-d', 'a', '--file', 'b'], /exclude each other/],
    [['fn', 'invoke', 'hello', '-H', 'nonsense'], /no header/],
  ] as const) {
    it(`bantam ${argv.join(' ')}: exit 2 and why`, async () => {
      const { exitCode, stdout, stderr } = await project.run(argv);
      assert.equal(exitCode, 2, stderr);
      assert.match(stderr, words);
      assert.equal(stdout, '');
    });
  }

  it('--help of every command shows examples and is no failure', async () => {
    const { commands } = await import('../../cli/command-table.ts');
    for (const { path } of commands) {
      const { exitCode, stdout } = await project.run([...path, '--help']);
      assert.equal(exitCode, 0);
      assert.match(stdout, new RegExp(`^Usage: bantam ${path.join(' ')} [\\s\\S]*Examples:\n {2}\\$ `), path.join(' '));
    }
  });
});
