import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describeElf, machineOf, parseElf } from '../../cli/oci/elf.ts';
import { type ElfFile, readElfFile } from '../../cli/oci/elf-segments.ts';
import { objectToElf } from '../../cli/oci/judge-elf.ts';
import { classifyStart } from '../../cli/oci/layer.ts';
import { nodeNamed, nodeOf } from '../../cli/oci/node.ts';
import { parsePlatform } from '../../cli/oci/platform.ts';
import { type ElfPlan, exitCodes, writeElf } from './elf-writer.ts';
import { elfMachines, makeElf } from './image-parts.ts';

const read = (bytes: Buffer, size = bytes.length): ElfFile => {
  const start = classifyStart(bytes.subarray(0, 4096), size);
  assert.equal(start.kind, 'elf');
  assert.ok(start.kind === 'elf');
  return start.elf;
};
const startOf = (plan: ElfPlan) => read(writeElf(plan)).start;
const on = (bytes: Buffer, platform: string) =>
  objectToElf(read(bytes), '/fn', nodeOf(parsePlatform(platform)))?.answer ?? 'runs';

describe('ELF headers', () => {
  it('are read from the program that runs this test', async () => {
    const bytes = await readFile(process.execPath);
    const elf = read(bytes.subarray(0, 4096), bytes.length);
    const own = { x64: 'x86-64', arm64: 'AArch64', arm: 'ARM (32-bit)' }[process.arch as string];
    assert.ok(own !== undefined);
    assert.equal(describeElf(elf), own);
    assert.ok(elf.start.kind === 'read', JSON.stringify(elf.start));
    assert.ok(elf.start.fitsPage >= 4096);
    assert.match(elf.start.loader ?? '', /^\/lib.*\/ld-/);
  });

  it('are not seen where there is none', () => {
    const elf = makeElf(elfMachines.amd64);
    for (const bytes of [
      Buffer.alloc(0),
      elf.subarray(0, 51),
      Buffer.from('#!/bin/sh\n'.padEnd(80)),
      Buffer.concat([Buffer.of(0), elf]),
    ]) {
      assert.equal(parseElf(bytes), undefined);
    }
    const impossible = Buffer.from(elf);
    impossible[4] = 3;
    assert.equal(parseElf(impossible), undefined);
  });

  for (const machine of ['amd64', '386', 'arm64', 'arm', 'riscv64', 's390x'] as const) {
    it(`of ${machine} tell their machine`, () => {
      const elf = makeElf(elfMachines[machine]);
      assert.equal(machineOf(read(elf)), machine);
      assert.equal(on(elf, machine), 'runs');
      for (const other of ['riscv64', 's390x', 'ppc64le'])
        assert.equal(on(elf, other), other === machine ? 'runs' : 'does not', other);
    });
  }

  it('of 32-bit ARM leave v6 open and prove v7', () => {
    const elf = makeElf(elfMachines.arm);
    assert.deepEqual(
      ['linux/arm/v5', 'linux/arm/v6', 'linux/arm/v7', 'linux/arm/v8'].map((each) => on(elf, each)),
      ['unknown', 'unknown', 'runs', 'runs'],
    );
    assert.equal(on(makeElf({ ...elfMachines.arm, flags: 0 }), 'linux/arm/v7'), 'unknown');
    assert.equal(on(makeElf({ ...elfMachines.arm, big: true }), 'linux/arm/v7'), 'does not');
  });

  it('say why', () => {
    const arm64 = nodeNamed('arm64');
    assert.ok(arm64 !== undefined);
    const why = (bytes: Buffer, node = arm64) => objectToElf(read(bytes), '/fn', node)?.reason;
    assert.equal(why(makeElf(elfMachines.amd64)), '/fn is x86-64, linux/arm64 needs AArch64 or ARM (32-bit)');
    assert.equal(
      why(makeElf(elfMachines.arm), nodeOf(parsePlatform('linux/arm/v6'))),
      '/fn is ARM (32-bit); its header does not tell whether linux/arm/v6 is enough or v7 is needed',
    );
    assert.equal(why(makeElf(elfMachines.arm64, { type: 1 })), '/fn is AArch64, but an object file and no program');
    assert.equal(
      objectToElf(read(makeElf(elfMachines.amd64)), '/fn', nodeOf({ os: 'linux', architecture: 'mips' }))?.answer,
      'unknown',
    );
  });
});

