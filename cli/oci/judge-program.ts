import type { ImageConfig } from './config.ts';
import { describeElf } from './elf.ts';
import type { ElfFile } from './elf-segments.ts';
import type { DynamicLoader, Program, StartedProgram } from './entrypoint.ts';
import type { Fault } from './fault.ts';
import { type Objection, objectToElf, sameMachine } from './judge-elf.ts';
import { missingBaseOf } from './missing-base.ts';
import type { Node } from './node.ts';
import { formatPlatform, normalisePlatform } from './platform.ts';
import { withoutDigest } from './reference.ts';

/** `does not`: it surely fails to start there. `unknown`: nothing read proves either. */
export type Answer = 'runs' | 'does not' | 'unknown';

/** Whether a node starts what an entry holds, and why, as a clause. */
export interface ContentVerdict {
  readonly answer: Answer;
  readonly reason: string;
  /** With `does not`: what is wrong, for advice. */
  readonly fault?: Fault;
}

/** Judges one image's content; whether the node would take it at all is another question. */
export function judgeProgram(
  {
    config,
    layerCount,
    program,
  }: { readonly config: ImageConfig; readonly layerCount: number; readonly program: Program },
  node: Node,
): ContentVerdict {
  if (node.asks.os !== 'linux')
    return { answer: 'unknown', reason: `bantam does not know what ${formatPlatform(node.asks)} runs` };
  const base = missingBaseOf(config);
  if (base !== undefined)
    return {
      answer: 'does not',
      fault: 'base',
      reason: `it was built without its base image ${withoutDigest(base)}, which could not be had`,
    };
  const objections = [
    ...objectToConfig(config, layerCount, program),
    ...program.programs.flatMap((each) => objectToProgram(each, node)),
    ...objectToWay(program),
    ...objectToVariant(config, node),
  ];
  const worst = objections.find(({ answer }) => answer === 'does not') ?? objections[0];
  if (worst !== undefined) return worst;
  const last = program.programs.at(-1);
  if (last === undefined) return { answer: 'unknown', reason: 'no program was found' };
  return { answer: 'runs', reason: `${last.path} is ${describeElf(last.elf)}` };
}

function objectToConfig(config: ImageConfig, layerCount: number, program: Program): Objection[] {
  const { os } = normalisePlatform(config.platform);
  const listed = config.diffIds.length;
  const mismatch: Objection[] =
    listed === layerCount
      ? []
      : [
          {
            answer: 'does not',
            fault: 'layers',
            reason: `its configuration lists ${listed} layers and its manifest ${layerCount}, which containerd refuses`,
          },
        ];
  if (os === 'linux') return mismatch;
  // Some versions of containerd unpack it all the same; then what it holds decides.
  const answer = program.programs.length > 0 && program.problem === undefined ? 'unknown' : 'does not';
  return [
    ...mismatch,
    { answer, fault: 'configuration', reason: `its configuration says ${formatPlatform(config.platform)}` },
  ];
}

function objectToProgram({ path, elf, loader, sure }: StartedProgram, node: Node): Objection[] {
  const own = objectToElf(elf, path, node);
  const dynamic = elf.start.kind === 'read' && elf.start.dynamic;
  const below = !dynamic ? undefined : objectToLoader(path, elf, loader, node);
  return [own, below].flatMap((objection) => (objection === undefined ? [] : [soften(objection, sure)]));
}

function objectToLoader(
  path: string,
  elf: ElfFile,
  loader: DynamicLoader | undefined,
  node: Node,
): Objection | undefined {
  if (loader === undefined)
    return { answer: 'unknown', reason: `${path} names its dynamic loader too far behind its beginning to be read` };
  const doesNot = (reason: string, fault: Fault): Objection => ({
    answer: 'does not',
    fault,
    reason: `${path} needs ${loader.path}, which ${reason}`,
  });
  if ('problem' in loader) return doesNot(loader.problem, 'loader');
  if (!sameMachine(elf, loader.elf)) return doesNot(`is ${describeElf(loader.elf)}`, 'machine');
  const own = objectToElf(loader.elf, loader.path, node);
  if (own !== undefined) return own;
  const floats = [elf, loader.elf].map(({ machine, flags }) => (machine === 40 ? flags & 0x600 : 0));
  if (!floats.includes(0x400) || !floats.includes(0x200)) return undefined;
  return { answer: 'unknown', reason: `${path} and ${loader.path} do not agree on hard or soft float` };
}

/** What may not be reached proves nothing by being wrong. */
function soften(objection: Objection, sure: boolean): Objection {
  return sure ? objection : { answer: 'unknown', reason: `${objection.reason} (if it is started at all)` };
}

function objectToWay({ problem, fatal, note }: Program): Objection[] {
  if (problem !== undefined) return [{ answer: fatal ? 'does not' : 'unknown', fault: 'start', reason: problem }];
  return note === undefined ? [] : [{ answer: 'unknown', reason: note }];
}

/** `linux/amd64/v3` says what no header does: Go's programs check it as they start. */
function objectToVariant({ platform }: ImageConfig, node: Node): Objection[] {
  const { architecture, variant } = normalisePlatform(platform);
  const level = architecture === 'amd64' ? Number(/^v([2-4])$/.exec(variant ?? '')?.[1] ?? 1) : 1;
  return level > (node.x86Level ?? 4)
    ? [
        {
          answer: 'unknown',
          reason: `it is made for ${formatPlatform(platform)}, which not every ${formatPlatform(node.asks)} is`,
        },
      ]
    : [];
}
