import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
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
  const start = (options: Partial<Parameters<typeof startLocal>[0]> = {}): Promise<LocalGateway> =>
    startLocal({
      provider: { kind: 'docker' },
      engine: async () => engine,
      stateFolder: folder,
      report: () => undefined,
      port: 0,
      closeGraceSeconds: 0,
      ...options,
    });
  /** What says that a gateway runs, or is about to. */
  const traces = async (): Promise<string[]> => (await readdir(folder)).filter((name) => name.startsWith('local'));
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
    assert.deepEqual(await traces(), []);
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
    assert.deepEqual(await traces(), [], 'neither record nor lock is left');
  });

  it('leaves one alone whose record was removed, and all that it runs', async () => {
    const running = await start();
    await rm(join(folder, 'local.json'));
    engine.asked.length = 0;
    await assert.rejects(start(), (error) => isTaken(error) && /its record is gone/.test(error.message));
    assert.deepEqual(engine.asked, []);
    await running.close();
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

  it('believes no record that names groups of processes or another machine', async () => {
    const odd = { ...record, pid: process.pid };
    const cases = [
      { ...odd, pid: -1 },
      { ...odd, pid: 0 },
      { ...odd, pid: 1.5 },
      { ...odd, url: 'http://192.0.2.1:8585' },
      { ...odd, url: 'http://127.0.0.1:8585@192.0.2.1' },
      { ...odd, registry: 'registry.example/evil' },
      { ...odd, page: 'http://192.0.2.1/ui/' },
    ];
    for (const each of cases) {
      await writeFile(join(folder, 'local.json'), JSON.stringify(each));
      assert.equal(await readInstance(folder), undefined, JSON.stringify(each));
    }
    await writeFile(join(folder, 'local.json'), JSON.stringify({ ...odd, page: 'http://127.0.0.1:9/ui/' }));
    assert.equal((await readInstance(folder))?.pid, process.pid);
  });

  it('keeps the password it made over restarts, for its user alone, and takes none that others may know', async () => {
    const passwordOf = async (options: Partial<Parameters<typeof startLocal>[0]> = {}): Promise<string> => {
      const gateway = await start(options);
      await gateway.close();
      return gateway.password;
    };
    const first = await passwordOf();
    const file = join(folder, 'password');
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.equal(await passwordOf(), first);
    assert.equal(await passwordOf({ password: 'given' }), 'given');
    assert.notEqual(await passwordOf({ listen: '127.0.0.2' }), first, 'what goes over the network is used once');
    assert.equal(await passwordOf(), first);
    await chmod(file, 0o644);
    const second = await passwordOf();
    assert.notEqual(second, first);
    await writeFile(file, 'short\n');
    assert.match(await passwordOf(), /^[\w-]{32}$/);
  });

  it('closes a folder that others may write to, and keeps all of it out of git', async () => {
    await chmod(folder, 0o777);
    await (await start()).close();
    assert.equal((await stat(folder)).mode & 0o777, 0o700);
    assert.equal(await readFile(join(folder, '.gitignore'), 'utf8'), '*\n');
    const shared = join(folder, 'shared');
    await mkdir(shared);
    await chmod(shared, 0o777);
    await symlink(shared, join(folder, 'link'));
    await assert.rejects(start({ stateFolder: join(folder, 'link') }), {
      code: 'BAN-E003',
      message: /leads to a folder in which others may write/,
    });
    assert.deepEqual(await readdir(shared), []);
    await chmod(shared, 0o755);
    await (await start({ stateFolder: join(folder, 'link') })).close();
    assert.equal((await stat(shared)).mode & 0o777, 0o755);
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
