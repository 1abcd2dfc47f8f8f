import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type FunctionTree,
  hostPlatform,
  makeFunctionTree,
  requireDescription,
} from '../build/assemble/function-tree.ts';
import { copiedPathsOf } from '../build/build-functions.ts';
import type { RunProgram } from '../build/builder.ts';
import { layOutContext } from '../build/context.ts';
import { type CopiedPath, findCopiedPaths } from '../build/copied-paths.ts';
import type { BuildDescription } from '../build/recipe/description.ts';
import type { KeptPackages } from '../build/recipe/kept-packages.ts';
import type { Platform } from '../oci/platform.ts';
import { requireHandler } from '../stack/handler.ts';
import type { Stack, StackFunction } from '../stack/stack.ts';
import type { Template } from '../template/template.ts';

/** What laying out and building a function for this machine needs of the outside. */
export interface BuildingPorts {
  readonly findTemplate: (stackFolder: string, language: string) => Promise<Template>;
  readonly packages: KeptPackages;
  readonly run: RunProgram;
  readonly signal: AbortSignal;
}

/** A function's build context, laid out; what the unit tests of Go are run in, and what a tree is made of. */
export interface PreparedFunction {
  readonly name: string;
  readonly context: string;
  /** The folder of the handler in the context, relative to it. */
  readonly inContext: string;
  /** The user's own folder of the handler. */
  readonly handler: string;
  readonly copies: readonly CopiedPath[];
  readonly description: BuildDescription;
  readonly platform: Platform;
  /** Where the tree is made. */
  readonly root: string;
}

/** Lays a function's context out in `folder`, which is emptied first, with the packages of earlier runs. Throws what building throws; BAN-E220 for templates without a build description. */
export async function prepareFunction(
  stack: Stack,
  declared: StackFunction,
  folder: string,
  { findTemplate, packages, signal }: BuildingPorts,
): Promise<PreparedFunction> {
  const template = await findTemplate(stack.folder, declared.language);
  const handler = await requireHandler(stack, declared);
  const copied = copiedPathsOf(stack, { copied: { paths: [], folder: stack.folder, where: '' } });
  const copies = await findCopiedPaths(stack.folder, ...copied);
  await rm(folder, { recursive: true, force: true });
  const { folder: context } = await layOutContext(template, handler, join(folder, 'context'), {
    project: stack.folder,
    copies,
    signal,
  });
  const inContext = template.handlerFolder;
  const description = await requireDescription({ name: declared.name, context });
  await packages.bring({ context, inContext });
  return {
    name: declared.name,
    context,
    inContext,
    handler,
    copies,
    description,
    platform: hostPlatform(),
    root: join(folder, 'root'),
  };
}

/** Builds it for this machine, as its image would be. Throws BAN-E206 and BAN-E207. */
export async function buildFunction(
  { name, context, inContext, handler, platform, root }: PreparedFunction,
  { packages, run, signal }: Pick<BuildingPorts, 'packages' | 'run' | 'signal'>,
): Promise<FunctionTree> {
  return await makeFunctionTree({ name, context, sources: { inContext, folder: handler } }, platform, root, {
    run,
    signal,
    packages,
  });
}
