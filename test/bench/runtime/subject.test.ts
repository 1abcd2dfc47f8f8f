import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { skip } from '../../real-parts.ts';
import type { Contestant } from './contestant.ts';
import { usageOf } from './process-tree.ts';
import { type StartOptions, startSubject } from './subject.ts';

const bareNode = fileURLToPath(new URL('programs/bare-node.mjs', import.meta.url));

describe('a contestant that runs', () => {
  let folder = '';
  const start = (signal = new AbortController().signal): StartOptions => ({
    core: undefined,
    signal,
    temporary: folder,
  });
  const nodeWith = (argv: readonly string[]): Contestant => ({
    name: 'trial',
    program: process.execPath,
    argv,
    folder,
    environment: ({ port }) => ({ port: String(port) }),
  });

  before(async function () {
    if (process.platform !== 'linux') skip(this, 'needs Linux (/proc)');
    folder = await mkdtemp(join(tmpdir(), 'bantam-bench-test-'));
  });
  after(() => (folder === '' ? undefined : rm(folder, { recursive: true, force: true })));

  it('answers, uses memory, and is gone afterwards with all its children', async () => {
    // The parent answers nothing itself, like a watchdog: the child does.
    const parent = `require('node:child_process').spawn(process.execPath, [${JSON.stringify(bareNode)}], { stdio: 'inherit' })`;
    let pid = 0;
    {
      await using alone = await startSubject(nodeWith([bareNode]), start());
      await using subject = await startSubject(nodeWith(['-e', parent]), start());
      pid = subject.pid;
      assert.ok(subject.firstAnswer > 0);
      const [one, two] = [await usageOf(alone.pid), await usageOf(pid)];
      assert.ok(one.memory > 10 * 2 ** 20, `${one.memory} bytes`);
      assert.ok(two.memory > 1.5 * one.memory, `${two.memory} bytes of two processes, ${one.memory} of one`);
      assert.ok(two.processor > 0);
    }
    await assert.rejects(usageOf(pid), /has ended/);
  });

  it('says why it does not run', async () => {
    const failing = nodeWith(['-e', 'console.error("no such setting"); process.exit(3)']);
    await assert.rejects(startSubject(failing, start()), /ended before it answered\nno such setting/);
    await assert.rejects(startSubject({ ...failing, program: 'no-such-program' }, start()), /ENOENT/);
  });

  it('is not measured when it answers something else', async () => {
    const other = join(folder, 'other.cjs');
    await writeFile(
      other,
      `require('node:http').createServer((_, r) => r.end('{}')).listen(Number(process.env.port), '127.0.0.1')`,
    );
    await assert.rejects(startSubject(nodeWith([other]), start()), /it answers \{\} and not/);
  });

  it('is ended when the bench is stopped while it starts', async () => {
    const stop = new AbortController();
    const silent = startSubject(nodeWith(['-e', 'setInterval(() => {}, 1000)']), start(stop.signal));
    stop.abort(new Error('stopped'));
    await assert.rejects(silent, /stopped/);
  });
});
