import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { UserError } from '../../cli/errors.ts';
import { sha256Digest, verifyWhileReading } from '../../cli/oci/digest.ts';
import { type LayerEntry, readLayer } from '../../cli/oci/layer.ts';
import { blockHeader, elfMachines, inPieces, makeElf, packLayer, zstdHeader, zstdOfRawBlock } from './image-parts.ts';

async function readAll(
  bytes: AsyncIterable<Uint8Array>,
  limits?: { bytes: number; entries: number },
): Promise<LayerEntry[]> {
  const entries: LayerEntry[] = [];
  for await (const entry of readLayer(bytes, 'layer under test', limits)) entries.push(entry);
  return entries;
}

const entries = [
  { name: './usr/', type: 'directory' },
  { name: './usr/bin/fn', content: makeElf(elfMachines.arm64, { size: 5000 }) },
  { name: '/usr/bin/start', content: '#!/bin/sh -e\necho hello\n' },
  { name: 'usr/share/notes', mode: 0o644, content: '#!/not/executable\n' },
  { name: 'bin', type: 'symlink', linkname: 'usr/bin' },
  { name: 'usr/bin/again', type: 'link', linkname: './usr/bin/fn' },
  { name: 'usr/bin/nothing', content: '' },
  { name: 'pipe', type: 'fifo' },
  { name: 'etc/.wh.passwd' },
  { name: 'var/.wh..wh..opq' },
  { name: '.wh..wh.plnk' },
  { name: 'etc/.wh.' },
] as const;

const changes = [
  { kind: 'node', path: 'usr', node: { kind: 'directory' } },
  {
    kind: 'node',
    path: 'usr/bin/fn',
    node: {
      kind: 'file',
      executable: true,
      start: {
        kind: 'elf',
        elf: {
          bits: 64,
          endianness: 'little',
          machine: 183,
          type: 2,
          flags: 0,
          start: { kind: 'read', dynamic: false, fitsPage: 65_536 },
        },
      },
    },
  },
  {
    kind: 'node',
    path: 'usr/bin/start',
    node: { kind: 'file', executable: true, start: { kind: 'script', line: '/bin/sh -e', ends: ['echo', 'hello'] } },
  },
  { kind: 'node', path: 'usr/share/notes', node: { kind: 'file', executable: false, start: { kind: 'other' } } },
  { kind: 'node', path: 'bin', node: { kind: 'symlink', target: 'usr/bin' } },
  { kind: 'node', path: 'usr/bin/again', node: { kind: 'hardlink', target: 'usr/bin/fn' } },
  { kind: 'node', path: 'usr/bin/nothing', node: { kind: 'file', executable: true, start: { kind: 'empty' } } },
  { kind: 'node', path: 'pipe', node: { kind: 'special' } },
  { kind: 'whiteout', path: 'etc/passwd' },
  { kind: 'opaque', path: 'var' },
];

/** Made with `zstd -19` of a tar that holds the script `start`. */
const compressedZstd =
  'KLUv/QRoVQIAkgMMEKDtyO+Cwen/EbUg3QEocAoGjjGlwWlSQJe0hYgY/v0O3Gg/OMuNs/x3prnhO3ADCSBQtw7OC9/mUOd73lqwpaAwKIDtpOA7NpFR';

/** A frame of `count` run-length blocks of 128 KiB zeros each. */
function zstdOfZeros(count: number): Buffer {
  const blocks = Array.from({ length: count }, (_, index) =>
    Buffer.concat([blockHeader(1, 128 * 1024, index === count - 1), Buffer.of(0)]),
  );
  return Buffer.concat([zstdHeader, ...blocks]);
}

function listenForEnd(): { ended: Promise<number>; onEnd(taken: number): void } {
  let onEnd: (taken: number) => void = () => {};
  const ended = new Promise<number>((resolve) => {
    onEnd = resolve;
  });
  return { ended, onEnd };
}

