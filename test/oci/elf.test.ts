import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describeElf, elfFits, elfHeaderBytes, explainElf, parseElf } from '../../cli/oci/elf.ts';
import { parsePlatform } from '../../cli/oci/platform.ts';
import { elfMachines, makeElf } from './image-parts.ts';

const verdictOf = (elf: Buffer, platform: string) => {
  const parsed = parseElf(elf);
  assert.ok(parsed !== undefined);
  return elfFits(parsed, parsePlatform(platform));
};

describe('ELF headers', () => {
  it('are read from the program that runs this test', async () => {
    const elf = parseElf((await readFile(process.execPath)).subarray(0, elfHeaderBytes));
    const own = { x64: 'x86-64', arm64: 'AArch64', arm: 'ARM (32-bit)' }[process.arch as string];
    assert.ok(elf !== undefined && own !== undefined);
    assert.equal(describeElf(elf), own);
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
    it(`of ${machine} fit their own platform and no other`, () => {
      const elf = makeElf(elfMachines[machine]);
      for (const platform of ['amd64', '386', 'arm64', 'arm', 'riscv64', 's390x']) {
        assert.equal(verdictOf(elf, platform), platform === machine ? 'fits' : 'wrong', platform);
      }
    });
  }

  it('of 32-bit ARM leave v6 open and prove v7', () => {
    const elf = makeElf(elfMachines.arm);
    assert.deepEqual(
      ['linux/arm/v5', 'linux/arm/v6', 'linux/arm/v7', 'linux/arm/v8'].map((each) => verdictOf(elf, each)),
      ['unknown', 'unknown', 'fits', 'fits'],
    );
    const header = parseElf(elf);
    assert.ok(header !== undefined);
    assert.match(
      explainElf(header, parsePlatform('linux/arm/v6')),
      /does not tell whether linux\/arm\/v6 is enough or v7 is needed/,
    );
    assert.equal(verdictOf(makeElf({ ...elfMachines.arm, flags: 0 }), 'linux/arm/v7'), 'unknown');
    assert.equal(verdictOf(makeElf({ ...elfMachines.arm, big: true }), 'linux/arm/v7'), 'wrong');
  });

  it('say why', () => {
    const header = parseElf(makeElf(elfMachines.amd64));
    assert.ok(header !== undefined);
    assert.equal(explainElf(header, parsePlatform('arm64')), 'x86-64, linux/arm64 needs AArch64');
    assert.equal(explainElf(header, parsePlatform('amd64')), 'x86-64');
    assert.equal(elfFits(header, { os: 'windows', architecture: 'amd64' }), 'unknown');
    assert.equal(elfFits(header, { os: 'linux', architecture: 'mips' }), 'unknown');
    assert.equal(verdictOf(makeElf(elfMachines.amd64, { type: 1 }), 'amd64'), 'wrong');
    assert.equal(verdictOf(makeElf({ bits: 32, machine: 62 }), 'amd64'), 'wrong');
  });
});
