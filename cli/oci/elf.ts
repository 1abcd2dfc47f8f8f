import { formatPlatform, normalisePlatform, type Platform } from './platform.ts';

/** What the first bytes of an ELF file say about where it runs (System V ABI, "ELF Header"). */
export interface ElfHeader {
  readonly bits: 32 | 64;
  readonly endianness: 'little' | 'big';
  /** `e_machine`. */
  readonly machine: number;
  /** `e_type`: 2 is an executable, 3 a position-independent one or a shared library. */
  readonly type: number;
  /** `e_flags`, meaning depends on the machine. */
  readonly flags: number;
}

/** How many bytes {@link parseElf} wants to see. */
export const elfHeaderBytes = 64;

/** Reads an ELF header; undefined if the bytes do not begin one (no magic number, too short, impossible class). */
export function parseElf(bytes: Uint8Array): ElfHeader | undefined {
  if (bytes.length < 52 || bytes[0] !== 0x7f || bytes[1] !== 0x45 || bytes[2] !== 0x4c || bytes[3] !== 0x46)
    return undefined;
  const bits = bytes[4] === 1 ? 32 : bytes[4] === 2 ? 64 : undefined;
  const endianness = bytes[5] === 1 ? 'little' : bytes[5] === 2 ? 'big' : undefined;
  if (bits === undefined || endianness === undefined) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = endianness === 'little';
  return {
    bits,
    endianness,
    machine: view.getUint16(18, little),
    type: view.getUint16(16, little),
    flags: view.getUint32(bits === 32 ? 36 : 48, little),
  };
}

/** The machine in words: `x86-64`, `ARM (32-bit)`, `machine 1234 (64-bit)`. */
export function describeElf(elf: ElfHeader): string {
  const known = machines.find((machine) => machine.number === elf.machine && machine.bits === elf.bits);
  const name = known?.name ?? `${names[elf.machine] ?? `machine ${elf.machine}`} (${elf.bits}-bit)`;
  return known === undefined || known.endianness === elf.endianness ? name : `${name}, ${elf.endianness}-endian`;
}

/** `wrong`: it is not a program of that platform. `unknown`: the header cannot tell. */
export type ElfVerdict = 'fits' | 'wrong' | 'unknown';

/** Whether a program with this header is of a platform. See {@link explainElf} for the reason. */
export function elfFits(elf: ElfHeader, platform: Platform): ElfVerdict {
  return judge(elf, platform).verdict;
}

/** The reason behind {@link elfFits}, as a clause: "x86-64, linux/arm64 needs AArch64". */
export function explainElf(elf: ElfHeader, platform: Platform): string {
  return judge(elf, platform).reason;
}

function judge(elf: ElfHeader, wanted: Platform): { verdict: ElfVerdict; reason: string } {
  const platform = normalisePlatform(wanted);
  const label = formatPlatform(platform);
  const found = describeElf(elf);
  const expected = machines.find((machine) => machine.architecture === platform.architecture);
  if (platform.os !== 'linux' || expected === undefined) {
    return { verdict: 'unknown', reason: `${found}; bantam does not know what ${label} runs` };
  }
  if (elf.machine !== expected.number || elf.bits !== expected.bits || elf.endianness !== expected.endianness) {
    return {
      verdict: 'wrong',
      reason: `${found}, ${label} needs ${describeElf({ ...elf, ...expected, machine: expected.number })}`,
    };
  }
  if (elf.type !== 2 && elf.type !== 3)
    return { verdict: 'wrong', reason: `${found}, but an object file and no program` };
  if (platform.architecture === 'arm') return judgeArm(elf, platform, found);
  return { verdict: 'fits', reason: found };
}

/**
 * 32-bit ARM: which processor the code needs (v5, v6, v7) stands in a section (.ARM.attributes), not in the header, and Go writes none.
 * Older code runs on newer processors, so v7 and up fit; for v6 and v5 the header proves nothing.
 */
function judgeArm(elf: ElfHeader, platform: Platform, found: string): { verdict: ElfVerdict; reason: string } {
  const label = formatPlatform(platform);
  // EF_ARM_EABIMASK; anything before EABI 4 needs a kernel option that current kernels lack (CONFIG_OABI_COMPAT).
  if (elf.flags >>> 24 < 4)
    return { verdict: 'unknown', reason: `${found} with the old ABI, which few kernels still run` };
  const version = Number(/^v(\d+)$/.exec(platform.variant ?? '')?.[1] ?? Number.NaN);
  if (version >= 7) return { verdict: 'fits', reason: found };
  return {
    verdict: 'unknown',
    reason: `${found}; the header does not tell whether ${label} is enough or v7 is needed`,
  };
}

interface Machine {
  readonly architecture: string;
  readonly number: number;
  readonly bits: 32 | 64;
  readonly endianness: 'little' | 'big';
  readonly name: string;
}

/** GOARCH names and the numbers of the System V ABI's machine registry. */
const machines: readonly Machine[] = [
  { architecture: 'amd64', number: 62, bits: 64, endianness: 'little', name: 'x86-64' },
  { architecture: '386', number: 3, bits: 32, endianness: 'little', name: 'x86 (32-bit)' },
  { architecture: 'arm64', number: 183, bits: 64, endianness: 'little', name: 'AArch64' },
  { architecture: 'arm', number: 40, bits: 32, endianness: 'little', name: 'ARM (32-bit)' },
  { architecture: 'riscv64', number: 243, bits: 64, endianness: 'little', name: 'RISC-V (64-bit)' },
  { architecture: 'ppc64le', number: 21, bits: 64, endianness: 'little', name: 'PowerPC (64-bit)' },
  { architecture: 's390x', number: 22, bits: 64, endianness: 'big', name: 'IBM Z' },
  { architecture: 'loong64', number: 258, bits: 64, endianness: 'little', name: 'LoongArch (64-bit)' },
];

const names: Readonly<Record<number, string>> = {
  62: 'x86-64',
  183: 'AArch64',
  40: 'ARM',
  8: 'MIPS',
  243: 'RISC-V',
  21: 'PowerPC',
};
