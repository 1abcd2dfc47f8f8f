import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { faasNetes } from '../../../cli/local/dialect/faas-netes.ts';
import { CallActivity } from '../../../cli/local/gateway/activity.ts';
import { createGateway } from '../../../cli/local/gateway/gateway.ts';
import { type Listener, listen } from '../../../cli/local/gateway/listen.ts';
import { SecretStore } from '../../../cli/local/state/secret-store.ts';
import { call, type Got, Load } from './load.ts';
import { type Manner, ReplicaProcesses } from './replica-processes.ts';

/** `npm run soak:updates` sets 100. */
const updates = Number(process.env['UPDATES'] ?? 5);

describe('calls of a function whose replicas come and go (no loss)', function () {
  this.timeout(60_000 + updates * 5000);
  let folder: string;
  let processes: ReplicaProcesses;
  let activity: CallActivity;
  let listener: Listener;
  const closing = new AbortController();

  const open = async (manner: Manner): Promise<void> => {
    folder = await mkdtemp(join(tmpdir(), 'bantam-no-loss-'));
    processes = new ReplicaProcesses(manner);
    activity = new CallActivity(100_000);
    const front = createGateway({
      provider: processes.provider,
      secrets: await SecretStore.open(join(folder, 'secrets')),
      dialect: faasNetes,
      credentials: { user: 'admin', password: 'secret' },
      version: '0.0.0',
      closing: closing.signal,
      activity,
    });
    listener = await listen('127.0.0.1', 0, front);
  };
  afterEach(async () => {
    await processes[Symbol.asyncDispose]();
    await listener.close();
    await rm(folder, { recursive: true, force: true });
  });
  const url = (path = ''): string => `http://127.0.0.1:${listener.port}/function/fn${path}`;

  /** All were answered by the function with what they had sent. */
  const requireWhole = (got: readonly Got[]): void => {
    const lost = got.filter(({ status, body }) => status !== 200 || !/^\S+ (?:0|1000)$/.test(body));
    assert.deepEqual(lost, [], `${lost.length} of ${got.length} were lost`);
    const once = [...processes.seen.values()].flat();
    assert.equal(new Set(once).size, once.length, 'none was seen twice');
    assert.equal(once.length, got.length);
  };

  it(`loses none in ${updates} rolling updates of two replicas`, async () => {
    await open('as-runtimes');
    await processes.roll('fn', 'v0', 2);
    const load = new Load(url(), 16);
    for (let update = 1; update <= updates; update += 1) {
      await processes.roll('fn', `v${update}`, 2);
      // The last version answers before the next one comes.
      while (!load.got.slice(-50).some(({ body }) => body.startsWith(`v${update} `)))
        await new Promise((resolve) => setImmediate(resolve));
    }
    requireWhole(await load.end());
  });

  it(`loses none in ${updates} rolling updates of one replica`, async () => {
    await open('as-runtimes');
    await processes.roll('fn', 'v0', 1);
    const load = new Load(url(), 8);
    for (let update = 1; update <= updates; update += 1) await processes.roll('fn', `v${update}`, 1);
    requireWhole(await load.end());
  });

  it('loses none when it is scaled from one to five and back', async () => {
    await open('as-runtimes');
    await processes.roll('fn', 'v0', 1);
    const load = new Load(url(), 16);
    for (let round = 0; round < Math.max(1, updates / 10); round += 1) {
      const five = await processes.roll('fn', 'v0', 5);
      const busy = (): number => five.filter(({ pid }) => (processes.seen.get(pid ?? 0) ?? []).length > 0).length;
      while (busy() < 5) await new Promise((resolve) => setImmediate(resolve));
      await processes.roll('fn', 'v0', 1);
    }
    requireWhole(await load.end());
  });

  it('of a killed replica, those under way fail, no others, and none is tried again', async () => {
    await open('as-runtimes');
    const [one, other] = await processes.roll('fn', 'v0', 2);
    assert.ok(one?.pid !== undefined && other?.pid !== undefined);
    const inFlight = Array.from({ length: 8 }, (_, index) =>
      call(url('?wait=1500'), `long-${index}`, index % 2 === 0 ? { body: 'x'.repeat(1000) } : {}),
    );
    const seenBy = (pid: number): string[] => processes.seen.get(pid) ?? [];
    while (seenBy(one.pid).length + seenBy(other.pid).length < 8) await new Promise((resolve) => setImmediate(resolve));
    const load = new Load(url(), 8);
    while (load.got.length < 100) await new Promise((resolve) => setImmediate(resolve));
    const doomed = new Set(seenBy(one.pid).filter((id) => id.startsWith('long-')));
    assert.equal(doomed.size, 4, 'they were shared');
    process.kill(one.pid, 'SIGKILL');
    const long = await Promise.all(inFlight);
    for (const { id, status } of long) assert.equal(status, doomed.has(id) ? 500 : 200, id);
    // It is started again, and serves again.
    for (;;) {
      const states = processes.provider.find('fn')?.replicaStates ?? [];
      if (states.length === 2 && states.every(({ ready, pid }) => ready && pid !== one.pid)) break;
      await new Promise((resolve) => setImmediate(resolve));
    }
    const got = await load.end();
    const failed = got.filter(({ status }) => status !== 200);
    // What the load had under way there went down with it: at most one for each client.
    assert.ok(failed.length <= 8, `${failed.length} failed`);
    const killed = new Set(activity.finished.filter(({ replica }) => replica === one.address).map(({ id }) => id));
    for (const { id, status } of failed) {
      assert.ok(killed.has(id) && status === 500, `${id}: ${status}`);
      for (const [pid, ids] of processes.seen) assert.ok(pid === one.pid || !ids.includes(id), `${id} was tried again`);
    }
  });
});
