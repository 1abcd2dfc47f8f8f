import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import { Interrupted } from '../../../cli/errors.ts';
import { hostNode } from '../../../cli/local/process/host.ts';
import { type HeldImage, ImageStore } from '../../../cli/local/process/image-store.ts';
import { resolveImage } from '../../../cli/local/process/resolve-image.ts';
import { parseReference } from '../../../cli/oci/reference.ts';
import { bantamLabel, RegistryInMemory } from './image-in-memory.ts';

const never = new AbortController().signal;

describe('unpacked images', () => {
  let folder: string;
  let registry: RegistryInMemory;
  beforeEach(async () => {
    folder = join(await mkdtemp(join(tmpdir(), 'bantam-images-')), 'images');
    registry = new RegistryInMemory();
  });
  afterEach(async () => {
    await rm(join(folder, '..'), { recursive: true, force: true });
  });

  const add = async (content: string): Promise<string> =>
    (
      await registry.add('hello:1', {
        layers: [[{ name: 'app/function.mjs', content }]],
        entrypoint: ['node'],
        labels: bantamLabel,
      })
    ).image;
  const hold = async (store: ImageStore, image: string, signal = never): Promise<HeldImage> =>
    await store.hold(registry, await resolveImage(registry, parseReference(image), hostNode(), never), signal);
  const blobsAsked = (): number => registry.asked.filter((each) => each.startsWith('blob')).length;

  it('are unpacked once, however many come for them at once, and again after a restart of the machine only', async () => {
    const image = await add('1');
    const store = await ImageStore.open(folder);
    const held = await Promise.all([hold(store, image), hold(store, image), hold(store, image)]);
    assert.equal(new Set(held.map(({ root }) => root)).size, 1);
    assert.equal(await readFile(join(held[0]?.root ?? '', 'app/function.mjs'), 'utf8'), '1');
    assert.equal((await stat(folder)).mode & 0o777, 0o700);
    const configurations = 3;
    assert.equal(blobsAsked(), configurations + 1);
    const again = await hold(await ImageStore.open(folder), image);
    assert.equal(again.root, held[0]?.root);
    assert.equal(blobsAsked(), configurations + 2);
    await writeFile(join(again.root, '../image.json'), '{"boot":"another one"}');
    await hold(await ImageStore.open(folder), image);
    assert.equal(blobsAsked(), configurations + 4);
  });

  const broken: readonly [string, () => void, object][] = [
    [
      'a layer is damaged',
      () => {
        registry.spoil = (_, bytes) =>
          bytes.includes('ustar') ? Buffer.concat([bytes.subarray(0, -1), Buffer.from('x')]) : bytes;
      },
      { code: 'BAN-E306' },
    ],
    [
      'a layer is cut off',
      () => {
        registry.spoil = (_, bytes) => (bytes.includes('ustar') ? bytes.subarray(0, 700) : bytes);
      },
      { code: 'BAN-E306' },
    ],
    [
      'no space is left',
      () => {
        let asked = 0;
        registry.beforeBlob = () => {
          asked += 1;
          if (asked === 2)
            throw Object.assign(new Error('ENOSPC: no space left on device, write'), {
              code: 'ENOSPC',
              syscall: 'write',
            });
        };
      },
      { code: 'BAN-E613', message: /no space is left for .*images/ },
    ],
  ];
  for (const [what, breakIt, expected] of broken)
    it(`leave nothing behind when ${what}, and are there when it is mended`, async () => {
      const image = await add('1');
      const store = await ImageStore.open(folder);
      breakIt();
      await assert.rejects(hold(store, image), expected);
      assert.deepEqual(await readdir(folder), []);
      registry.spoil = (_, bytes) => bytes;
      registry.beforeBlob = () => undefined;
      assert.equal(await readFile(join((await hold(store, image)).root, 'app/function.mjs'), 'utf8'), '1');
    });

  it('are not waited for in vain when the first who came has left', async () => {
    const image = await add('1');
    const store = await ImageStore.open(folder);
    const left = new AbortController();
    let arrived = (): void => undefined;
    const waiting = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    let asked = 0;
    registry.beforeBlob = async () => {
      asked += 1;
      if (asked !== 2) return;
      arrived();
      await opened;
    };
    const first = assert.rejects(hold(store, image, left.signal), Interrupted);
    await waiting;
    const second = hold(store, image);
    left.abort();
    open();
    await first;
    assert.equal(await readFile(join((await second).root, 'app/function.mjs'), 'utf8'), '1');
  });

  it('are kept while they are held, and the newest of those that are not', async () => {
    const store = await ImageStore.open(folder);
    const kept = await hold(store, await add('kept'));
    for (const content of ['1', '2', '3', '4', '5']) {
      const held = await hold(store, await add(content));
      await held.release();
      await held.release();
    }
    const contents = async () =>
      (
        await Promise.all(
          (await store.list()).map((name) => readFile(join(folder, name, 'root/app/function.mjs'), 'utf8')),
        )
      ).sort();
    assert.deepEqual(await contents(), ['3', '4', '5', 'kept']);
    await kept.release();
    assert.deepEqual(await contents(), ['4', '5', 'kept']);
  });

  it('are there for whoever comes while they are being removed', async () => {
    const store = await ImageStore.open(folder);
    const files = Array.from({ length: 300 }, (_, index) => ({ name: `app/${index}`, content: String(index) }));
    const { image } = await registry.add('large:1', { layers: [files], entrypoint: ['node'], labels: bantamLabel });
    const large = await hold(store, image);
    await large.release();
    const others = await Promise.all(['1', '2', '3'].map(async (content) => await hold(store, await add(content))));
    await others[0]?.release();
    await others[1]?.release();
    const before = await store.list();
    const leaving = others[2]?.release();
    while ((await readdir(join(large.root, 'app')).catch(() => [])).length === files.length) await breathe();
    const again = await hold(store, image);
    await leaving;
    assert.equal(before.length, 4);
    assert.equal((await readdir(join(again.root, 'app'))).length, files.length);
    assert.deepEqual((await readdir(folder)).sort(), [...(await store.list())].sort());
  });

  it('are removed when nobody has used them for a week, and what was never finished at once', async () => {
    const store = await ImageStore.open(folder);
    const { root } = await hold(store, await add('1'));
    const { root: other } = await hold(store, await add('2'));
    await mkdir(join(folder, '.new-x/root/closed'), { recursive: true });
    await writeFile(join(folder, '.new-x/root/closed/file'), '');
    await chmod(join(folder, '.new-x/root/closed'), 0o500);
    const old = new Date(Date.now() - 8 * 24 * 3600 * 1000);
    await utimes(join(root, '..'), old, old);
    await ImageStore.open(folder);
    assert.deepEqual(await readdir(folder), [join(other, '..').split('/').at(-1)]);
  });
});
