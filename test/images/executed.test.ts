import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeKinds } from '../../cli/oci/node.ts';
import { needParts, skip } from '../real-parts.ts';
import { compare, expectOn, type UnpackedShape, unpackShapes } from './expectations.ts';
import { cannotPlay, type PlayedKernel, startAll } from './kernel.ts';

/** The kernels of the seven kinds of node. QEMU has no pages of 16 KiB here, so a Pi 5 is one with 4 KiB. */
const kernels: Readonly<Record<string, PlayedKernel>> = {
  amd64: { starts: ['amd64'] },
  arm64: { starts: ['aarch64', 'arm'] },
  pi5: { starts: ['aarch64', 'arm'] },
  'arm64-server': { starts: ['aarch64'] },
  armv7: { starts: ['arm'], processor: 'cortex-a7' },
  armv6: { starts: ['arm'], processor: 'arm1176' },
  'arm-on-arm64': { starts: ['aarch64', 'arm'] },
};

/** What containerd refuses, not the kernel. */
const beforeTheKernel = /layers and its manifest/;

/** Where QEMU is more lenient than a kernel besides: it opens a loader without the right to execute it, and knows no ABI but today's. */
const beyondEmulation = /layers and its manifest|memory pages|is not executable$|the old ABI/;

describe('images under the kernel of a node, played by QEMU', () => {
  let scratch: string | undefined;
  let made: readonly UnpackedShape[] = [];

  before(async function () {
    await needParts(this, 'emulation-arm64', 'emulation-arm');
    const reason = await cannotPlay();
    if (reason !== undefined) skip(this, reason);
    scratch = await mkdtemp(join(tmpdir(), 'bantam-images-'));
    made = await unpackShapes(scratch);
  });
  after(async () => {
    if (scratch !== undefined) await rm(scratch, { recursive: true, force: true });
  });

  for (const node of nodeKinds) {
    it(`do on ${node.name} what bantam says`, async () => {
      const kernel = kernels[node.name];
      assert.ok(kernel !== undefined && scratch !== undefined);
      const expectations = expectOn(node, made, node.name === 'amd64' ? beforeTheKernel : beyondEmulation);
      const starts = expectations.flatMap((each) => each.starts);
      assert.deepEqual(compare(expectations, await startAll(starts, kernel, scratch)), []);
      const run = expectations.filter((each) => each.runs).length;
      assert.ok(run >= 6 && expectations.length - run >= 5, `${run} of ${expectations.length} run`);
    });
  }
});
