import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../../cli/errors.ts';
import { type LocalGateway, startLocal } from '../../cli/local/start.ts';
import { isAlive, readInstance, startOf, writeInstance } from '../../cli/local/state/instance-file.ts';
import { skip } from '../real-parts.ts';
import { EngineInMemory } from './engine-in-memory.ts';

describe('one local gateway for a folder', function () {
  this.timeout(30_000);
  let folder: string;
  let engine: EngineInMemory;
  const start = (): Promise<LocalGateway> =>
    startLocal({ engine, stateFolder: folder, report: () => undefined, port: 0, closeGraceSeconds: 0 });
  const record = { instance: 'cafe0001', url: 'http://127.0.0.1:9', user: 'admin', password: 'x' };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bantam-local-'));
    engine = new EngineInMemory();
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  it('leaves one alone that is stopped and answers nothing', async () => {
    const other = spawn('sleep', ['600'], { stdio: 'ignore' });
    await once(other, 'spawn');
    try {
      other.kill('SIGSTOP');
      const pid = other.pid ?? 0;
      const started = startOf(pid);
      await writeInstance(folder, { ...record, pid, ...(started === undefined ? {} : { started }) });
      await assert.rejects(start(), isTaken);
      assert.deepEqual(engine.asked, [], 'nothing of it was looked for, nothing removed');
      assert.equal((await readInstance(folder))?.instance, record.instance);
    } finally {
      const closed = once(other, 'close');
      other.kill('SIGKILL');
      await closed;
    }
    // Once it is dead, its place is free.
    await (await start()).close();
    assert.deepEqual(await readdir(folder), []);
  });

  it('excludes a second one that is started at the same time', async () => {
    const outcomes = await Promise.allSettled([start(), start(), start()]);
    const won = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    try {
      assert.equal(won.length, 1);
      for (const outcome of outcomes) if (outcome.status === 'rejected') assert.ok(isTaken(outcome.reason));
      assert.equal((await readInstance(folder))?.instance, won[0]?.instance);
      assert.deepEqual([...engine.networkInstances.values()], [won[0]?.instance]);
    } finally {
      for (const gateway of won) await gateway.close();
    }
    assert.deepEqual(await readdir(folder), [], 'neither record nor lock is left');
  });

  it('takes a number that another program uses now for a dead gateway', async function () {
    if (!existsSync('/proc/self/stat')) skip(this, 'this system does not tell when a process began');
    engine.networkInstances.set('bantam-cafe0001', 'cafe0001');
    await writeInstance(folder, { ...record, pid: process.pid, started: '1' });
    const gateway = await start();
    assert.deepEqual([...engine.networkInstances.values()], [gateway.instance]);
    await gateway.close();
  });

  it('without a start on record, the number alone counts, and the hint tells the way out', async () => {
    await writeInstance(folder, { ...record, pid: process.pid });
    await assert.rejects(start(), (error) => isTaken(error) && (error.hint ?? '').includes(join(folder, 'local.json')));
    assert.deepEqual(engine.asked, []);
  });

  it('records when its process began', async () => {
    const gateway = await start();
    const written = await readInstance(folder);
    assert.equal(written?.started, startOf(process.pid));
    assert.ok(written !== undefined && isAlive(written));
    await gateway.close();
  });

  it('knows the start of a process whatever its program is called', async function () {
    if (!existsSync('/proc/self/stat')) skip(this, 'this system does not tell when a process began');
    const script = join(folder, 'a) Z (b');
    await writeFile(script, '#!/bin/sh\nread line\n', { mode: 0o755 });
    const other = spawn(script, { stdio: ['pipe', 'ignore', 'ignore'] });
    await once(other, 'spawn');
    assert.match(await readFile(`/proc/${other.pid}/stat`, 'utf8'), /\(a\) Z \(b\)/);
    assert.match(startOf(other.pid ?? 0) ?? '', /^\d+$/);
    const closed = once(other, 'close');
    other.kill('SIGKILL');
    await closed;
    assert.equal(isAlive({ pid: other.pid ?? 0 }), false);
  });
});

function isTaken(error: unknown): error is UserError {
  return error instanceof UserError && error.code === 'BAN-E004';
}
