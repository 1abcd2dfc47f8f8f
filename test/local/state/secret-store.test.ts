import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SecretStore } from '../../../cli/local/state/secret-store.ts';

describe('the secrets of a local gateway', () => {
  let folder: string;
  beforeEach(async () => {
    folder = join(await mkdtemp(join(tmpdir(), 'bantam-secrets-')), 'secrets');
  });
  afterEach(async () => {
    await rm(join(folder, '..'), { recursive: true, force: true });
  });
  const read = async (name: string): Promise<string> => await readFile(join(folder, name), 'utf8');
  const mode = async (name: string): Promise<string> => ((await stat(join(folder, name))).mode & 0o777).toString(8);

  it('are there again, with their modes', async () => {
    const store = await SecretStore.open(folder);
    const long = 'a'.repeat(253);
    await store.write('token', Buffer.from('one'));
    await store.write(long, Buffer.from(''));
    const again = await SecretStore.open(folder);
    assert.deepEqual(await again.list(), [long, 'token']);
    assert.equal(await read('token'), 'one');
    assert.equal(await mode('token'), '444');
    assert.equal(await mode('.'), '700');
  });

  it('get a new value in place, so that who has the file open reads it', async () => {
    const store = await SecretStore.open(folder);
    await store.write('token', Buffer.from('a long value'));
    const { ino } = await stat(join(folder, 'token'));
    await store.write('token', Buffer.from('short'));
    assert.equal((await stat(join(folder, 'token'))).ino, ino);
    assert.equal(await read('token'), 'short');
    assert.equal(await mode('token'), '444');
    await store.remove('token');
    assert.deepEqual(await readdir(folder), []);
  });

  it('have the old value or the new one after a kill, never half of it', async () => {
    const store = await SecretStore.open(folder);
    await store.write('old', Buffer.from('first'));
    // Killed while it wrote; killed before the value was at its place, for a secret that was there and for one that was not.
    await writeFile(join(folder, '~half'), 'hal');
    await writeFile(join(folder, '_old'), 'second');
    await writeFile(join(folder, '_new'), 'whole');
    const again = await SecretStore.open(folder);
    assert.deepEqual(await again.list(), ['new', 'old']);
    assert.deepEqual((await readdir(folder)).sort(), ['new', 'old']);
    assert.deepEqual([await read('old'), await read('new'), await mode('new')], ['second', 'whole', '444']);
  });

  it('never become a file outside of their folder', async () => {
    const store = await SecretStore.open(folder);
    for (const name of ['../x', '_x', '~x', '', 'A', '.']) {
      await assert.rejects(store.write(name, Buffer.from('x')), /is no name of a secret/);
      await assert.rejects(store.remove(name), /is no name of a secret/);
    }
    assert.deepEqual(await readdir(folder), []);
  });
});
