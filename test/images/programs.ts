import { type ElfPlan, exitCodes, writeElf } from '../oci/elf-writer.ts';
import type { TestEntry } from '../oci/image-parts.ts';

const hardFloat = 0x05000400;
const softFloat = 0x05000200;

/** Tiny programs, one per kind of machine code; each ends at once with exit code 42. */
export const plans = {
  amd64: { bits: 64, machine: 62, code: exitCodes.amd64 },
  amd64v2: { bits: 64, machine: 62, code: exitCodes.amd64, isaNeeded: 0b11 },
  amd64v3: { bits: 64, machine: 62, code: exitCodes.amd64, isaNeeded: 0b111 },
  '386': { bits: 32, machine: 3, code: exitCodes['386'], base: 0x8040000 },
  arm64: { bits: 64, machine: 183, code: exitCodes.arm64 },
  /** Says nothing of the processor it needs, as Go's programs. */
  arm: { bits: 32, machine: 40, flags: hardFloat, code: exitCodes.arm },
  armSoft: { bits: 32, machine: 40, flags: softFloat, code: exitCodes.arm },
  armOldAbi: { bits: 32, machine: 40, flags: 0, code: exitCodes.arm },
  armv5: { bits: 32, machine: 40, flags: softFloat, code: exitCodes.arm, armArchitecture: 4 },
  armv6: { bits: 32, machine: 40, flags: hardFloat, code: exitCodes.arm, armArchitecture: 6 },
  armv7: { bits: 32, machine: 40, flags: hardFloat, code: exitCodes.armv7, armArchitecture: 10 },
  armBig: { bits: 32, machine: 40, flags: hardFloat, code: exitCodes.arm, big: true },
  riscv64: { bits: 64, machine: 243 },
} as const satisfies Readonly<Record<string, ElfPlan>>;

/** Addresses that agree with file offsets modulo 4 KiB only. */
export const pagesOf4K = { base64: 0x401000, base32: 0x11000 };

/** Two parts of a program that lie in one page of 16 KiB, but not in one of 4 KiB. */
export const sharing = { data: { offset: 0x2000, address: 0x402000, size: 0x100 } };

/** Machine code by name, or a plan for special cases. */
export type Code = keyof typeof plans | ElfPlan;

/** A program file. */
export function program(
  name: string,
  code: Code,
  overrides: Partial<ElfPlan> & { readonly mode?: number; readonly uid?: number } = {},
): TestEntry {
  const { mode, uid, ...plan } = overrides;
  const base = typeof code === 'string' ? plans[code] : code;
  return {
    name,
    content: writeElf({ ...base, ...plan }),
    ...(mode === undefined ? {} : { mode }),
    ...(uid === undefined ? {} : { uid }),
  };
}

/** A dynamic loader: position-independent, otherwise like a program. */
export function loader(
  name: string,
  code: Code,
  overrides: Partial<ElfPlan> & { readonly mode?: number } = {},
): TestEntry {
  return program(name, code, { type: 3, ...overrides });
}

/** A script, executable. */
export function script(name: string, ...lines: readonly string[]): TestEntry {
  return { name, content: lines.join('\n') };
}

/** A link. */
export function link(name: string, linkname: string): TestEntry {
  return { name, type: 'symlink', linkname };
}
