import { gzipSync } from 'node:zlib';
import * as tar from 'tar-stream';

/** One entry of a layer under test. Without a type it is a file, executable unless `mode` says otherwise. */
export interface TestEntry {
  readonly name: string;
  readonly type?: 'file' | 'directory' | 'symlink' | 'link' | 'fifo' | 'character-device';
  readonly linkname?: string;
  readonly mode?: number;
  readonly content?: Uint8Array | string;
}

/** Packs entries as a layer, gzipped unless told otherwise. */
export async function packLayer(entries: readonly TestEntry[], compression: 'gzip' | 'none' = 'gzip'): Promise<Buffer> {
  const pack = tar.pack();
  const chunks: Buffer[] = [];
  const reading = (async () => {
    for await (const chunk of pack) chunks.push(Buffer.from(chunk as Uint8Array));
  })();
  for (const { name, type = 'file', linkname = '', mode = 0o755, content = '' } of entries) {
    const body = Buffer.from(content);
    pack.entry({ name, type, linkname, mode, ...(type === 'file' ? { size: body.length } : {}) }, body);
  }
  pack.finalize();
  await reading;
  const bytes = Buffer.concat(chunks);
  return compression === 'gzip' ? gzipSync(bytes) : bytes;
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

/** A minimal ELF file: the header and `size` bytes in all. */
export function makeElf(
  { bits, machine, flags = 0, big = false }: { bits: 32 | 64; machine: number; flags?: number; big?: boolean },
  { type = 2, size = 64 }: { type?: number; size?: number } = {},
): Buffer {
  const bytes = Buffer.alloc(Math.max(size, 64));
  bytes.set([0x7f, 0x45, 0x4c, 0x46, bits === 32 ? 1 : 2, big ? 2 : 1, 1]);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  view.setUint16(16, type, !big);
  view.setUint16(18, machine, !big);
  view.setUint32(bits === 32 ? 36 : 48, flags, !big);
  return bytes;
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
