/** What one kind of Linux program looks like in its ELF header: `e_ident[EI_CLASS]` and `e_machine`. */
const machines: Readonly<Record<string, { readonly bits: number; readonly machine: number }>> = {
  '386': { bits: 32, machine: 3 },
  arm: { bits: 32, machine: 40 },
  s390x: { bits: 64, machine: 22 },
  amd64: { bits: 64, machine: 62 },
  arm64: { bits: 64, machine: 183 },
  ppc64le: { bits: 64, machine: 21 },
  riscv64: { bits: 64, machine: 243 },
};

/** The architecture, in the words of image platforms, that a program of these first 20 bytes is for; undefined: no ELF. */
export function architectureOf(head: Uint8Array): string | undefined {
  if (head.length < 20 || Buffer.from(head.subarray(0, 4)).toString('latin1') !== '\x7fELF') return undefined;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const machine = view.getUint16(18, view.getUint8(5) === 1);
  const bits = view.getUint8(4) === 1 ? 32 : 64;
  const known = Object.entries(machines).find(([, kind]) => kind.machine === machine && kind.bits === bits);
  return known?.[0] ?? `machine ${machine} (${bits} bits)`;
}
