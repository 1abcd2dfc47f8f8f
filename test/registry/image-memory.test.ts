import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Event } from '../../cli/events.ts';
import { sha256Digest } from '../../cli/oci/digest.ts';
import { mediaTypes } from '../../cli/oci/media-types.ts';
import { openImageMemory } from '../../cli/registry/image-memory.ts';
import { prune } from '../../cli/registry/prune.ts';
import { temporaryFolder } from '../e2e/program.ts';

const bytes = new Uint8Array(Buffer.from('{"schemaVersion":2}'));
const document = { digest: sha256Digest(bytes), mediaType: mediaTypes.ociIndex, bytes };
const layer = `sha256:${'a'.repeat(64)}`;
const finding = {
  found: { depth: 1, node: { kind: 'symlink', target: '/x' } },
  directories: 0,
  hidesBelow: false,
} as const;

describe('what is known of images from earlier runs', () => {
  let place: Awaited<ReturnType<typeof temporaryFolder>>;
  let folder: string;
  const events: Event[] = [];
  beforeEach(async () => {
    place = await temporaryFolder();
    folder = join(place.path, 'images');
    events.length = 0;
  });
  afterEach(() => place[Symbol.asyncDispose]());
  const open = () => openImageMemory(folder, (event) => void events.push(event));
  const fileOf = async (kind: string) => {
    const name = (await readdir(folder)).find((each) => each.startsWith(`${kind}-`));
    assert.ok(name !== undefined, `no ${kind} in ${folder}`);
    return join(folder, name);
  };

  it('is there for the next run: documents, findings, tags', async () => {
    const first = open();
    await first.keepDocument(document);
    (await first.findings('pi.lan', [layer])).set(`${layer} /bin/sh`, finding);
    await first.keepTag('pi.lan/fn:1', { digest: document.digest, at: '2026-11-22T10:00:00.000Z' });
    await first.save();
    const second = open();
    assert.deepEqual(await second.document(document.digest), document);
    assert.deepEqual((await second.findings('pi.lan', [layer])).get(`${layer} /bin/sh`), finding);
    assert.equal((await second.seenTag('pi.lan/fn:1'))?.digest, document.digest);
    assert.deepEqual(events, []);
  });

  it('keeps what one registry sent of a layer apart from another’s', async () => {
    const memory = open();
    (await memory.findings('liar.example', [layer])).set(`${layer} /bin/sh`, finding);
    await memory.save();
    assert.equal((await open().findings('pi.lan', [layer])).get(`${layer} /bin/sh`), undefined);
  });

  it('takes nothing damaged, and writes it anew', async () => {
    const first = open();
    await first.keepDocument(document);
    (await first.findings('pi.lan', [layer])).set(`${layer} /bin/sh`, finding);
    await first.keepTag('pi.lan/fn:1', { digest: document.digest, at: '2026-11-22T10:00:00.000Z' });
    await first.save();
    const damages: readonly ((text: string) => string)[] = [
      (text) => text.slice(0, text.length / 2),
      () => '',
      (text) => text.replace('schemaVersion":2', 'schemaVersion":3').replace('symlink', 'hardlink'),
      (text) => `${text}x`,
    ];
    for (const damage of damages) {
      for (const kind of ['document', 'layer', 'tag']) {
        const file = await fileOf(kind);
        await writeFile(file, damage(await readFile(file, 'utf8')).replace('"reference"', '"referens"'));
      }
      const memory = open();
      assert.equal(await memory.document(document.digest), undefined);
      const findings = await memory.findings('pi.lan', [layer]);
      assert.equal(findings.get(`${layer} /bin/sh`), undefined);
      assert.equal(await memory.seenTag('pi.lan/fn:1'), undefined);
      await memory.keepDocument(document);
      findings.set(`${layer} /bin/sh`, finding);
      await memory.keepTag('pi.lan/fn:1', { digest: document.digest, at: '2026-11-22T10:00:00.000Z' });
      await memory.save();
      assert.deepEqual(await open().document(document.digest), document);
    }
  });

  it('takes no finding of another shape, whole as it may be', async () => {
    const memory = open();
    const odd = { ...finding, found: { depth: 1, node: { kind: 'portal', target: '/x' } } };
    (await memory.findings('pi.lan', [layer])).set(`${layer} /bin/sh`, odd as unknown as typeof finding);
    await memory.save();
    assert.equal((await open().findings('pi.lan', [layer])).get(`${layer} /bin/sh`), undefined);
  });

  it('is safe with several at once', async () => {
    const memories = Array.from({ length: 8 }, () => open());
    await Promise.all(
      memories.map(async (memory, index) => {
        await memory.keepDocument(document);
        (await memory.findings('pi.lan', [layer])).set(`${layer} /bin/${index}`, finding);
        await memory.save();
      }),
    );
    assert.deepEqual(await open().document(document.digest), document);
    const findings = await open().findings('pi.lan', [layer]);
    assert.ok([...memories.keys()].some((index) => findings.get(`${layer} /bin/${index}`) !== undefined));
    assert.equal((await readdir(folder)).length, 2, 'no half-written file is left');
  });

  it('writes a tag that stayed where it was once an hour', async () => {
    const at = (time: string) => ({ digest: document.digest, at: `2026-11-22T${time}:00.000Z` });
    const memory = open();
    await memory.keepTag('pi.lan/fn:1', at('10:00'));
    await memory.keepTag('pi.lan/fn:1', at('10:59'));
    assert.equal((await open().seenTag('pi.lan/fn:1'))?.at, at('10:00').at);
    await memory.keepTag('pi.lan/fn:1', at('11:01'));
    assert.equal((await open().seenTag('pi.lan/fn:1'))?.at, at('11:01').at);
    await memory.keepTag('pi.lan/fn:1', { ...at('11:02'), digest: layer });
    assert.equal((await open().seenTag('pi.lan/fn:1'))?.digest, layer);
  });

  it('goes on without a folder that it may write to, and says so with -v', async () => {
    await mkdir(place.path, { recursive: true });
    await writeFile(folder, 'a file where the folder should be');
    const memory = open();
    await memory.keepDocument(document);
    await memory.keepDocument(document);
    await memory.save();
    assert.equal(await memory.document(document.digest), undefined);
    assert.deepEqual(
      events.map(({ type }) => type),
      ['trace'],
    );
  });

  it('ends where no folder can be made, as below /proc', async () => {
    const memory = openImageMemory('/proc/nothing/images', (event) => void events.push(event));
    await memory.keepDocument(document);
    await memory.save();
    assert.equal(events.length, 1);
  });

  it('keeps to itself who made it', async () => {
    const memory = open();
    await memory.keepDocument(document);
    assert.equal((await stat(folder)).mode & 0o077, 0);
    await chmod(folder, 0o700);
  });

  it('stays within its bounds: what was unused for longest goes', async () => {
    await mkdir(folder);
    for (let index = 0; index < 10; index += 1) {
      const file = join(folder, `document-${index}`);
      await writeFile(file, Buffer.alloc(100));
      await utimes(file, 1_000_000 + index, 1_000_000 + index);
    }
    await prune(folder, { bytes: 1000, files: 10 });
    assert.equal((await readdir(folder)).length, 10);
    await prune(folder, { bytes: 999, files: 10 });
    assert.deepEqual((await readdir(folder)).sort()[0], 'document-3', 'three of ten went: a quarter to spare');
    await prune(folder, { bytes: 1000, files: 4 });
    assert.deepEqual((await readdir(folder)).sort(), ['document-7', 'document-8', 'document-9']);
  });

  it('keeps nothing that is too large', async () => {
    const large = new Uint8Array(600 * 1024);
    const memory = open();
    await memory.keepDocument({ digest: sha256Digest(large), mediaType: '', bytes: large });
    assert.equal(await memory.document(sha256Digest(large)), undefined);
  });
});
