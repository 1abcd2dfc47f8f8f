import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { type GatewayInMemory, startGatewayInMemory } from '../commands/gateway-in-memory.ts';
import { makeProject, type Project } from '../commands/project.ts';
import { skip } from '../real-parts.ts';
import { root } from './program.ts';
import { screenOf } from './screen.ts';

interface Session {
  /** Everything written so far. */
  output(): string;
  /** Resolves when the output matches. */
  until(pattern: RegExp): Promise<void>;
  type(keys: string): void;
  ended: Promise<number | null>;
}

/** Runs bantam on a terminal of its own, 70 columns wide: `script` of util-linux makes one. */
function startOnTerminal(project: Project, argv: readonly string[]): Session {
  const words = [process.execPath, join(root, 'dist/main.js'), ...argv].map(
    (word) => `'${word.replaceAll("'", `'\\''`)}'`,
  );
  const child = spawn('script', ['-qec', `stty cols 70 rows 24; exec ${words.join(' ')}`, '/dev/null'], {
    cwd: project.path,
    env: { ...process.env, CI: undefined, TERM: 'xterm', HOME: join(project.path, 'home'), SHELL: '/bin/sh' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let output = '';
  const waiting = new Set<() => void>();
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    for (const check of waiting) check();
  });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  return {
    output: () => output,
    until: (pattern) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          if (!pattern.test(output)) return;
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
        check();
        void ended.then((code) => reject(new Error(`ended with ${code} before ${pattern}:\n${output}`)));
      }),
    type: (keys) => child.stdin.write(keys),
    ended,
  };
}

describe('on a terminal', function () {
  this.timeout(60_000);
  let gateway: GatewayInMemory;
  let project: Project;
  const at = (): readonly string[] => ['--gateway', gateway.loggedIn];

  before(async function () {
    // BSD's `script` has other options.
    const { stdout, error } = spawnSync('script', ['--version'], { encoding: 'utf8' });
    if (error !== undefined || !/util-linux/.test(stdout))
      skip(this, 'no script of util-linux, which makes a terminal');
    gateway = await startGatewayInMemory();
    project = await makeProject();
  });
  after(async () => {
    await project?.[Symbol.asyncDispose]();
    await gateway?.[Symbol.asyncDispose]();
  });

  it('a table has a header and columns', async () => {
    const session = startOnTerminal(project, ['list', ...at()]);
    assert.equal(await session.ended, 0);
    assert.deepEqual(screenOf(session.output()).slice(0, 3), [
      `→ local (faas-netes dialect) at ${gateway.url}`,
      'FUNCTION   STATE       IMAGE',
      'hello      1 replica   registry.lan:5000/hello:1',
    ]);
  });

  it('an answer without a line end leaves the prompt a line of its own', async () => {
    const session = startOnTerminal(project, ['invoke', 'hello', '--path', '/broken', ...at()]);
    assert.equal(await session.ended, 1);
    assert.deepEqual(screenOf(session.output()), [
      'pong',
      'warning  hello  answered 500',
      '         next: bantam fn logs hello',
      '',
    ]);
  });

  it('live lines come, are drawn over, and are gone at the end', async () => {
    await gateway.deploy('one');
    await gateway.deploy('another');
    const session = startOnTerminal(project, ['fn', 'remove', 'one', 'another', ...at()]);
    await session.until(/one {6}being removed/);
    await session.until(/another {2}being removed/);
    gateway.provider.finishRemoval('one');
    gateway.provider.finishRemoval('another');
    assert.equal(await session.ended, 0, session.output());
    assert.deepEqual(screenOf(session.output()), [
      `→ local (faas-netes dialect) at ${gateway.url}`,
      'one       removed',
      'another   removed',
      '',
    ]);
  });

  it('Ctrl-C takes them away and says so', async () => {
    await gateway.deploy('stubborn');
    const session = startOnTerminal(project, ['fn', 'remove', 'stubborn', ...at()]);
    await session.until(/stubborn {2}being removed/);
    session.type('\u0003');
    assert.equal(await session.ended, 130);
    gateway.provider.finishRemoval('stubborn');
    // The terminal itself echoes the key.
    const screen = screenOf(session.output()).filter((line) => line !== '');
    assert.equal(screen.at(-1)?.replace('^C', ''), 'interrupted');
    assert.ok(!screen.some((line) => line.includes('being removed')), screen.join('\n'));
  });

  it('colours tell errors and targets apart', async () => {
    const session = startOnTerminal(project, ['fn', 'describe', 'nobody', ...at()]);
    assert.equal(await session.ended, 1);
    assert.ok(session.output().includes('\u001b[31merror\u001b[39m'), JSON.stringify(session.output()));
  });

  it('asks for a secret without showing what is typed', async () => {
    const session = startOnTerminal(project, ['secret', 'create', 'typed', ...at()]);
    await session.until(/value of typed \(not shown\)/);
    session.type('canary-typed-unseen\r');
    assert.equal(await session.ended, 0, session.output());
    assert.match(session.output(), /typed {3}created/);
    assert.ok(!session.output().includes('canary'), session.output());
    assert.equal((await gateway.secret('typed')).toString(), 'canary-typed-unseen');
  });

  it('Ctrl-C at that question sends nothing', async () => {
    const session = startOnTerminal(project, ['secret', 'create', 'never', ...at()]);
    await session.until(/value of never/);
    session.type('half of it\u0003');
    assert.equal(await session.ended, 130, session.output());
    assert.ok(!session.output().includes('half'), session.output());
    await assert.rejects(gateway.secret('never'));
  });

  it('login asks for the password without showing it', async () => {
    const login = ['login', '--gateway', gateway.url];
    const session = startOnTerminal(project, login);
    await session.until(/password of admin at .* \(not shown\)/);
    session.type(`${gateway.password}\r`);
    assert.equal(await session.ended, 0, session.output());
    assert.match(session.output(), /logged in to .* as admin/);
    assert.ok(!session.output().includes(gateway.password), session.output());
    const refused = startOnTerminal(project, login);
    await refused.until(/password of admin/);
    refused.type('\r');
    assert.equal(await refused.ended, 2, refused.output());
    assert.match(refused.output(), /no password was typed/);
  });
});
