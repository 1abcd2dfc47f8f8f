import assert from 'node:assert/strict';
import {
  appendFile,
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { openBlobLedger } from '../../cli/build/blob-ledger.ts';
import { openImageStore } from '../../cli/build/image-store.ts';
import type { BuildPlan } from '../../cli/build/plan.ts';
import { UserError } from '../../cli/errors.ts';
import type { Event } from '../../cli/events.ts';
import { sha256Digest } from '../../cli/oci/digest.ts';
import { nodeNamed } from '../../cli/oci/node.ts';
import { runs } from '../../cli/oci/runs.ts';
import { type ImageMemory, openImageMemory } from '../../cli/registry/image-memory.ts';
import { openLayout } from '../../cli/registry/layout.ts';
import { readImage } from '../../cli/registry/read-image.ts';
import { elfMachines, makeElf } from '../oci/image-parts.ts';
import { keepImage, type Store, writeLayout } from '../registry/stored-image.ts';
import { examplePlan } from './example-plan.ts';

const signal = new AbortController().signal;
const amd64 = { os: 'linux', architecture: 'amd64' };

/** A layer with one file, as a registry has it. */
async function layer(path: string, content: Uint8Array): Promise<Uint8Array> {
  const tar = pack();
  tar.entry({ name: path, mode: 0o755 }, Buffer.from(content));
  tar.finalize();
  return gzipSync(await buffer(tar));
}

describe('the image store', () => {
  let root = '';
  let base: Uint8Array;
  let own: Uint8Array;
  const events: Event[] = [];
  const cache = (): string => join(root, 'cache');
  const kept = (): string => join(cache(), 'base-layers');
  const open = (folder = cache(), memory?: ImageMemory) =>
    openImageStore({
      folder,
      ...(memory === undefined ? {} : { memory: async () => memory }),
      registry: () => Promise.reject(new Error('no registry here')),
      report: (event) => void events.push(event),
    });

  /** What buildx does: writes into a prepared layout whatever is not there yet. */
  const build = async (name: string, store = open(), plan: Partial<BuildPlan> = {}) => {
    const folder = join(root, name);
    await store.prepareLayout(folder, signal);
    const images: Store = { blobs: new Map() };
    const image = keepImage(images, { platform: amd64, config: { Entrypoint: ['/fn'] }, layers: [base, own] });
    const there = await readdir(join(folder, 'blobs/sha256'));
    for (const hex of there) images.blobs.delete(`sha256:${hex}`);
    await writeLayout(folder, images, image);
    const whole = examplePlan({ platforms: [amd64], ownHistoryEntries: 1, ...plan });
    return { folder, there, digest: image.digest, verify: () => store.verify(whole, folder, image.digest, signal) };
  };

  before(async () => {
    base = await layer('lib/base', Buffer.from('the base'));
    own = await layer('fn', makeElf(elfMachines.amd64));
  });
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'bantam-images-'));
    events.length = 0;
  });
  afterEach(async () => await rm(root, { recursive: true, force: true }));

  it('keeps base layers, and only them, by link, and offers them to the next layout', async () => {
    const first = await build('one');
    assert.deepEqual(first.there, []);
    const [size] = await first.verify();
    assert.deepEqual([size?.own, size?.program], [own.length, 'runs: /fn is x86-64']);
    const [name = '', ...others] = await readdir(kept());
    assert.deepEqual(others, []);
    const [hex = ''] = name.split('.');
    assert.equal((await stat(join(kept(), name))).ino, (await stat(join(first.folder, 'blobs/sha256', hex))).ino);
    const second = await build('two');
    assert.deepEqual(second.there, [hex]);
    await second.verify();
  });

  it('teaches the memory what the layers hold, so that deploying reads none of them, and takes nothing from it', async () => {
    const folder = join(root, 'memory');
    const remember = () => openImageMemory(folder, () => undefined);
    const store = open(cache(), remember());
    // The second function finds the layers known from the first, and its image goes to another registry.
    await (await build('one', store)).verify();
    const elsewhere = { registry: 'elsewhere.lan', repository: 'hello', tag: '1' };
    const { folder: layout, digest, verify } = await build('two', store, { reference: elsewhere });
    await verify();
    const opened: string[] = [];
    for (const registry of ['127.0.0.1:1', 'elsewhere.lan']) {
      const reader = await openLayout(layout);
      const counting = {
        ...reader,
        blob: (...asked: Parameters<typeof reader.blob>) => {
          opened.push(asked[1]);
          return reader.blob(...asked);
        },
      };
      const { image } = await readImage(
        counting,
        { registry, repository: 'hello', digest },
        { memory: remember(), nodes: [nodeNamed('amd64') ?? assert.fail()] },
      );
      assert.equal(runs(image, nodeNamed('amd64') ?? assert.fail()).answer, 'runs');
    }
    assert.equal(opened.length, 1, 'the configuration, once');

    // A memory that says otherwise is not asked: what is about to be pushed is looked at.
    const lying = remember();
    const layers = [base, own].map((bytes) => sha256Digest(bytes));
    for (const registry of ['127.0.0.1:1', 'elsewhere.lan']) {
      const findings = await lying.findings(registry, layers);
      for (const layer of layers) findings.set(`${layer} /fn`, { directories: 0, hidesBelow: true });
    }
    await lying.save();
    const [size] = await (await build('three', open(cache(), remember()))).verify();
    assert.equal(size?.program, 'runs: /fn is x86-64');
  });

  it('leaves nothing in a layout that the image does not need', async () => {
    await (await build('one')).verify();
    own = await layer('fn', makeElf(elfMachines.amd64));
    base = await layer('lib/base', Buffer.from('another base'));
    const second = await build('two');
    await mkdir(join(second.folder, 'ingest'));
    await second.verify();
    assert.equal((await readdir(join(second.folder, 'blobs/sha256'))).length, 4); // manifest, configuration, two layers
    assert.deepEqual((await readdir(second.folder)).sort(), ['blobs', 'index.json', 'oci-layout']);
    assert.equal((await readdir(kept())).length, 2);
  });

  for (const [what, damage] of [
    ['truncated', async (file: string) => await truncate(file, 5)],
    ['longer', async (file: string) => await appendFile(file, 'x')],
    ['written to, with its size kept', async (file: string) => await writeFile(file, Buffer.alloc(base.length, 7))],
    ['touched', async (file: string) => await utimes(file, 5, 5)],
  ] as const)
    it(`drops a kept layer that was ${what}, and the build goes on without it`, async () => {
      await (await build('one')).verify();
      const [name = ''] = await readdir(kept());
      await chmod(join(kept(), name), 0o644);
      await damage(join(kept(), name));
      const second = await build('two');
      assert.deepEqual(second.there, []);
      await second.verify();
      const [hex = ''] = name.split('.');
      assert.deepEqual(await readFile(join(second.folder, 'blobs/sha256', hex)), Buffer.from(base));
      assert.deepEqual((await build('three')).there, [hex]);
    });

  it('lets no layer pass that the disk has changed unnoticed, and is well again the next time', async () => {
    await (await build('one')).verify();
    const [name = ''] = await readdir(kept());
    const file = join(kept(), name);
    const { atime, mtime } = await stat(file);
    await chmod(file, 0o644);
    await writeFile(file, Buffer.alloc(base.length, 7));
    await utimes(file, atime, mtime);
    await assert.rejects((await build('two')).verify(), (error: unknown) => {
      assert.ok(error instanceof UserError);
      assert.equal(error.code, 'BAN-E306');
      assert.match(error.hint ?? '', /build again/);
      return true;
    });
    await (await build('three')).verify();
  });

  it('forgets layers that nobody used for a month, and files that it did not put there', async () => {
    await (await build('one')).verify();
    const [name = ''] = await readdir(kept());
    const { mtime } = await stat(join(kept(), name));
    await utimes(join(kept(), name), Date.now() / 1000 - 31 * 24 * 3600, mtime);
    await writeFile(join(kept(), 'notes.txt'), '');
    assert.deepEqual((await build('two')).there, []);
    assert.deepEqual(await readdir(kept()), []);
  });

  it('serves two bantams at once', async () => {
    const stores = [open(), open(), open(), open()];
    const all = await Promise.all(stores.map(async (store, index) => await build(`layout ${index}`, store)));
    await Promise.all(all.map(async ({ verify }) => await verify()));
    assert.equal((await readdir(kept())).length, 1);
    await Promise.all(stores.map(async (store, index) => await (await build(`again ${index}`, store)).verify()));
  });

  it('builds without a cache folder, and says so only to those who look closely', async () => {
    await writeFile(join(root, 'a file'), '');
    const built = await build('one', open(join(root, 'a file', 'cache')));
    await built.verify();
    assert.deepEqual([...new Set(events.map(({ type }) => type))], ['trace']);
  });

  it('reads a ledger that is missing, broken or a folder as an empty one, and survives one that cannot be written', async () => {
    const report = (event: Event): void => void events.push(event);
    for (const [name, prepare] of [
      ['missing', async () => undefined],
      ['broken', async (file: string) => await writeFile(file, '{"half": ')],
      ['other', async (file: string) => await writeFile(file, '{"a": ["b"]}')],
      ['folder', async (file: string) => await mkdir(file)],
    ] as const) {
      const file = join(root, name);
      await prepare(file);
      const stored = openBlobLedger(file, report);
      const ledger = await stored.load();
      assert.equal(ledger.placeOf('r', 'sha256:1'), undefined);
      ledger.add('r', 'sha256:1', 'hello');
      await stored.save();
      if (name !== 'folder')
        assert.equal((await openBlobLedger(file, report).load()).placeOf('r', 'sha256:1'), 'hello', name);
    }
    assert.equal(events.length, 2);
  });

  it('remembers the youngest five hundred blobs of a registry', async () => {
    const stored = openBlobLedger(join(root, 'ledger.json'), () => undefined);
    const ledger = await stored.load();
    for (let number = 0; number < 600; number += 1) ledger.add('r', `sha256:${number}`, 'hello');
    ledger.add('s', 'sha256:1', 'elsewhere');
    assert.equal(ledger.placeOf('r', 'sha256:99'), undefined);
    assert.equal(ledger.placeOf('r', 'sha256:100'), 'hello');
    assert.equal(ledger.placeOf('s', 'sha256:1'), 'elsewhere');
  });

  it('runs uploads of one blob after each other, of different ones side by side', async () => {
    const ledger = await openBlobLedger(join(root, 'ledger.json'), () => undefined).load();
    const order: string[] = [];
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const first = ledger.inTurn('r', 'a', async () => {
      await gate;
      order.push('first a');
      throw new Error('it failed');
    });
    const second = ledger.inTurn('r', 'a', async () => void order.push('second a'));
    await ledger.inTurn('r', 'b', async () => void order.push('b'));
    release();
    await assert.rejects(first, /it failed/);
    await second;
    assert.deepEqual(order, ['b', 'first a', 'second a']);
  });
});
