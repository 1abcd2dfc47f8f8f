import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { skip } from '../../real-parts.ts';
import { type FunctionFiles, hasGo, makeTemporaryFolder, removeTemporaryFolders } from '../build-context.ts';
import { endReplicas, type ReplicaProcess, startProcess } from '../replica-process.ts';
import { ask, compileFiles, handlerText, openConnection } from './go-function.ts';

const answer = '\tw.Write([]byte("from the handler"))';

/** Where code may keep a Go program from starting: each blocks for longer than faas-netes would let it live. */
const blocked: readonly { readonly name: string; readonly files: FunctionFiles }[] = [
  {
    name: 'init() of the function sleeps',
    files: { 'handler.go': handlerText(['time'], answer, 'func init() {\n\ttime.Sleep(7 * time.Second)\n}') },
  },
  {
    name: 'a variable of the function is computed without an end in sight, with nothing imported',
    files: {
      'handler.go': handlerText(['handler/function/Aspin'], `\t_ = Aspin.Done\n${answer}`),
      'Aspin/spin.go':
        'package Aspin\n\nvar Done = spin()\n\nfunc spin() (n uint64) {\n\tfor n < 16e9 {\n\t\tn++\n\t}\n\treturn n\n}\n',
    },
  },
  {
    name: 'a dependency whose path sorts before all others sleeps',
    files: {
      'go.mod':
        'module handler/function\n\ngo 1.25.0\n\nrequire 0.example.com/slow v0.0.0\n\nreplace 0.example.com/slow => ./slow\n',
      'slow/go.mod': 'module 0.example.com/slow\n\ngo 1.25.0\n',
      'slow/slow.go':
        'package slow\n\nimport "time"\n\nvar Done = true\n\nfunc init() {\n\ttime.Sleep(7 * time.Second)\n}\n',
      'handler.go': handlerText(['0.example.com/slow'], `\t_ = slow.Done\n${answer}`),
    },
  },
];

/** Asks for health until it is 200 and returns how many milliseconds after `start` that was; it has to be 503 before. */
async function waitForHealth(replica: ReplicaProcess, start: number): Promise<{ first: number; at: number }> {
  const first = await ask(`${replica.url}/_/health`);
  for (let last = first; ; last = await ask(`${replica.url}/_/health`)) {
    if (last.status === 200) return { first: first.status, at: performance.now() - start };
    assert.equal(last.status, 503);
    await sleep(20);
  }
}

