import { join } from 'node:path';
import { decodeConfig } from '../../cli/oci/config.ts';
import type { Node } from '../../cli/oci/node.ts';
import { runs } from '../../cli/oci/runs.ts';
import type { Start } from './kernel.ts';
import { type ManifestPlan, makeShape } from './shape.ts';
import { shapesOfIndexes } from './shapes-of-indexes.ts';
import { shapesOfFiles, shapesOfWays } from './shapes-of-programs.ts';
import { unpack } from './unpack.ts';

/** A shape whose manifests are unpacked under `folder`. */
export type UnpackedShape = Awaited<ReturnType<typeof makeShape>> & { readonly name: string; readonly folder: string };

/** What has to happen when the programs of an image are started: all of them end with 42, or not all. */
export interface Expectation {
  readonly what: string;
  readonly starts: readonly Start[];
  readonly runs: boolean;
}

/** Unpacks all made-up images under a folder. */
export async function unpackShapes(scratch: string): Promise<UnpackedShape[]> {
  const made: UnpackedShape[] = [];
  for (const [index, shape] of [...shapesOfIndexes, ...shapesOfFiles, ...shapesOfWays].entries()) {
    const each = { ...(await makeShape(shape)), name: shape.name, folder: join(scratch, String(index)) };
    for (const [digest, plan] of each.manifests) await unpack(plan, folderOf(each.folder, digest));
    made.push(each);
  }
  return made;
}

/** What bantam says of a node, as far as starting programs can show it; `beyond`: reasons that this kernel cannot show. */
export function expectOn(node: Node, made: readonly UnpackedShape[], beyond: RegExp): Expectation[] {
  return made.flatMap(({ name, folder, image, manifests }): Expectation[] => {
    const { answer, reason, takes } = runs(image, node);
    const plan = manifests.get(takes?.digest ?? '');
    if (takes?.content.kind !== 'image' || plan === undefined || answer === 'unknown') return [];
    if (typeof plan.config?.['User'] === 'string') return [];
    const { program } = takes.content;
    // Launchers are stand-ins that start nothing: what they would start is started by its own path, and what is missing stays missing.
    const standIn = program.problem !== undefined && program.programs.length > 0;
    if (answer === 'does not' && (beyond.test(reason) || standIn)) return [];
    const own = startOf(plan, folderOf(folder, takes.digest));
    const further = program.programs.map(({ path }): Start => ({ ...own, argv: [path] }));
    return [{ what: `${name}: ${answer}, ${reason}`, starts: [own, ...further], runs: answer === 'runs' }];
  });
}

/** Those expectations that did not come true, in words. `codes`: of all their starts, in order. */
export function compare(expectations: readonly Expectation[], codes: readonly number[]): string[] {
  let at = 0;
  return expectations.flatMap(({ what, starts, runs: expected }) => {
    const own = codes.slice(at, at + starts.length);
    at += starts.length;
    return own.every((code) => code === 42) === expected ? [] : [`${what} (exit codes ${own.join(', ')})`];
  });
}

function folderOf(folder: string, digest: string): string {
  return join(folder, digest.replace(':', '-'));
}

/** What a container runtime would do with the configuration. */
function startOf(plan: ManifestPlan, root: string): Start {
  const { config } = decodeConfig(Buffer.from(JSON.stringify({ config: plan.config ?? {} })), 'configuration');
  const path = config.Env.find((line) => line.startsWith('PATH='))?.slice(5);
  return {
    root,
    folder: config.WorkingDir || '/',
    argv: [...config.Entrypoint, ...config.Cmd],
    path: (path ?? '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin').split(':'),
  };
}
