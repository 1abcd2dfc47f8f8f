import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as v from 'valibot';
import { UserError } from '../../../cli/errors.ts';
import type { QueuedCall } from '../../../cli/local/async/queued-call.ts';
import type { Dialect } from '../../../cli/local/dialect/dialect.ts';
import { faasNetes, faasNetesCommunity } from '../../../cli/local/dialect/faas-netes.ts';
import { faasd } from '../../../cli/local/dialect/faasd.ts';
import type { DesiredFunction } from '../../../cli/local/replicas/provider.ts';
import { restoreFunctions } from '../../../cli/local/restore-functions.ts';
import { keepFunctions } from '../../../cli/local/state/kept-provider.ts';
import { Level } from '../../../cli/local/state/level.ts';
import { openLocalStore } from '../../../cli/local/state/store.ts';
import { ScriptedProvider } from '../scripted-provider.ts';

describe('the store of a local gateway', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bantam-store-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  const hello: DesiredFunction = {
    name: 'hello',
    generation: '00112233aabbccdd',
    createdAt: '2026-01-31T12:00:00.000Z',
    deployment: {
      service: 'hello',
      image: '127.0.0.1:8585/hello:latest@sha256:00',
      envVars: { GREETING: 'grüß dich\n' },
      secrets: ['token'],
      annotations: { 'bantam.revision': 'cafe', 'bantam.deploy': 'beef' },
      limits: { memory: '64Mi' },
      readOnlyRootFilesystem: true,
    },
    replicas: 3,
    strategy: 'replace',
    imageEnvironment: { PATH: '/bin' },
  };
  const call = (sequence: number, more: Partial<QueuedCall> = {}): QueuedCall => ({
    sequence,
    id: `call-${sequence}`,
    function: 'hello',
    method: 'POST',
    target: '/a%20b?q=1',
    headers: ['X-One', '1', 'X-One', '2'],
    bytes: 3,
    acceptedAt: 1,
    attempts: 0,
    dueAt: 1,
    state: 'waiting',
    ...more,
  });

  it('gives functions back as they were deployed, and forgets removed ones', async () => {
    const store = await openLocalStore(folder);
    await store.functions.keep({ ...hello, replicas: 1 });
    await store.functions.keep({ ...hello, name: 'gone' });
    await store.functions.keep(hello);
    await store.functions.forget('gone');
    await store.close();
    const again = await openLocalStore(folder);
    assert.deepEqual(await again.functions.list(), { functions: [hello], unreadable: [] });
    await again.close();
  });

  it('gives calls back in the order of their acceptance, bodies and answers byte for byte', async () => {
    const store = await openLocalStore(folder);
    const bytes = Buffer.from([0, 255, 10]);
    for (const sequence of [10, 9, 100]) await store.calls.accept(call(sequence), bytes);
    await store.calls.update(call(9, { attempts: 1, state: 'running' }));
    const answered = call(10, { state: 'answered', callback: 'http://127.0.0.1:9/' });
    const answer = { status: 200, headers: ['A', 'b'], duration: 0.5 };
    await store.calls.answered(answered, answer, bytes);
    await store.calls.remove(call(100));
    await store.close();
    const again = await openLocalStore(folder);
    const { calls } = await again.calls.list();
    assert.deepEqual(calls, [call(9, { attempts: 1, state: 'running' }), answered]);
    assert.deepEqual(Buffer.from(await again.calls.body(call(9))), bytes);
    assert.equal((await again.calls.body(call(10))).length, 0, 'what was answered is not sent again');
    assert.deepEqual(await again.calls.answer(answered), { answer, result: bytes });
    assert.equal((await again.calls.body(call(100))).length, 0);
    await again.close();
  });

  it('names what another version wrote, and gives the rest', async () => {
    const level = await Level.open(folder);
    await level.write([
      { type: 'put', key: 'function!odd', value: Buffer.from('{"name":7}') },
      { type: 'put', key: 'call!0000000000000001', value: Buffer.from('no JSON') },
    ]);
    await level.close();
    const store = await openLocalStore(folder);
    await store.functions.keep(hello);
    assert.deepEqual(await store.functions.list(), { functions: [hello], unreadable: ['odd'] });
    assert.deepEqual(await store.calls.list(), { calls: [], unreadable: 1 });
    await store.close();
  });

  it('is for one process at a time, and says so', async () => {
    const store = await openLocalStore(folder);
    await assert.rejects(openLocalStore(folder), hasCode('BAN-E004'));
    await store.close();
  });

  it('says that it is damaged, and what to do', async () => {
    const store = await openLocalStore(folder);
    await store.functions.keep(hello);
    await store.close();
    for (const file of await readdir(folder))
      if (file.startsWith('MANIFEST')) await writeFile(join(folder, file), 'no manifest at all, but long enough');
    await assert.rejects(
      openLocalStore(folder),
      (error) =>
        hasCode('BAN-E625')(error) && error instanceof UserError && (error.hint ?? '').includes(`mv ${folder}`),
    );
  });

  it('says that it cannot be written', async () => {
    await writeFile(join(folder, 'file'), '');
    await assert.rejects(openLocalStore(join(folder, 'file', 'store')), hasCode('BAN-E626'));
    await mkdir(join(folder, 'other', 'LOCK'), { recursive: true });
    await assert.rejects(openLocalStore(join(folder, 'other')), hasCode('BAN-E626'));
  });

  it('writes again after the disk took nothing, and has lost nothing that was written before', async function () {
    this.timeout(30_000);
    const script = fileURLToPath(new URL('write-until-full.ts', import.meta.url));
    const limited = ['-c', 'ulimit -f 512; exec "$@"', 'bash', process.execPath, '--import', 'tsx', script];
    const { stdout } = await promisify(execFile)('bash', [...limited, join(folder, 'store')], { timeout: 25_000 });
    const said = v.parse(
      v.object({ written: v.number(), code: v.string(), closed: v.string(), first: v.number(), kept: v.number() }),
      JSON.parse(stdout),
    );
    assert.deepEqual([said.code, said.closed, said.first], ['BAN-E626', 'BAN-E626', 8192]);
    assert.ok(said.written > 0 && said.kept >= said.written, JSON.stringify(said));
    const level = await Level.open(join(folder, 'store'));
    assert.equal((await level.get('last'))?.toString(), 'there');
    await level.close();
  });

  it('keeps what a provider is asked for, and tells who waits that it could not', async () => {
    const store = await openLocalStore(folder);
    const scripted = new ScriptedProvider();
    const kept = keepFunctions(scripted, store.functions);
    kept.apply(hello);
    await kept.written();
    assert.deepEqual(scripted.applied, [hello]);
    assert.deepEqual((await store.functions.list()).functions, [hello]);
    const removed = kept.remove('hello');
    await kept.written();
    assert.deepEqual((await store.functions.list()).functions, []);
    scripted.finishRemoval('hello');
    await removed;
    // Closing the provider is no removal.
    kept.apply(hello);
    await kept.close();
    await kept.written();
    assert.equal((await store.functions.list()).functions.length, 1);
    await store.close();
    kept.apply({ ...hello, replicas: 2 });
    await assert.rejects(kept.written(), hasCode('BAN-E626'));
    await kept.written();
  });

  it('gives images of the own registry its new address', async () => {
    const store = await openLocalStore(folder);
    const foreign: DesiredFunction = {
      ...hello,
      name: 'other',
      deployment: { ...hello.deployment, service: 'other', image: '127.0.0.1:85850/other:1' },
    };
    for (const each of [hello, foreign]) await store.functions.keep(each);
    const restore = async (registry: string): Promise<string[]> => {
      const provider = new ScriptedProvider();
      const report = (): void => assert.fail('nothing is to be said');
      assert.deepEqual(await restoreFunctions({ store, provider, registry, dialect: faasNetes, report }), [
        'hello',
        'other',
      ]);
      return provider.applied.map(({ deployment }) => deployment.image);
    };
    assert.deepEqual(await restore('127.0.0.1:8585'), [hello.deployment.image, foreign.deployment.image]);
    const moved = ['127.0.0.1:9000/hello:latest@sha256:00', '127.0.0.1:85850/other:1'];
    assert.deepEqual(await restore('127.0.0.1:9000'), moved);
    assert.deepEqual(await restore('127.0.0.1:9000'), moved);
    await store.close();
  });

  it('starts functions as the gateway speaks now, and forgets nothing of how they were deployed', async () => {
    const store = await openLocalStore(folder);
    await store.functions.keep({ ...hello, replicas: 7, strategy: 'rolling' });
    const restore = async (dialect: Dialect): Promise<unknown[]> => {
      const provider = new ScriptedProvider();
      await restoreFunctions({ store, provider, registry: '127.0.0.1:8585', dialect, report: () => undefined });
      return provider.applied.map(({ replicas, strategy }) => [replicas, strategy]);
    };
    assert.deepEqual(await restore(faasd), [[1, 'replace']]);
    assert.deepEqual(await restore(faasNetesCommunity), [[5, 'rolling']]);
    assert.deepEqual(await restore(faasNetes), [[7, 'rolling']]);
    await store.close();
  });
});

function hasCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof UserError && error.code === code;
}