describe('bantam-go while the function is loading', function () {
  this.timeout(300_000);
  before(function () {
    if (!hasGo) skip(this, 'no Go compiler on PATH');
  });
  afterEach(endReplicas);
  after(removeTemporaryFolders);

  for (const { name, files } of blocked) {
    it(`answers health although ${name}, on one processor too`, async () => {
      const root = await compileFiles(files);
      for (const environment of [{ GOMAXPROCS: '1' }, {}] as Record<string, string>[]) {
        const start = performance.now();
        const replica = startProcess(root, 'go', { ...environment, BANTAM_DEPLOY: 'd-1' });
        await replica.waitForLine(/listening on port/);
        const ready = await ask(`${replica.url}/_/ready`, { headers: { 'X-Call-Id': 'probe-1' } });
        assert.deepEqual([ready.status, ready.headers['x-call-id']], [503, 'probe-1']);
        assert.equal(ready.headers['x-bantam-deploy'], 'd-1');
        assert.match(String(ready.headers['x-duration-seconds']), /^\d+\.\d{6}$/);
        assert.match(String(ready.headers['x-start-time']), /^\d{19}$/);
        assert.equal((await ask(`${replica.url}/_/health`, { method: 'POST' })).status, 405);
        const waiting = ask(`${replica.url}/x`, { method: 'POST', body: 'b'.repeat(100_000) });
        const { first, at } = await waitForHealth(replica, start);
        assert.equal(first, 503);
        assert.doesNotMatch(replica.output(), /handler loaded/, 'health is 200 before the handler is there');
        assert.ok(at > 3_500, `${at}`); // the budget of 4 s is over; how late beyond is the machine's business
        assert.equal((await waiting).body, 'from the handler');
        await replica.waitForLine(/handler loaded/);
        assert.equal((await ask(`${replica.url}/_/ready`)).status, 200);
        await endReplicas();
      }
    });
  }

  it('holds 1000 calls and refuses one more, with its id', async () => {
    const root = await compileFiles({
      'handler.go': handlerText(['time'], answer, 'func init() {\n\ttime.Sleep(5 * time.Second)\n}'),
    });
    const replica = startProcess(root, 'go');
    await replica.waitForLine(/listening on port/);
    const answers = await Promise.all(
      Array.from({ length: 1003 }, (_, number) => ask(replica.url, { headers: { 'X-Call-Id': `call-${number}` } })),
    );
    const refused = answers.filter(({ status }) => status === 503);
    assert.equal(refused.length, 3);
    for (const { headers, body } of refused) {
      assert.equal(headers['retry-after'], '1');
      assert.match(body, new RegExp(`^[^\\n]+\\(call ${headers['x-call-id']}\\)\\n$`));
    }
    assert.equal(answers.filter(({ body }) => body === 'from the handler').length, 1000);
  });

  it('gives the places of callers who have left to others, and counts how long a call has waited', async () => {
    const root = await compileFiles({
      'handler.go': handlerText(['time'], answer, 'func init() {\n\ttime.Sleep(6 * time.Second)\n}'),
    });
    const replica = startProcess(root, 'go');
    await replica.waitForLine(/listening on port/);
    const left = await Promise.all(Array.from({ length: 1000 }, () => openConnection(replica.url)));
    for (const { socket } of left) socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await ask(`${replica.url}/_/ready`);
    for (const { socket } of left) socket.destroy();
    const before = BigInt(Date.now()) * 1_000_000n;
    const { status, headers } = await ask(replica.url);
    const waited = Number(headers['x-duration-seconds']);
    assert.equal(status, 200);
    assert.ok(waited > 0.5, `${waited}`);
    const after = BigInt(Date.now()) * 1_000_000n;
    const started = BigInt(String(headers['x-start-time']));
    assert.ok(before - 5_000_000n < started && started < after - 500_000_000n, `${before} ${started} ${after}`);
  });

  it('answers health although connections that ask nothing take all the files it may have', async () => {
    // What starts in the process needs files of its own, Go's runtime too, which ends without them.
    const busy = 'for begun := time.Now(); time.Since(begun) < 300*time.Millisecond; {\n\t}';
    const open =
      'for range 3 {\n\t\tif _, err := os.Open("/proc/self/status"); err != nil {\n\t\t\tpanic(err)\n\t\t}\n\t}';
    const root = await compileFiles({
      'handler.go': handlerText(
        ['os', 'time'],
        answer,
        `func init() {\n\t${busy}\n\t${open}\n\ttime.Sleep(90 * time.Second)\n}`,
      ),
    });
    const limited = await makeTemporaryFolder();
    const script = `#!/bin/sh\nulimit -n 24\nexec "${root}/function"\n`;
    await writeFile(join(limited, 'function'), script, { mode: 0o755 });
    const replica = startProcess(limited, 'go');
    await replica.waitForLine(/listening on port/);
    await Promise.all(Array.from({ length: 40 }, () => openConnection(replica.url)));
    for (let asked = 0; asked < 2; asked += 1) {
      const ready = await ask(`${replica.url}/_/ready`).catch((error: unknown) =>
        assert.fail(`${error}\n${replica.output()}`),
      );
      assert.equal(ready.status, 503);
    }
  });

  it('opens the port early on localhost and IPv6 too, and hears SIGTERM where it cannot', async () => {
    const root = await compileFiles({
      'handler.go': handlerText(['time'], answer, 'func init() {\n\ttime.Sleep(90 * time.Second)\n}'),
    });
    const hasIPv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'));
    for (const [BANTAM_HOST, address] of [
      ['localhost', '127.0.0.1'],
      ['::', '127.0.0.1'],
      ...(hasIPv6 ? ([['::1', '[::1]']] as const) : []),
    ] as const) {
      const replica = startProcess(root, 'go', { BANTAM_HOST });
      const [, port] = /(\d+)$/.exec(await replica.waitForLine(/listening on port/)) ?? [];
      assert.equal((await ask(`http://${address}:${port}/_/ready`)).status, 503);
      await endReplicas();
    }
    const replica = startProcess(root, 'go', { BANTAM_HOST: 'localhost.', GODEBUG: 'inittrace=1' });
    await replica.waitForLine(/^init 0\/bantam\/early\/signals /);
    replica.child.kill('SIGTERM');
    assert.equal(await replica.ended, 0, replica.output());
    assert.match(replica.output(), /bantam: SIGTERM: ends before the handler has loaded$/m);
  });

  it('a panic in init ends the process with its reason', async () => {
    const root = await compileFiles({
      'handler.go': handlerText([], answer, 'func init() {\n\tpanic("no database")\n}'),
    });
    for (const log_format of ['text', 'json']) {
      const replica = startProcess(root, 'go', { log_format });
      assert.notEqual(await replica.ended, 0);
      assert.match(replica.output(), /panic: no database[\s\S]*handler\.go:\d+/);
    }
  });

  it('log.Fatal in init is heard whatever the form of the log', async () => {
    const root = await compileFiles({
      'handler.go': handlerText(['log'], answer, 'func init() {\n\tlog.Fatal("no database")\n}'),
    });
    for (const log_format of ['text', 'json']) {
      const replica = startProcess(root, 'go', { log_format });
      assert.equal(await replica.ended, 1);
      assert.match(replica.output(), /no database/);
    }
  });

  it('refuses settings that make no sense, by name', async () => {
    const root = await compileFiles({ 'handler.go': handlerText([], answer) });
    for (const [name, value] of [
      ['port', 'http'],
      ['metrics_port', '70000'],
      ['read_timeout', '-1s'],
      ['write_timeout', 'soon'],
      ['exec_timeout', '1.5'],
      ['max_inflight', '-1'],
      ['max_body_size', 'much'],
      ['ready_path', 'ready'],
      ['healthcheck_interval', 'x'],
      ['drain_timeout', 'x'],
      ['isolation', 'thread'],
      ['log_format', 'xml'],
      ['log_level', 'loud'],
      ['log_call_id', 'maybe'],
      ['prefix_logs', 'maybe'],
      ['log_buffer_size', '0'],
    ] as const) {
      const replica = startProcess(root, 'go', { [name]: value });
      assert.equal(await replica.ended, 1, name);
      assert.match(replica.output(), new RegExp(`${name} is "${value}": .+ is needed`));
    }
  });
});
