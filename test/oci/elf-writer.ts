/** What a hand-made ELF file is to be. All of it lies in its first bytes; by default one segment holds the whole file, at an address that suits every memory page. */
export interface ElfPlan {
  readonly bits: 32 | 64;
  readonly machine: number;
  readonly big?: boolean;
  readonly flags?: number;
  /** 2 for a program, 3 for a position-independent one. */
  readonly type?: number;
  /** Machine code, started at its first byte. */
  readonly code?: Uint8Array;
  /** Address of the first byte of the file. */
  readonly base?: number;
  readonly loader?: string;
  /** Tag_CPU_arch of a section .ARM.attributes. */
  readonly armArchitecture?: number;
  /** Bits of GNU_PROPERTY_X86_ISA_1_NEEDED. */
  readonly isaNeeded?: number;
  /** A second segment, writable: where in the file and in memory. */
  readonly data?: { readonly offset: number; readonly address: number; readonly size: number };
  /** Least size of the file. */
  readonly size?: number;
  /** Moves the program headers to this offset. */
  readonly headersAt?: number;
  /** Moves the loader's name to this offset, behind everything else. */
  readonly loaderAt?: number;
  /** Entry point, if not the first byte of the code. */
  readonly entry?: number;
}

/** Writes an ELF file that a kernel starts. */
export function writeElf(plan: ElfPlan): Buffer {
  const { bits, machine, big = false, flags = 0, type = 2, code = new Uint8Array(4), loader } = plan;
  const base = plan.base ?? (type === 3 ? 0 : bits === 64 ? 0x400000 : 0x10000);
  const wide = bits === 64;
  const headerSize = wide ? 64 : 52;
  const entrySize = wide ? 56 : 32;
  const interp = loader === undefined ? Buffer.alloc(0) : Buffer.from(`${loader}\0`);
  const note = plan.isaNeeded === undefined ? Buffer.alloc(0) : propertyNote(plan.isaNeeded);
  const count = 1 + (plan.data === undefined ? 0 : 1) + Math.sign(interp.length) + Math.sign(note.length);
  const headersAt = plan.headersAt ?? headerSize;
  const noteAt = align(headerSize + (plan.headersAt === undefined ? count * entrySize : 0));
  const codeAt = align(noteAt + note.length + (plan.loaderAt === undefined ? interp.length : 0));
  const interpAt = plan.loaderAt ?? noteAt + note.length;
  const attributes = plan.armArchitecture === undefined ? Buffer.alloc(0) : armAttributes(plan.armArchitecture);
  const attributesAt = align(codeAt + code.length);
  const sectionsAt = align(attributesAt + attributes.length);
  const end = sectionsAt + (attributes.length === 0 ? 0 : 2 * 40);
  const data = plan.data;
  const size = Math.max(
    end,
    plan.size ?? 0,
    headersAt + count * entrySize,
    interpAt + interp.length,
    data === undefined ? 0 : data.offset + data.size,
  );
  const bytes = Buffer.alloc(size);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const little = !big;
  const word = (at: number, value: number) =>
    wide ? view.setBigUint64(at, BigInt(value), little) : view.setUint32(at, value, little);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, big ? 2 : 1, 1]);
  view.setUint16(16, type, little);
  view.setUint16(18, machine, little);
  view.setUint32(20, 1, little);
  word(24, plan.entry ?? base + codeAt);
  word(wide ? 32 : 28, headersAt);
  if (attributes.length > 0) word(wide ? 40 : 32, sectionsAt);
  view.setUint32(wide ? 48 : 36, flags, little);
  [headerSize, entrySize, count, 40, attributes.length === 0 ? 0 : 2].forEach((value, index) => {
    view.setUint16((wide ? 52 : 40) + 2 * index, value, little);
  });
  let at = headersAt;
  const segment = (
    kind: number,
    rights: number,
    offset: number,
    address: number,
    length: number,
    alignment: number,
  ) => {
    view.setUint32(at, kind, little);
    view.setUint32(at + (wide ? 4 : 24), rights, little);
    const fields = wide ? [8, 16, 24, 32, 40, 48] : [4, 8, 12, 16, 20, 28];
    [offset, address, address, length, length, alignment].forEach((value, index) => {
      word(at + (fields[index] ?? 0), value);
    });
    at += entrySize;
  };
  if (interp.length > 0) segment(3, 4, interpAt, base + interpAt, interp.length, 1);
  const alignment = base % 0x10000 === 0 ? 0x10000 : 0x1000;
  segment(1, 5, 0, base, data === undefined ? size : Math.min(size, data.offset), alignment);
  if (data !== undefined) segment(1, 6, data.offset, data.address, data.size, alignment);
  if (note.length > 0) segment(0x6474e553, 4, noteAt, base + noteAt, note.length, 8);
  bytes.set(note, noteAt);
  bytes.set(interp, interpAt);
  bytes.set(code, codeAt);
  if (attributes.length > 0) {
    bytes.set(attributes, attributesAt);
    [0, 0x70000003, 0, 0, attributesAt, attributes.length].forEach((value, index) => {
      view.setUint32(sectionsAt + 40 + 4 * index, value, little);
    });
  }
  return bytes;
}

function align(offset: number): number {
  return Math.ceil(offset / 8) * 8;
}

function propertyNote(bits: number): Buffer {
  const note = Buffer.alloc(32);
  [4, 16, 5].forEach((value, index) => {
    note.writeUInt32LE(value, 4 * index);
  });
  note.write('GNU\0', 12, 'latin1');
  [0xc0008002, 4, bits, 0].forEach((value, index) => {
    note.writeUInt32LE(value, 16 + 4 * index);
  });
  return note;
}

/** With a name of a processor in front, as compilers write it. */
function armAttributes(architecture: number): Buffer {
  const tags = Buffer.from([5, ...Buffer.from('test\0'), 6, architecture, 8, 1, 9, 1]);
  const group = Buffer.alloc(5 + tags.length);
  group[0] = 1;
  group.writeUInt32LE(group.length, 1);
  group.set(tags, 5);
  const section = Buffer.alloc(1 + 4 + 6 + group.length);
  section.write('A', 0, 'latin1');
  section.writeUInt32LE(section.length - 1, 1);
  section.write('aeabi\0', 5, 'latin1');
  section.set(group, 11);
  return section;
}

/** Machine code that ends the process with exit code 42, and nothing else. */
export const exitCodes = {
  amd64: Buffer.from('b83c000000bf2a0000000f05', 'hex'),
  '386': Buffer.from('b801000000bb2a000000cd80', 'hex'),
  // mov x8, #93; mov x0, #42; svc #0
  arm64: Buffer.from('a80b80d2400580d2010000d4', 'hex'),
  // mov r7, #1; mov r0, #42; svc #0
  arm: Buffer.from('0170a0e32a00a0e3000000ef', 'hex'),
  // The same with movw, which ARMv6 does not have.
  armv7: Buffer.from('017000e32a0000e3000000ef', 'hex'),
} as const;
