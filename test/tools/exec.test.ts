import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { Interrupted } from '../../cli/errors.ts';
import { runProgram } from '../../cli/tools/exec.ts';

const mebibyte = 1024 * 1024;

/** A program of Node's that writes `lines` lines of 1023 bytes and a line end, then a last one without. */
const chatty = (lines: number): readonly string[] => [
  '-e',
  `const line = 'x'.repeat(1023) + '\\n';
   const write = (left) => {
     while (left > 0) {
       left -= 1024;
       if (!process.stdout.write(line.repeat(1024))) return process.stdout.once('drain', () => write(left));
     }
     process.stdout.end('the end');
   };
   write(${lines})`,
];

/** A shell that waits for a program of its own, which holds its pipes; the first line is that program's id. */
const waits = ['-c', 'sleep 600 & echo $!; wait'];

async function isRunning(pid: number): Promise<boolean> {
  const facts = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // Whoever is dead but not yet buried does not run.
  return facts !== undefined && !/\) [ZX] /.test(facts);
}

/** Waits until a process has ended; every wait in here is bounded. */
async function ended(pid: number): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    if (!(await isRunning(pid))) return;
    await sleep(50);
  }
  process.kill(pid, 'SIGKILL');
  throw new Error(`${pid} still ran`);
}

describe('running a program', function () {
  this.timeout(30_000);

  it('hands back how it ended, what it wrote and its lines', async () => {
    const lines: string[] = [];
    const result = await runProgram('sh', ['-c', 'cat; printf "two\\r\\nthr\\303\\244e"; echo oh >&2; exit 3'], {
      input: 'one\n',
      onStdoutLine: (line) => lines.push(line),
    });
    assert.deepEqual(result, {
      exitCode: 3,
      stdout: 'one\ntwo\r\nthräe',
      stderr: 'oh',
      missing: false,
      timedOut: false,
    });
    assert.deepEqual(lines, ['one', 'two', 'thräe']);
  });

  it('adds to the environment, works in a folder and says when there is no such program', async () => {
    const result = await runProgram('sh', ['-c', 'echo "$WORD $PWD"'], { cwd: '/', environment: { WORD: 'hello' } });
    assert.equal(result.stdout, 'hello /');
    const missing = await runProgram('bantam-has-no-such-program', []);
    assert.deepEqual(missing, { exitCode: undefined, stdout: '', stderr: '', missing: true, timedOut: false });
  });

  it('does not mind a program that leaves its input unread', async () => {
    const result = await runProgram('true', [], { input: 'x'.repeat(mebibyte) });
    assert.equal(result.exitCode, 0);
  });

  it('keeps the last mebibyte of what is read by line, however much comes', async () => {
    let count = 0;
    const result = await runProgram(process.execPath, chatty(70 * 1024), {
      onStdoutLine: () => {
        count += 1;
      },
    });
    assert.equal(result.exitCode, 0);
    assert.equal(count, 70 * 1024 + 1);
    assert.equal(result.stdout.length, mebibyte);
    assert.ok(result.stdout.endsWith('x\nthe end'));
  });

  it('keeps the last 64 mebibytes of what is not read by line', async () => {
    const result = await runProgram(process.execPath, chatty(70 * 1024));
    assert.equal(result.exitCode, 0);
    assert.equal(result.stdout.length, 64 * mebibyte);
    assert.ok(result.stdout.endsWith('x\nthe end'));
  });

  it('does not keep a line without an end: it comes in pieces', async () => {
    const pieces: number[] = [];
    const script = `process.stdout.write(Buffer.alloc(${20 * mebibyte}, 120))`;
    const result = await runProgram(process.execPath, ['-e', script], {
      onStdoutLine: (line) => pieces.push(line.length),
    });
    assert.equal(result.exitCode, 0);
    assert.ok(pieces.length > 1);
    assert.equal(
      pieces.reduce((sum, length) => sum + length, 0),
      20 * mebibyte,
    );
  });

  it('ends the program and throws on what a reader of its lines throws', async () => {
    const failure = new Error('the reader broke');
    let pid = 0;
    const running = runProgram('sh', waits, {
      onStdoutLine: (line) => {
        pid = Number(line);
        throw failure;
      },
    });
    await assert.rejects(running, (error) => error === failure);
    await ended(pid);
  });

  it('ends all that the program started when it is interrupted', async () => {
    const abort = new AbortController();
    let pid = 0;
    const running = runProgram('sh', waits, {
      signal: abort.signal,
      onStdoutLine: (line) => {
        pid = Number(line);
        abort.abort();
      },
    });
    await assert.rejects(running, Interrupted);
    await ended(pid);
    await assert.rejects(runProgram('sh', waits, { signal: abort.signal }), Interrupted);
  });

  it('ends all that the program started when its time is over', async () => {
    const result = await runProgram('sh', waits, { timeout: 300 });
    assert.equal(result.timedOut, true);
    assert.equal(result.exitCode, undefined);
    await ended(Number(result.stdout));
  });

  it('kills who does not listen', async () => {
    const abort = new AbortController();
    let pid = 0;
    const running = runProgram('sh', ['-c', 'trap "" TERM; sleep 600 & echo $!; wait'], {
      signal: abort.signal,
      onStdoutLine: (line) => {
        pid = Number(line);
        abort.abort();
      },
    });
    await assert.rejects(running, Interrupted);
    await ended(pid);
  });

  it('kills who does not listen and has let go of the pipes, too', async () => {
    const abort = new AbortController();
    let pid = 0;
    const script = '(trap "" TERM; exec sleep 600 >/dev/null 2>&1) & echo $!; wait';
    const running = runProgram('sh', ['-c', script], {
      signal: abort.signal,
      onStdoutLine: (line) => {
        pid = Number(line);
        setTimeout(() => abort.abort(), 200);
      },
    });
    await assert.rejects(running, Interrupted);
    await ended(pid);
  });

  it('does not wait for somebody out of reach that holds the pipes', async () => {
    const abort = new AbortController();
    let pid = 0;
    const script = `const { spawn } = require('node:child_process');
      console.log(spawn('sleep', ['600'], { detached: true, stdio: 'inherit' }).pid); setInterval(() => {}, 1000)`;
    const running = runProgram(process.execPath, ['-e', script], {
      signal: abort.signal,
      onStdoutLine: (line) => {
        pid = Number(line);
        abort.abort();
      },
    });
    await assert.rejects(running, Interrupted);
    assert.ok(await isRunning(pid));
    process.kill(pid, 'SIGKILL');
  });

  for (const [how, act] of [
    ['exits', 'process.exit(3)'],
    ['breaks', 'setImmediate(() => { throw new Error("broken") })'],
    ['is hung up', 'process.kill(process.pid, "SIGHUP")'],
    ['is interrupted and has no ear for it', 'process.kill(process.pid, "SIGINT")'],
  ] as const)
    it(`leaves nothing behind when this process ${how}`, async () => {
      const module = new URL('../../cli/tools/exec.ts', import.meta.url).href;
      const script = `import { runProgram } from ${JSON.stringify(module)};
        await runProgram('sh', ${JSON.stringify(waits)}, { onStdoutLine: (line) => {
          process.stdout.write(line + '\\n', () => { ${act} });
        } });`;
      const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const closed = once(child, 'exit');
      let pid = 0;
      for await (const line of createInterface({ input: child.stdout })) pid = Number(line);
      const [code, signal]: unknown[] = await closed;
      assert.ok(code !== 0, `${String(code)} ${String(signal)}`);
      assert.ok(pid > 0);
      await ended(pid);
    });
});
