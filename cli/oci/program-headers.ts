import type { ElfHeader } from './elf.ts';

/** One line of the program header table. */
export interface ProgramHeader {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly address: number;
  readonly fileSize: number;
  readonly memorySize: number;
}

/** The table, or why there is none; `undefined` if it lies beyond the bytes read. */
export function readProgramHeaders(header: ElfHeader, head: Uint8Array): readonly ProgramHeader[] | undefined | string {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const little = header.endianness === 'little';
  const wide = header.bits === 64;
  const word = (at: number) => (wide ? Number(view.getBigUint64(at, little)) : view.getUint32(at, little));
  const offset = word(wide ? 32 : 28);
  const entrySize = view.getUint16(wide ? 54 : 42, little);
  const count = view.getUint16(wide ? 56 : 44, little);
  const expected = wide ? 56 : 32;
  if (entrySize !== expected || count === 0 || count * expected > 65_536)
    return 'has no program headers that Linux accepts';
  if (offset + count * expected > head.length) return undefined;
  return Array.from({ length: count }, (_, index): ProgramHeader => {
    const at = offset + index * expected;
    return wide
      ? {
          type: view.getUint32(at, little),
          flags: view.getUint32(at + 4, little),
          offset: word(at + 8),
          address: word(at + 16),
          fileSize: word(at + 32),
          memorySize: word(at + 40),
        }
      : {
          type: view.getUint32(at, little),
          flags: view.getUint32(at + 24, little),
          offset: word(at + 4),
          address: word(at + 8),
          fileSize: word(at + 16),
          memorySize: word(at + 20),
        };
  });
}
