import assert from 'node:assert/strict';
import { skip } from '../../real-parts.ts';
import { hasGo, removeTemporaryFolders } from '../build-context.ts';
import { endReplicas, type ReplicaProcess, startProcess } from '../replica-process.ts';
import { ask, compileFiles, handlerText, openConnection } from './go-function.ts';

const answer = '\tw.Write([]byte("from the handler"))';

describe('bantam-go that is told to end while the function is loading', function () {
  this.timeout(120_000);
  let root = '';
  before(async function () {
    if (!hasGo) skip(this, 'no Go compiler on PATH');
    const init = 'func init() {\n\tpause, _ := time.ParseDuration(os.Getenv("load"))\n\ttime.Sleep(pause)\n}';
    root = await compileFiles({ 'handler.go': handlerText(['os', 'time'], answer, init) });
  });
  afterEach(endReplicas);
  after(removeTemporaryFolders);

  /** Starts it with a call that waits, and resolves when it has been sent the signal and said so. */
  async function startAndSignal(
    environment: Record<string, string>,
    program = root,
  ): Promise<{ replica: ReplicaProcess; waiting: Awaited<ReturnType<typeof openConnection>> }> {
    const replica = startProcess(program, 'go', environment);
    await replica.waitForLine(/listening on port/);
    const waiting = await openConnection(replica.url);
    waiting.socket.write('GET / HTTP/1.1\r\nHost: x\r\nX-Call-Id: early-1\r\n\r\n');
    await ask(`${replica.url}/_/ready`); // answered after the call has been seen
    replica.child.kill('SIGTERM');
    return { replica, waiting };
  }

  it('answers the calls that wait when it has loaded, although the port was closed meanwhile', async () => {
    const { replica, waiting } = await startAndSignal({ load: '4s', healthcheck_interval: '300ms' });
    await replica.waitForLine(/SIGTERM: the handler is still loading/);
    const askUntilClosed = async (): Promise<void> => {
      for (;;) assert.equal((await ask(`${replica.url}/_/ready`)).status, 503);
    };
    await assert.rejects(askUntilClosed(), /ECONNREFUSED/);
    assert.doesNotMatch(replica.output(), /handler loaded/);
    assert.match(await waiting.ended, /^HTTP\/1\.1 200 OK[\s\S]*Connection: close[\s\S]*from the handler/);
    assert.equal(await replica.ended, 0, replica.output());
  });

  it('serves what comes within healthcheck_interval, if it has loaded by then', async () => {
    const { replica, waiting } = await startAndSignal({ load: '1s', healthcheck_interval: '4s' });
    await replica.waitForLine(/handler loaded/);
    assert.equal((await ask(`${replica.url}/_/ready`)).status, 503);
    assert.equal((await ask(`${replica.url}/_/health`)).status, 200);
    assert.equal((await ask(replica.url)).body, 'from the handler');
    assert.match(await waiting.ended, /from the handler/);
    assert.equal(await replica.ended, 0, replica.output());
  });

  it('refuses the calls that wait at drain_timeout and at a second signal, and ends with 0', async () => {
    for (const [drain_timeout, second] of [
      ['500ms', undefined],
      ['1m', 'SIGINT'],
    ] as const) {
      const { replica, waiting } = await startAndSignal({ load: '90s', drain_timeout });
      await replica.waitForLine(/SIGTERM: the handler is still loading/);
      if (second !== undefined) replica.child.kill(second);
      assert.match(await waiting.ended, /^HTTP\/1\.1 503 [\s\S]*Retry-After: 1\r\n[\s\S]*\(call early-1\)\n$/);
      assert.equal(await replica.ended, 0, replica.output());
      assert.match(replica.output(), /^bantam: .+: ends before the handler has loaded$/m);
    }
  });

  it('ends when the port is closed and nobody waits, in the form of log that was asked for', async () => {
    const replica = startProcess(root, 'go', { load: '90s', healthcheck_interval: '0', log_format: 'json' });
    await replica.waitForLine(/listening on port/);
    const silent = await openConnection(replica.url);
    replica.child.kill('SIGINT');
    assert.equal(await replica.ended, 0, replica.output());
    assert.equal(await silent.ended, '');
    const messages = replica
      .output()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).message);
    assert.deepEqual(messages.slice(1), [
      'SIGINT: the handler is still loading',
      'no call waits: ends before the handler has loaded',
    ]);
  });

  it('keeps a signal that comes before package os/signal is there', async () => {
    const spin = 'var Done = spin()\n\nfunc spin() (n uint64) {\n\tfor n < 6e9 {\n\t\tn++\n\t}\n\treturn n\n}\n';
    const early = await compileFiles({
      'handler.go': handlerText(['handler/function/Aspin'], `\t_ = Aspin.Done\n${answer}`),
      'Aspin/spin.go': `package Aspin\n\n${spin}`,
    });
    for (const GOMAXPROCS of ['1', '2']) {
      const { replica, waiting } = await startAndSignal({ healthcheck_interval: '0', GOMAXPROCS }, early);
      assert.match(await waiting.ended, /from the handler/);
      assert.equal(await replica.ended, 0, replica.output());
    }
  });
});