describe('reading a layer', () => {
  it('tells files, links and whiteouts apart, in a plain and in a gzipped tar', async () => {
    assert.deepEqual(await readAll(inPieces(await packLayer(entries, 'none'))), changes);
    assert.deepEqual(await readAll(inPieces(await packLayer(entries), 7)), changes);
  });

  it('reads gzip in several members and zstd in several frames', async () => {
    const plain = await packLayer(entries, 'none');
    const halves = [plain.subarray(0, 2000), plain.subarray(2000)];
    assert.deepEqual(await readAll(inPieces(Buffer.concat(halves.map((half) => gzipSync(half))))), changes);
    assert.deepEqual(await readAll(inPieces(Buffer.concat(halves.map(zstdOfRawBlock)), 100)), changes);
  });

  it('stops the source as soon as the reader has seen enough', async () => {
    const layer = await packLayer([
      { name: 'fn', content: makeElf(elfMachines.amd64) },
      { name: 'big', content: randomBytes(4_000_000) },
    ]);
    const { ended, onEnd } = listenForEnd();
    for await (const entry of readLayer(inPieces(layer, 16_384, onEnd), 'layer')) {
      assert.equal(entry.path, 'fn');
      break;
    }
    assert.ok((await ended) < 1_000_000);
  });

  it('yields a large file before it has been read to its end', async () => {
    const layer = await packLayer([
      { name: 'node', content: Buffer.concat([makeElf(elfMachines.amd64), randomBytes(4_000_000)]) },
    ]);
    const { ended, onEnd } = listenForEnd();
    for await (const _ of readLayer(inPieces(layer, 16_384, onEnd), 'layer')) break;
    assert.ok((await ended) < 1_000_000);
  });

  for (const [what, make] of [
    ['a tar cut off', async () => (await packLayer(entries, 'none')).subarray(0, 3000)],
    ['a gzip cut off', async () => (await packLayer(entries)).subarray(0, 300)],
    ['no tar at all', async () => Buffer.alloc(4096, 'x')],
    ['a damaged gzip', async () => Buffer.concat([gzipSync('x').subarray(0, 10), Buffer.alloc(600, 'y')])],
  ] as const) {
    it(`calls ${what} damaged`, async () => {
      await assert.rejects(
        readAll(inPieces(await make())),
        (error) =>
          error instanceof UserError && error.code === 'BAN-E306' && error.message.includes('layer under test'),
      );
    });
  }

  it('refuses a layer that unpacks to more than the limit', async () => {
    const bomb = await packLayer([{ name: 'zeros', content: Buffer.alloc(3_000_000) }]);
    assert.ok(bomb.length < 10_000);
    await assert.rejects(readAll(inPieces(bomb), { bytes: 1_000_000, entries: 10 }), /more than 1000000 bytes/);
    const many = await packLayer(Array.from({ length: 50 }, (_, index) => ({ name: `f${index}` })));
    await assert.rejects(readAll(inPieces(many), { bytes: 1_000_000, entries: 49 }), /more than 49 entries/);
  });

  it('refuses a zstd bomb in small steps', async () => {
    const header = (await packLayer([{ name: 'zeros', content: Buffer.alloc(1_000) }], 'none')).subarray(0, 512);
    const bomb = Buffer.concat([zstdOfRawBlock(header), zstdOfZeros(20_000)]);
    assert.ok(bomb.length < 100_000);
    await assert.rejects(readAll(inPieces(bomb), { bytes: 1_000_000, entries: 10 }), /more than 1000000 bytes/);
  });

  it('ends zstd data whose damage would keep the library busy for minutes', async function () {
    this.timeout(60_000);
    const damaged = Buffer.from(
      [
        'KLUv/WQAIUUGABLJHBnwbw7s89O07cNI/f91i8loyVZm1E//7gkyLrpJpaeArKItu269NGoAASEEnlKi7MxrAlANhiO21u4/VAtsouhkGjEPS8',
        'pwlZNkrbIk2Zf7eP2ee08pUYNGzf47MVStFi4/9/e54dEefwebvwxh/L/GVKscIAAtiJJCKQ79V6rAmKoDMQDFXVgFUOqax4CGIshdBQGENkbN',
        'O/2WeIDyRoY4JAA8lOPr0kW009dgVKPT08kDrEFSFIAhgEknkDoBRMB1eAJaVWuw0g==',
      ].join(''),
      'base64',
    );
    await assert.rejects(readAll(inPieces(damaged)), (error: Error & { code?: string }) => {
      assert.match(error.message, /does not come to an end/);
      return error.code === 'BAN-E306';
    });
  });

  it('reads compressed zstd, and refuses a frame that wants too much memory', async () => {
    const file = await readAll(inPieces(Buffer.from(compressedZstd, 'base64')));
    assert.deepEqual(file, [
      {
        kind: 'node',
        path: 'start',
        node: { kind: 'file', executable: true, start: { kind: 'script', line: '/bin/sh', ends: ['echo', 'hello'] } },
      },
    ]);
    const greedy = Buffer.concat([Buffer.of(0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa0), Buffer.alloc(100)]);
    await assert.rejects(readAll(inPieces(greedy)), /zstd window is larger than 128 MiB/);
  });

  it('passes errors of the source on as they are', async () => {
    const broken = new UserError('BAN-E301', 'the line is dead');
    const source = async function* () {
      yield (await packLayer(entries)).subarray(0, 100);
      throw broken;
    };
    await assert.rejects(readAll(source()), (error) => error === broken);
  });

  it('finds out at the end that the bytes are not those of the digest', async () => {
    const layer = await packLayer(entries);
    assert.equal(
      (await readAll(verifyWhileReading(inPieces(layer), sha256Digest(layer), 'layer'))).length,
      changes.length,
    );
    const other = await packLayer(entries.slice(1));
    await assert.rejects(
      readAll(verifyWhileReading(inPieces(other), sha256Digest(layer), 'layer 1')),
      /layer 1 is damaged: its bytes hash to/,
    );
  });
});
