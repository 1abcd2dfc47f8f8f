import { open } from 'node:fs/promises';
import { UserError } from '../../errors.ts';
import { objectToElf } from '../../oci/judge-elf.ts';
import { classifyStart } from '../../oci/layer.ts';
import type { Node } from '../../oci/node.ts';
import { printable } from '../../oci/printable.ts';

/** Enough of a program for its headers. */
const headBytes = 4096;

/**
 * Looks at a program before it is started: what the kernel would refuse, the C library hands to a shell, whose words about it help nobody.
 * `named`: what the image calls it. Throws BAN-E611 if it is for another machine or no program at all, and what the system says.
 */
export async function checkProgram(subject: string, program: string, named: string, node: Node): Promise<void> {
  const start = await readStart(program);
  const why =
    start.kind === 'elf'
      ? objectToElf(start.elf, printable(named), node)
      : start.kind === 'script'
        ? undefined
        : { answer: 'does not', reason: `${printable(named)} is no program` };
  if (why?.answer !== 'does not') return;
  throw new UserError('BAN-E611', `${subject} could not be started: ${why.reason} (exec format error)`, {
    hint: 'build the image again; something copied in was built for another platform',
  });
}

async function readStart(program: string): Promise<ReturnType<typeof classifyStart>> {
  const file = await open(program);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(headBytes), 0, headBytes, 0);
    return classifyStart(new Uint8Array(buffer.subarray(0, bytesRead)), (await file.stat()).size);
  } finally {
    await file.close();
  }
}
