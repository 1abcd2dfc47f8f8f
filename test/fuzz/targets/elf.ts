import { closeSync, openSync, readSync } from 'node:fs';
import fc from 'fast-check';
import { describeElf, machineOf, parseElf } from '../../../cli/oci/elf.ts';
import { classifyStart } from '../../../cli/oci/layer.ts';
import { elfMachines, makeElf } from '../../oci/image-parts.ts';
import { mutatedBytes } from '../mutate.ts';
import { defineTarget } from '../target.ts';

/** The heads of the real programs at hand, and made ones of all machines. */
const samples: readonly Uint8Array[] = [
  ...headOf(process.execPath),
  ...['/bin/sh', '/usr/bin/env'].flatMap(headOf),
  ...Object.values(elfMachines).map((machine) => makeElf(machine, { size: 512 })),
  makeElf(elfMachines.arm, { type: 3, size: 4096 }),
  Buffer.from('#!/bin/sh\nset -e\nexec "$@"\n'),
  Buffer.from('#! /usr/bin/env -S node --x\n'),
];

/** ELF headers, program headers, notes, attributes; scripts beside them. */
export const elf = defineTarget<{ readonly bytes: Uint8Array; readonly size: number }>({
  name: 'elf',
  inputs: fc.record({
    bytes: mutatedBytes(samples, 20).map((bytes) => bytes.subarray(0, 64 * 1024)),
    size: fc.oneof(fc.nat({ max: 100_000 }), fc.constantFrom(0, 2 ** 31, 2 ** 53 - 1)),
  }),
  show: ({ bytes, size }) => JSON.stringify({ size, base64: Buffer.from(bytes).toString('base64') }),
  attempt({ bytes, size }) {
    const header = parseElf(bytes);
    if (header !== undefined) {
      if (describeElf(header).length > 200) throw new Error('a machine without an end');
      machineOf(header);
    }
    const start = classifyStart(bytes, Math.max(size, bytes.length));
    if (JSON.stringify(start).length > 200_000) throw new Error('a start larger than its bytes');
    return start.kind === 'elf' || start.kind === 'script' ? 'accepted' : 'refused';
  },
});

/** The first 8 KiB of a program of this machine, if it is there. */
function headOf(path: string): readonly Uint8Array[] {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return [];
  }
  const head = Buffer.alloc(8192);
  const length = readSync(file, head, 0, head.length, 0);
  closeSync(file);
  return [head.subarray(0, length)];
}
