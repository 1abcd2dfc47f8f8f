import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeProcesses } from '../../../cli/local/process/provider.ts';
import { recordProcess, writeOwner } from '../../../cli/local/process/strays.ts';
import { isAlive, startOf } from '../../../cli/local/state/instance-file.ts';
import { skip } from '../../real-parts.ts';
import { startTestProvider, until } from './started-provider.ts';

describe('what a killed gateway left running', () => {
  let folder: string;
  const children: ChildProcess[] = [];
  before(function () {
    if (process.platform !== 'linux') skip(this, 'only Linux has /proc');
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bantam-strays-'));
  });
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  });

  const start = async (environment: Record<string, string>): Promise<number> => {
    const child = spawn('sleep', ['1000'], {
      env: { PATH: process.env['PATH'], ...environment },
      detached: true,
      stdio: 'ignore',
    });
    children.push(child);
    await once(child, 'spawn');
    return child.pid ?? 0;
  };
  const replica = async (name: string): Promise<string> => {
    const own = join(folder, 'replicas', name);
    await mkdir(join(own, 'secrets'), { recursive: true });
    return own;
  };
  const lives = (pid: number): boolean => isAlive({ pid });

  it('is ended by its record or by its environment, and its folders are removed', async () => {
    await writeOwner(folder, 'aaaa0001');
    const recorded = await start({});
    await recordProcess(await replica('one'), 'aaaa0001', recorded);
    const marked = await start({ BANTAM_LOCAL: 'aaaa0001' });
    const earlier = await start({ BANTAM_LOCAL: 'aaaa0000' });
    await recordProcess(await replica('two'), 'aaaa0000', earlier);
    const another = await start({ BANTAM_LOCAL: 'bbbb0001' });
    const similar = await start({ NOT_BANTAM_LOCAL: 'aaaa0001' });
    assert.equal(await removeProcesses(folder), 3);
    assert.deepEqual([recorded, marked, earlier, another, similar].map(lives), [false, false, false, true, true]);
    assert.deepEqual(await readdir(join(folder, 'replicas')), []);
    assert.equal(await removeProcesses(folder), 0);
  });

  it('is ended with all that it started, with or without a parent, its session and its environment', async () => {
    await writeOwner(folder, 'aaaa0001');
    // Leader, child of its session, and grandchild in a session of its own; the last two have wiped their environment.
    const child = 'env -i setsid sleep 1000 & echo $!; exec env -i sleep 1000';
    const startTree = async (leader: string): Promise<{ first: number; others: readonly number[] }> => {
      const first = spawn('sh', ['-c', `sh -c '${child}' & echo $!; ${leader}`], {
        env: { PATH: process.env['PATH'], BANTAM_LOCAL: 'aaaa0001' },
        detached: true,
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      children.push(first);
      let text = '';
      first.stdout.on('data', (chunk) => {
        text += chunk;
      });
      await until('all are told', () => text.trim().split('\n').length === 2);
      await recordProcess(await replica(`of-${first.pid}`), 'aaaa0001', first.pid ?? 0);
      return { first: first.pid ?? 0, others: text.trim().split('\n').map(Number) };
    };
    const living = await startTree('exec sleep 1000');
    const orphaned = await startTree('exec sleep 1000');
    process.kill(orphaned.first, 'SIGKILL');
    await until('the leader is gone', () => !lives(orphaned.first));
    assert.deepEqual([...living.others, ...orphaned.others].map(lives), [true, true, true, true]);
    assert.equal(await removeProcesses(folder), 5);
    assert.deepEqual([living.first, ...living.others, ...orphaned.others].map(lives), [
      false,
      false,
      false,
      false,
      false,
    ]);
  });

  it('is never a stranger that got its number', async () => {
    const stranger = await start({});
    const record = { instance: 'aaaa0001', pid: stranger, started: String(Number(startOf(stranger)) - 1) };
    await writeFile(join(await replica('one'), 'process.json'), JSON.stringify(record));
    await writeFile(join(await replica('two'), 'process.json'), '{"pid":1}');
    assert.equal(await removeProcesses(folder), 0);
    assert.equal(lives(stranger), true);
    assert.deepEqual(await readdir(join(folder, 'replicas')), []);
  });

  it('is nothing in a folder that was never used', async () => {
    assert.equal(await removeProcesses(join(folder, 'not/there')), 0);
  });

  it('is ended by the next provider of the folder, before it starts anything', async () => {
    const pid = await start({ BANTAM_LOCAL: 'aaaa0001' });
    await mkdir(join(folder, 'processes'));
    await writeOwner(join(folder, 'processes'), 'aaaa0001');
    await using _started = await startTestProvider({ folder: join(folder, 'processes') });
    await until('it is gone', () => !lives(pid));
  });
});