describe('ELF program headers', () => {
  const arm64 = { ...elfMachines.arm64, code: exitCodes.arm64 };

  it('tell the loader, and pages that fit', () => {
    assert.deepEqual(startOf(arm64), { kind: 'read', dynamic: false, fitsPage: 65_536 });
    assert.deepEqual(startOf({ ...arm64, loader: '/lib/ld.so' }), {
      kind: 'read',
      dynamic: true,
      loader: '/lib/ld.so',
      fitsPage: 65_536,
    });
    // Too long a name to be kept: a loader of which no more is known.
    assert.deepEqual(startOf({ ...arm64, loader: `/ld-long${'x'.repeat(300)}` }), {
      kind: 'read',
      dynamic: true,
      fitsPage: 65_536,
    });
    assert.deepEqual(startOf({ ...arm64, base: 0x401000 }), {
      kind: 'read',
      dynamic: false,
      fitsPage: 4096,
      failsPage: 16_384,
    });
    assert.deepEqual(startOf({ ...arm64, base: 0x404000 }), {
      kind: 'read',
      dynamic: false,
      fitsPage: 16_384,
      failsPage: 65_536,
    });
    const data = { offset: 0x2000, address: 0x402000, size: 0x100 };
    assert.deepEqual(startOf({ ...arm64, data }), { kind: 'read', dynamic: false, fitsPage: 4096 });
    assert.deepEqual(startOf({ ...arm64, data: { ...data, address: 0x412000 } }), {
      kind: 'read',
      dynamic: false,
      fitsPage: 65_536,
    });
  });

  it('are unread where they lie too far behind, refused where they cannot be', () => {
    assert.deepEqual(startOf({ ...arm64, headersAt: 8192, size: 20_000 }), { kind: 'unread' });
    const whyNot = (change: (bytes: Buffer) => void, plan: ElfPlan = arm64) => {
      const bytes = writeElf(plan);
      change(bytes);
      const { start } = read(bytes);
      return start.kind === 'refused' ? start.why : start.kind;
    };
    assert.equal(
      whyNot((bytes) => bytes.writeUInt16LE(0, 56)),
      'has no program headers that Linux accepts',
    );
    assert.equal(
      whyNot((bytes) => bytes.writeUInt16LE(65_535, 56)),
      'has no program headers that Linux accepts',
    );
    assert.equal(
      whyNot((bytes) => bytes.writeUInt16LE(1000, 56)),
      'is cut short',
    );
    assert.equal(
      whyNot((bytes) => bytes.writeBigUInt64LE(2n ** 63n, 32)),
      'is cut short',
    );
    assert.equal(
      whyNot((bytes) => bytes.writeBigUInt64LE(2n ** 63n, 64 + 16)),
      'has segments that fit no memory',
    );
    assert.equal(
      whyNot((bytes) => bytes.writeUInt32LE(4, 64)),
      'has nothing to load',
    );
    assert.equal(
      whyNot((bytes) => bytes.writeBigUInt64LE(5n, 24)),
      'has an entry point outside of what it loads',
    );
    assert.equal(
      whyNot((bytes) => bytes.writeBigUInt64LE(0n, 24), { ...arm64, type: 3 }),
      'is a library, no program',
    );
    assert.equal(
      whyNot((bytes) => bytes.fill(0x61, bytes.indexOf('/lib/ld.so'), bytes.indexOf('/lib/ld.so') + 11), {
        ...arm64,
        loader: '/lib/ld.so',
      }),
      'names its dynamic loader in a way that Linux refuses',
    );
    const long = writeElf({ ...arm64, size: 8000 });
    assert.deepEqual(read(long.subarray(0, 4096), 4096).start, {
      kind: 'read',
      dynamic: false,
      fitsPage: 65_536,
      cut: true,
    });
  });

  it('and sections tell processor versions', () => {
    const arm = { ...elfMachines.arm, code: exitCodes.arm };
    for (const [architecture, version] of [
      [4, 5],
      [6, 6],
      [7, 6],
      [8, 7],
      [10, 7],
      [14, 8],
      [13, undefined],
    ] as const)
      assert.equal(read(writeElf({ ...arm, armArchitecture: architecture })).armVersion, version, String(architecture));
    assert.equal(read(writeElf(arm)).armVersion, undefined);
    const amd64 = { ...elfMachines.amd64, code: exitCodes.amd64 };
    for (const [bits, level] of [
      [1, 1],
      [3, 2],
      [7, 3],
      [8, 4],
      [0, undefined],
    ] as const)
      assert.equal(read(writeElf({ ...amd64, isaNeeded: bits })).x86Level, level, String(bits));
  });

  it('may hold any bytes without a crash', () => {
    const plans: readonly ElfPlan[] = [
      { ...elfMachines.arm, armArchitecture: 10, loader: '/lib/ld.so' },
      { ...elfMachines.amd64, isaNeeded: 3, loader: '/lib/ld.so' },
      { ...elfMachines.arm64, data: { offset: 0x800, address: 0x410800, size: 8 } },
    ];
    const changes = fc.array(fc.tuple(fc.nat(600), fc.integer({ min: 0, max: 255 })), { maxLength: 40 });
    fc.assert(
      fc.property(fc.constantFrom(...plans), changes, fc.nat(4096), (plan, edits, length) => {
        const bytes = writeElf(plan);
        for (const [at, value] of edits) if (at > 5 && at < bytes.length) bytes[at] = value;
        const head = bytes.subarray(0, length);
        const header = parseElf(head);
        if (header === undefined) return;
        const elf = readElfFile(header, head, bytes.length);
        assert.ok(['read', 'unread', 'refused'].includes(elf.start.kind));
      }),
      { numRuns: 3000 },
    );
  });
});
