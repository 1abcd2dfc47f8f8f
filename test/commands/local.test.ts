import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { detach } from '../../cli/commands/local/detach.ts';
import { listSome } from '../../cli/commands/local/up-facts.ts';
import { openContext } from '../../cli/context.ts';
import { Interrupted, UserError } from '../../cli/errors.ts';
import { stopProcess } from '../../cli/local/running-gateway.ts';
import { startOf, writeInstance } from '../../cli/local/state/instance-file.ts';
import { keepLogShort, lastLogLines } from '../../cli/local/state/log-file.ts';
import { until } from '../local/until.ts';
import { runInProcess } from './in-process.ts';

describe('bantam local, one command at a time', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bantam-local-command-'));
    await mkdir(join(folder, '.git'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });
  const run = async (...argv: string[]) => await runInProcess(['local', ...argv], { folder });
  const noSignal = new AbortController().signal;
  const sleeper = async () => {
    const child = spawn('sleep', ['600'], { stdio: 'ignore' });
    await once(child, 'spawn');
    const ended = once(child, 'close');
    const pid = child.pid ?? 0;
    const started = startOf(pid);
    const record = {
      instance: 'cafe0001',
      url: 'http://127.0.0.1:9',
      user: 'admin',
      password: 'x',
      pid,
      ...(started === undefined ? {} : { started }),
    };
    const end = async (): Promise<void> => {
      child.kill('SIGKILL');
      await ended;
    };
    return { record, end };
  };

  it('refuses what it cannot be, before anything starts', async () => {
    await writeFile(join(folder, 'empty'), '\n');
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [['--provider', 'podman'], /BAN-E001 {2}there is no provider "podman"/],
      [['--provider', 'docker', '--trust'], /BAN-E001 {2}--trust is for the process provider/],
      [['--registry-quota', 'much'], /BAN-E001 {2}"much" is no size/],
      [['--registry-quota', '-5Gi'], /BAN-E001/],
      [['--port', '70000'], /BAN-E001 {2}70000 is no port/],
      [['--username', 'a:b'], /BAN-E001 {2}"a:b" cannot be a user name/],
      [['--as', 'swarm'], /BAN-E630/],
      [['--password-file', 'nowhere'], /BAN-E003 {2}the password file .*nowhere cannot be read \(ENOENT\)/],
      [['--password-file', 'empty'], /BAN-E003 {2}the password file .*empty is empty/],
    ];
    for (const [argv, expected] of cases) {
      const { exitCode, stderr } = await run('up', ...argv);
      assert.match(stderr, expected);
      assert.notEqual(exitCode, 0);
    }
    assert.deepEqual((await readdir(folder)).sort(), ['.git', 'empty']);
  });

  it('names a folder that cannot be written', async () => {
    await writeFile(join(folder, '.bantam'), 'a file');
    for (const more of [[], ['--detach']]) {
      const { exitCode, stderr } = await run('up', '--port', '0', ...more);
      assert.equal(exitCode, 1);
      assert.match(stderr, /BAN-E003 {2}.*\.bantam.*: it exists already/);
    }
  });

  it('says of a gateway in the background that ended without a word what its log holds', async () => {
    const packageFolder = join(folder, 'package');
    await mkdir(join(packageFolder, 'dist'), { recursive: true });
    await writeFile(join(packageFolder, 'package.json'), '{"version":"0.0.0"}');
    await writeFile(join(packageFolder, 'dist/main.js'), 'console.error("last words"); process.exit(3);');
    const surroundings = {
      environment: process.env,
      folder,
      home: folder,
      packageFolder,
      ...streams,
      signal: noSignal,
    };
    const globals = { stack: undefined, gateway: undefined, namespace: undefined, json: false, yes: false };
    const context = openContext(surroundings, globals, () => undefined);
    const options = {
      port: 0,
      username: undefined,
      passwordFile: undefined,
      provider: undefined,
      as: undefined,
      ce: false,
      trust: false,
      detach: true,
      listen: undefined,
      registryQuota: undefined,
    };
    const stateFolder = join(folder, '.bantam');
    await assert.rejects(detach({ options, globals, stateFolder }, context), (error) => {
      assert.ok(error instanceof UserError);
      assert.equal(error.code, 'BAN-E628');
      assert.match(error.message, /ended while it started \(exit code 3\)/);
      assert.deepEqual(error.details, ['last words']);
      return true;
    });
    // One that does not come up at all is ended by Ctrl-C.
    await writeFile(join(packageFolder, 'dist/main.js'), 'setInterval(() => undefined, 1000);');
    const interrupt = new AbortController();
    const waiting = detach(
      { options, globals, stateFolder },
      openContext({ ...surroundings, signal: interrupt.signal }, globals, () => undefined),
    );
    interrupt.abort();
    await assert.rejects(waiting, Interrupted);
    assert.deepEqual((await readdir(stateFolder)).sort(), ['.gitignore', 'local.log', 'local.log.1']);
    assert.equal(await readFile(join(stateFolder, 'local.log.1'), 'utf8'), 'last words\n');
  });

  it('kills a gateway that does not end, and says so if even that is in vain, or it is another user’s', async () => {
    const { record, end } = await sleeper();
    try {
      const deaf = { patience: 20, killPatience: 20, send: () => undefined };
      await assert.rejects(stopProcess(record, deaf, noSignal), {
        code: 'BAN-E629',
        message: /is still there after it was killed/,
      });
      const foreign = (): never => {
        throw Object.assign(new Error('kill EPERM'), { code: 'EPERM' });
      };
      await assert.rejects(stopProcess(record, { patience: 20, send: foreign }, noSignal), {
        code: 'BAN-E629',
        message: /another user’s/,
      });
      await assert.rejects(stopProcess(record, deaf, AbortSignal.abort()), Interrupted);
      const sent: string[] = [];
      const stubborn = (pid: number, name: 'SIGTERM' | 'SIGKILL'): void => {
        sent.push(name);
        if (name === 'SIGKILL') process.kill(pid, name);
      };
      assert.equal(
        await stopProcess(record, { patience: 20, killPatience: 20_000, send: stubborn }, noSignal),
        'killed',
      );
      assert.deepEqual(sent, ['SIGTERM', 'SIGKILL']);
    } finally {
      await end();
    }
  });

  it('tells of a gateway that lives and does not answer, or answers something else', async () => {
    const { record, end } = await sleeper();
    const other = createServer((_, outgoing) => void outgoing.writeHead(503).end('the local gateway is starting'));
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    assert.ok(typeof address === 'object' && address !== null);
    try {
      await mkdir(join(folder, '.bantam'));
      await writeInstance(join(folder, '.bantam'), record);
      const silent = await run('status');
      assert.equal(silent.exitCode, 1);
      assert.match(
        silent.stderr,
        /BAN-E401 {2}the local gateway at http:\/\/127.0.0.1:9 \(process \d+\) does not answer/,
      );
      await writeInstance(join(folder, '.bantam'), { ...record, url: `http://127.0.0.1:${address.port}` });
      const busy = await run('status');
      assert.match(busy.stderr, /BAN-E405 .* answered 503 instead of telling how it is: the local gateway is starting/);
      const down = await run('down');
      assert.equal(down.exitCode, 0);
      assert.match(down.stdout, /^stopped the local gateway at .* \(process \d+\)\n$/);
    } finally {
      other.close();
      await end();
    }
  });

  it('keeps the log of a gateway in the background short', async () => {
    const path = join(folder, 'local.log');
    await writeFile(path, 'x'.repeat(2 << 20));
    const stop = keepLogShort(folder, (error) => assert.fail(String(error)), 5);
    try {
      await until('it is cut', async () => (await readFile(path)).length === 0);
      await until('what was there is kept', async () => (await readdir(folder)).includes('local.log.1'));
    } finally {
      stop();
    }
    await writeFile(path, 'one\ntwo\nthree\n');
    assert.deepEqual(await lastLogLines(folder, 2), ['two', 'three']);
    assert.deepEqual(await lastLogLines(join(folder, 'nowhere'), 2), []);
  });

  it('names the first ones of many functions', () => {
    const names = (count: number) => Array.from({ length: count }, (_, index) => `f${index}`);
    assert.equal(listSome(names(2)), 'f0, f1');
    assert.equal(listSome(names(11)), names(11).join(', '));
    assert.equal(listSome(names(500)), `${names(10).join(', ')} and 490 more`);
  });

  it('queues a call with a callback', async () => {
    const invoke = async (...argv: string[]) =>
      await runInProcess(['fn', 'invoke', 'hello', '--gateway', 'http://127.0.0.1:1', ...argv], { folder });
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [['--callback', 'http://127.0.0.1:9/'], /BAN-E001 {2}--callback is for queued calls/],
      [['--async', '--callback', 'ftp://127.0.0.1/'], /BAN-E001 {2}"ftp:\/\/127.0.0.1\/" is no address for a callback/],
      [['--async', '--callback', 'done'], /BAN-E001/],
      [['--async', '--method', 'get'], /BAN-E001 {2}queued calls are POST, not GET/],
    ];
    for (const [argv, expected] of cases) assert.match((await invoke(...argv)).stderr, expected);
    const queue = createServer((incoming, outgoing) => {
      const { method, url, headers } = incoming;
      if (url === '/system/info')
        return void outgoing.end(JSON.stringify({ provider: { provider: 'faas-netes', orchestration: 'kubernetes' } }));
      outgoing.writeHead(202, { 'X-Call-Id': `${method} ${url} ${headers['x-callback-url']}` }).end();
    });
    queue.listen(0, '127.0.0.1');
    await once(queue, 'listening');
    const address = queue.address();
    assert.ok(typeof address === 'object' && address !== null);
    const said = await runInProcess(
      [
        'fn',
        'invoke',
        'hello',
        '--gateway',
        `http://127.0.0.1:${address.port}`,
        '--async',
        '--callback',
        'http://127.0.0.1:9/done',
      ],
      { folder },
    );
    queue.close();
    queue.closeAllConnections();
    assert.equal(said.stdout, 'queued as POST /async-function/hello http://127.0.0.1:9/done\n');
  });
});

const streams = { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr };
