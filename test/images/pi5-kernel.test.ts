import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { nodeNamed } from '../../cli/oci/node.ts';
import { Archives, debianReason } from '../bed/debian.ts';
import { writeElf } from '../oci/elf-writer.ts';
import { skip } from '../real-parts.ts';
import { compare, expectOn, unpackShapes } from './expectations.ts';
import { packInitramfs } from './initramfs.ts';
import { readCodes, type Start, toLine } from './kernel.ts';

const run = promisify(execFile);

/** As in kernel.ts, for 64-bit ARM: chroot, chdir, execve, and exit(128 - result) where one of them fails. */
const launcherCode = Buffer.from(
  'f30340f9 e00b40f9 680680d2 010000d4 6001f8b7 e00f40f9 280680d2 010000d4 e000f8b7 e01340f9 e1830091 e2430091 420c138b a81b80d2 010000d4 e00300cb 00000291 a80b80d2 010000d4'.replaceAll(
    ' ',
    '',
  ),
  'hex',
);

describe('images on a real kernel with memory pages of 16 KiB', () => {
  let scratch: string | undefined;
  const archives = new Archives(undefined);
  before(async function () {
    this.timeout(600_000);
    if (process.env['BANTAM_BED_PI5_KERNEL'] === undefined)
      skip(
        this,
        'needs BANTAM_BED_PI5_KERNEL, the vmlinuz of a package linux-image-…-arm64-16k, and qemu-system-aarch64',
      );
    if (process.getuid?.() !== 0) skip(this, 'unpacking images needs root');
    const reason = await debianReason();
    if (reason !== undefined) skip(this, reason);
    scratch = await mkdtemp(join(tmpdir(), 'bantam-pi5-'));
  });
  after(async () => {
    await archives.close();
    if (scratch !== undefined) await rm(scratch, { recursive: true, force: true });
  });

  it('do there what bantam says of pi5', async function () {
    this.timeout(300_000);
    const node = nodeNamed('pi5');
    assert.ok(node !== undefined && scratch !== undefined);
    const root = join(scratch, 'root');
    const expectations = expectOn(node, await unpackShapes(join(root, 'images')), /layers and its manifest/);
    const starts = expectations
      .flatMap((each) => each.starts)
      .map((start): Start => ({ ...start, root: start.root.slice(root.length) }));
    await archives.unpack('bookworm', ['busybox-static:arm64'], join(scratch, 'busybox'));
    await mkdir(join(root, 'bin'), { recursive: true });
    await copyFile(join(scratch, 'busybox/bin/busybox'), join(root, 'bin/busybox'));
    await writeFile(join(root, 'bin/launcher'), writeElf({ bits: 64, machine: 183, code: launcherCode }));
    const lines = starts.map((start) => toLine(start, '/bin/launcher', undefined));
    const setup = ['/bin/busybox --install -s /bin', 'export PATH=/bin'];
    await writeFile(join(root, 'init'), ['#!/bin/busybox sh', ...setup, ...lines, 'poweroff -f'].join('\n'));
    for (const program of ['init', 'bin/busybox', 'bin/launcher']) await chmod(join(root, program), 0o755);
    await writeFile(join(scratch, 'initramfs.gz'), await packInitramfs(root));
    const machine = [
      '-M',
      'virt',
      '-cpu',
      'cortex-a76',
      '-m',
      '1024',
      '-nodefaults',
      '-nographic',
      '-no-reboot',
      '-serial',
      'stdio',
    ];
    const kernel = ['-kernel', process.env['BANTAM_BED_PI5_KERNEL'] ?? '', '-initrd', join(scratch, 'initramfs.gz')];
    const argv = [...machine, ...kernel, '-append', 'console=ttyAMA0 quiet panic=-1'];
    const { stdout } = await run(process.env['BANTAM_BED_QEMU_SYSTEM'] ?? 'qemu-system-aarch64', argv, {
      timeout: 240_000,
      maxBuffer: 16 * 1024 * 1024,
    });
    assert.deepEqual(compare(expectations, readCodes(stdout, starts)), []);
    const onPages = expectations.filter(({ what }) => what.includes('the node has 16 KiB'));
    assert.ok(onPages.length >= 3, 'programs laid out for pages of 4 KiB are among them, and die');
  });
});
