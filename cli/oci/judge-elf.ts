import { describeElf, describeMachine, type ElfHeader, machineOf } from './elf.ts';
import type { ElfFile } from './elf-segments.ts';
import type { Fault } from './fault.ts';
import type { Node } from './node.ts';
import { formatPlatform } from './platform.ts';

/** What speaks against a program on a node; `answer` is never that it runs, only why it does not or why nobody can tell. */
export interface Objection {
  readonly answer: 'does not' | 'unknown';
  readonly reason: string;
  readonly fault?: Fault;
}

/** What keeps one program (or a dynamic loader) from being started by a node's kernel; undefined if nothing does. `path`: what to call it. */
export function objectToElf(elf: ElfFile, path: string, node: Node): Objection | undefined {
  const doesNot = (reason: string, fault: Fault): Objection => ({
    answer: 'does not',
    fault,
    reason: `${path} ${reason}`,
  });
  const unknown = (reason: string): Objection => ({ answer: 'unknown', reason: `${path} ${reason}` });
  const architecture = machineOf(elf);
  const able = architecture === undefined ? undefined : node.executes[architecture];
  const label = formatPlatform(node.asks);
  const unheardOf = Object.keys(node.executes).every((each) => describeMachine(each) === undefined);
  if (unheardOf) return unknown(`is ${describeElf(elf)}; bantam does not know what ${label} runs`);
  if (able === undefined) return doesNot(`is ${describeElf(elf)}, ${label} needs ${describeNeeds(node)}`, 'machine');
  if (elf.type !== 2 && elf.type !== 3)
    return doesNot(`is ${describeElf(elf)}, but an object file and no program`, 'start');
  const { start } = elf;
  if (start.kind === 'refused') return doesNot(start.why, 'start');
  const arm = architecture === 'arm' ? objectToArm(elf, node) : undefined;
  if (arm?.answer === 'does not') return doesNot(arm.reason, 'version');
  if (start.kind === 'read') {
    const pages = objectToPages(elf, start, node);
    if (pages !== undefined)
      return pages.answer === 'does not' ? doesNot(pages.reason, 'pages') : unknown(pages.reason);
  }
  if (able === 'unknown') return unknown(`is ${describeElf(elf)}, which ${label} runs only if its kernel is set so`);
  if (arm !== undefined) return unknown(arm.reason);
  if (start.kind === 'unread') return unknown('has its program headers too far behind its beginning to be read');
  if (start.cut === true) return unknown('is cut short');
  const needed = architecture === 'amd64' ? (elf.x86Level ?? 1) : 1;
  if (needed > (node.x86Level ?? 1)) return unknown(`needs x86-64-v${needed}, which not every ${label} has`);
  return undefined;
}

/** `AArch64 or ARM (32-bit)`. */
function describeNeeds(node: Node): string {
  const names = Object.entries(node.executes).flatMap(([each, able]) =>
    able === 'yes' ? (describeMachine(each) ?? []) : [],
  );
  return names.join(' or ');
}

/** EF_ARM_EABIMASK: programs from before the EABI need a kernel option that current kernels lack, and a 64-bit kernel never has. */
function objectToArm(elf: ElfFile, node: Node): Objection | undefined {
  const abi = elf.flags >>> 24;
  if (abi === 0 && node.executes['arm64'] !== undefined)
    return { answer: 'does not', reason: `is ${describeElf(elf)} with the old ABI, which 64-bit kernels do not run` };
  if (abi < 4)
    return { answer: 'unknown', reason: `is ${describeElf(elf)} with the old ABI, which few kernels still run` };
  const able = node.armVersion ?? 5;
  if (elf.armVersion !== undefined) {
    const tooNew = elf.armVersion > able;
    return tooNew
      ? { answer: 'does not', reason: `is compiled for ARMv${elf.armVersion}, the node has ARMv${able}` }
      : undefined;
  }
  // Code for version 7 is what everybody compiles today; newer 32-bit code is not made.
  if (able >= 7) return undefined;
  return {
    answer: 'unknown',
    reason: `is ${describeElf(elf)}; its header does not tell whether ${formatPlatform(node.asks)} is enough or v7 is needed`,
  };
}

function objectToPages(
  elf: ElfFile,
  { fitsPage, failsPage, dynamic }: ElfFile['start'] & { readonly kind: 'read' },
  node: Node,
): Objection | undefined {
  const { pageSize } = node;
  const fails = failsPage === undefined ? '' : `is laid out for memory pages of ${describeBytes(failsPage / 4)}`;
  if (pageSize === 'unknown') {
    if (fitsPage >= largestPage) return undefined;
    return {
      answer: 'unknown',
      reason: `${fails || 'may not suit large memory pages'}, and the node may have larger ones`,
    };
  }
  if (failsPage !== undefined && pageSize >= failsPage)
    return { answer: 'does not', reason: `${fails}, the node has ${describeBytes(pageSize)}` };
  if (pageSize > fitsPage)
    return {
      answer: 'unknown',
      reason: `has parts that share a memory page of ${describeBytes(pageSize)}, as the node has them`,
    };
  // Compilers for 64-bit ARM lay libraries out for all pages, those for 32-bit ARM often for 4 KiB, and libraries are not looked at.
  if (dynamic && elf.bits === 32 && pageSize > 4096)
    return {
      answer: 'unknown',
      reason: `is ${describeElf(elf)} and loads libraries, which are often laid out for memory pages of 4 KiB; the node has ${describeBytes(pageSize)}`,
    };
  return undefined;
}

const largestPage = 65_536;

function describeBytes(bytes: number): string {
  return `${bytes / 1024} KiB`;
}

/** Whether a program and its dynamic loader are of one kind; a kernel refuses to mix machines. */
export function sameMachine(one: ElfHeader, other: ElfHeader): boolean {
  return one.machine === other.machine && one.bits === other.bits && one.endianness === other.endianness;
}
