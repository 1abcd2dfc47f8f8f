import type { ElfHeader } from './elf.ts';
import { readProgramHeaders } from './program-headers.ts';

/**
 * The x86-64 level (1 to 4) that a program says it needs: GNU_PROPERTY_X86_ISA_1_NEEDED in its GNU property note (x86-64 psABI, "Program Property"),
 * which the dynamic loader checks. Most programs say nothing, Go's never do.
 */
export function readX86Level(header: ElfHeader, head: Uint8Array): number | undefined {
  const headers = readProgramHeaders(header, head);
  if (typeof headers !== 'object' || header.bits !== 64) return undefined;
  const note = headers.find(({ type }) => type === gnuProperty);
  if (note === undefined || note.offset + note.fileSize > head.length || note.fileSize < 16) return undefined;
  const bytes = head.subarray(note.offset, note.offset + note.fileSize);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = Math.min(bytes.length, 16 + view.getUint32(4, true));
  for (let at = 16; at + 8 <= end; ) {
    const size = view.getUint32(at + 4, true);
    if (view.getUint32(at, true) === isaNeeded && size >= 4 && at + 12 <= end) {
      const bits = view.getUint32(at + 8, true) & 0xf;
      return bits === 0 ? undefined : 32 - Math.clz32(bits);
    }
    at += 8 + Math.ceil(size / 8) * 8;
  }
  return undefined;
}

/** PT_GNU_PROPERTY. */
const gnuProperty = 0x6474e553;

const isaNeeded = 0xc0008002;
