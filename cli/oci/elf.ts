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

/** Reads an ELF header; undefined if the bytes do not begin one (no magic number, too short, impossible class). */
export function parseElf(bytes: Uint8Array): ElfHeader | undefined {
  if (bytes.length < 52 || bytes[0] !== 0x7f || bytes[1] !== 0x45 || bytes[2] !== 0x4c || bytes[3] !== 0x46)
    return undefined;
  const bits = bytes[4] === 1 ? 32 : bytes[4] === 2 ? 64 : undefined;
  const endianness = bytes[5] === 1 ? 'little' : bytes[5] === 2 ? 'big' : undefined;
  if (bits === undefined || endianness === undefined || bytes.length < bits) return undefined;
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

/** The machine in words by its name in Go: `arm64` → `AArch64`. Undefined if bantam does not know it. */
export function describeMachine(architecture: string): string | undefined {
  return machines.find((machine) => machine.architecture === architecture)?.name;
}

/** The name in Go of the machine that a file is for: `arm64`. Undefined for one that bantam does not know. */
export function machineOf(elf: ElfHeader): string | undefined {
  return machines.find(
    ({ number, bits, endianness }) => number === elf.machine && bits === elf.bits && endianness === elf.endianness,
  )?.architecture;
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
