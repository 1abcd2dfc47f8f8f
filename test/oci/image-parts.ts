import { gzipSync } from 'node:zlib';
import * as tar from 'tar-stream';
import { writeElf } from './elf-writer.ts';

/** One entry of a layer under test. Without a type it is a file, executable unless `mode` says otherwise. */
export interface TestEntry {
  readonly name: string;
  readonly type?: 'file' | 'directory' | 'symlink' | 'link' | 'fifo' | 'character-device';
  readonly linkname?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly content?: Uint8Array | string;
}

/** Packs entries as a layer, gzipped unless told otherwise. */
export async function packLayer(
  entries: readonly TestEntry[],
  compression: 'gzip' | 'zstd' | 'none' = 'gzip',
): Promise<Buffer> {
  const pack = tar.pack();
  const chunks: Buffer[] = [];
  const reading = (async () => {
    for await (const chunk of pack) chunks.push(Buffer.from(chunk as Uint8Array));
  })();
  for (const { name, type = 'file', linkname = '', mode = 0o755, uid = 0, content = '' } of entries) {
    const body = Buffer.from(content);
    pack.entry({ name, type, linkname, mode, uid, gid: uid, ...(type === 'file' ? { size: body.length } : {}) }, body);
  }
  pack.finalize();
  await reading;
  const bytes = Buffer.concat(chunks);
  return compression === 'gzip' ? gzipSync(bytes) : compression === 'zstd' ? zstdOfRawBlock(bytes) : bytes;
}

/** The machines images are made for, as an ELF header numbers them. */
export const elfMachines = {
  amd64: { bits: 64, machine: 62 },
  '386': { bits: 32, machine: 3 },
  arm64: { bits: 64, machine: 183 },
  arm: { bits: 32, machine: 40, flags: 0x05000400 },
  riscv64: { bits: 64, machine: 243 },
  s390x: { bits: 64, machine: 22, big: true },
} as const;

/** A minimal ELF file that a kernel of that machine would start, of `size` bytes in all. */
export function makeElf(
  machine: { readonly bits: 32 | 64; readonly machine: number; readonly flags?: number; readonly big?: boolean },
  { type = 2, size = 64 }: { type?: number; size?: number } = {},
): Buffer {
  return writeElf({ ...machine, type, size });
}

/** Bytes as a stream in pieces of `size`; `onEnd` hears how many bytes were taken when the reader is done with it. */
export async function* inPieces(
  bytes: Uint8Array,
  size = 1000,
  onEnd: (taken: number) => void = () => {},
): AsyncGenerator<Uint8Array, void, undefined> {
  let taken = 0;
  try {
    for (; taken < bytes.length; taken += size) yield bytes.subarray(taken, taken + size);
  } finally {
    onEnd(Math.min(taken, bytes.length));
  }
}

/** A zstd frame that holds bytes (up to 128 KiB) as they are. */
export function zstdOfRawBlock(bytes: Uint8Array): Buffer {
  return Buffer.concat([zstdHeader, blockHeader(0, bytes.length, true), bytes]);
}

/** Magic number, no flags, a window of 128 KiB. */
export const zstdHeader = Buffer.of(0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38);

/** Of a block as it is (0), or of one byte repeated (1). */
export function blockHeader(type: 0 | 1, size: number, last: boolean): Buffer {
  const header = Buffer.alloc(3);
  header.writeUIntLE((size << 3) | (type << 1) | (last ? 1 : 0), 0, 3);
  return header;
}
