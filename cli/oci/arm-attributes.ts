import type { ElfHeader } from './elf.ts';

/**
 * Which ARM instructions a 32-bit program was compiled for (5 to 8), from its section `.ARM.attributes` (Addenda to the ABI for the Arm
 * Architecture, "Build attributes"), if that lies within the first bytes; it stands at the end of a file, so only small programs tell. Go writes none.
 */
export function readArmVersion(header: ElfHeader, head: Uint8Array): number | undefined {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const little = header.endianness === 'little';
  const offset = view.getUint32(32, little);
  const entrySize = view.getUint16(46, little);
  const count = view.getUint16(48, little);
  if (entrySize !== 40 || offset + count * entrySize > head.length) return undefined;
  for (let index = 0; index < count; index += 1) {
    const at = offset + index * entrySize;
    if (view.getUint32(at + 4, little) !== armAttributes) continue;
    const start = view.getUint32(at + 16, little);
    const end = start + view.getUint32(at + 20, little);
    return end > head.length ? undefined : readSection(head.subarray(start, end), little);
  }
  return undefined;
}

/** SHT_ARM_ATTRIBUTES. */
const armAttributes = 0x70000003;

/** `A`, then per vendor: length, name, and groups of tags of which the one for the whole file (1) counts. */
function readSection(section: Uint8Array, little: boolean): number | undefined {
  const view = new DataView(section.buffer, section.byteOffset, section.byteLength);
  if (section[0] !== 0x41) return undefined;
  for (let at = 1; at + 4 < section.length; ) {
    const end = at + view.getUint32(at, little);
    const nameEnd = section.indexOf(0, at + 4);
    if (end <= at + 4 || end > section.length || nameEnd < 0 || nameEnd + 6 > end) return undefined;
    const vendor = new TextDecoder().decode(section.subarray(at + 4, nameEnd));
    if (vendor === 'aeabi' && section[nameEnd + 1] === 1) {
      const groupEnd = nameEnd + 1 + view.getUint32(nameEnd + 2, little);
      return readTags(section.subarray(nameEnd + 6, Math.min(groupEnd, end)));
    }
    at = end;
  }
  return undefined;
}

function readTags(tags: Uint8Array): number | undefined {
  let at = 0;
  const number = (): number => {
    let value = 0;
    for (let shift = 0; at < tags.length && shift < 28; shift += 7) {
      const byte = tags[at] ?? 0;
      at += 1;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    return value;
  };
  const skipText = () => {
    const end = tags.indexOf(0, at);
    at = end < 0 ? tags.length : end + 1;
  };
  while (at < tags.length) {
    const tag = number();
    if (tag === 6) return versions[number()];
    if (tag === 32) number();
    if (tag === 4 || tag === 5 || tag === 32 || (tag > 32 && tag % 2 === 1)) skipText();
    else number();
  }
  return undefined;
}

/** Tag_CPU_arch. v6T2 (8) has Thumb-2, which no Pi of version 6 has; microcontrollers (v6-M, v7E-M, …) are left out. */
const versions: Readonly<Record<number, number>> = {
  0: 5,
  1: 5,
  2: 5,
  3: 5,
  4: 5,
  5: 5,
  6: 6,
  7: 6,
  8: 7,
  9: 6,
  10: 7,
  14: 8,
  18: 8,
  19: 8,
  20: 8,
  22: 8,
};
