import { stat } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { UserError } from '../../errors.ts';
import { normalisePlatform, type Platform } from '../../oci/platform.ts';
import type { RunProgram } from '../builder.ts';
import type { BuildPlan } from '../plan.ts';
import { bundleFunction } from '../recipe/bundle.ts';
import { compileFunction } from '../recipe/compile.ts';
import { type BuildDescription, descriptionFile, readDescription } from '../recipe/description.ts';
import type { KeptPackages } from '../recipe/kept-packages.ts';

/** What is needed of a plan: the function's name, its laid out context, and the user's folder for compilers' messages. */
export type TreeSource = Pick<BuildPlan, 'name' | 'context' | 'sources'>;

/** The outside of {@link makeFunctionTree}. */
export interface TreePorts {
  readonly run: RunProgram;
  readonly signal: AbortSignal;
  /** What npm has installed before; undefined installs all of it anew. */
  readonly packages?: KeptPackages | undefined;
}

/** How the program of a tree is started on this machine. Paths are absolute and lie in the tree, whatever they are in the image. */
export interface FunctionTree {
  readonly entrypoint: readonly string[];
  readonly workingDirectory: string;
  /** What the image sets, without PATH, which is the image's own. */
  readonly environment: Readonly<Record<string, string>>;
  /** What the bundler had to say, line by line. */
  readonly warnings: readonly string[];
}

/** The platform of the machine that this runs on: what a tree has to be made for to be started here. */
export function hostPlatform(): Platform {
  const architecture = machines[process.arch] ?? process.arch;
  return normalisePlatform({ os: process.platform === 'win32' ? 'windows' : process.platform, architecture });
}

const machines: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };

/**
 * Makes the files of a function, as its image would add them to its base, in `root` (empty or not there), for a platform.
 * Only for templates with a build description; the function needs no image to be started from there. Packages are installed
 * into the context. Throws BAN-E220 for other templates, and what the recipes throw: BAN-E222 (no Go), BAN-E206 (npm failed),
 * BAN-E207 (it does not compile).
 */
export async function makeFunctionTree(
  source: TreeSource,
  platform: Platform,
  root: string,
  ports: TreePorts,
): Promise<FunctionTree> {
  const description = await requireDescription(source);
  const made = await fillTree(source, description, platform, root, ports);
  const { image } = description;
  const [program = '', ...words] = image.entrypoint;
  const inTree = async (word: string): Promise<string> =>
    posix.isAbsolute(word) && (await stat(join(root, word)).catch(() => undefined)) !== undefined
      ? join(root, word)
      : word;
  const { PATH: _, ...environment } = image.environment;
  return {
    // The Node that runs this is new enough for the templates' target, and there for sure.
    entrypoint: [
      program === 'node' ? process.execPath : await inTree(program),
      ...(await Promise.all(words.map(inTree))),
    ],
    workingDirectory: join(root, image.workingDirectory),
    environment,
    warnings: made.warnings,
  };
}

/** The build description in a function's context. Throws BAN-E220 where its template has none: only its Dockerfile knows then how it is built. */
export async function requireDescription({
  name,
  context,
}: Pick<TreeSource, 'name' | 'context'>): Promise<BuildDescription> {
  if ((await stat(join(context, descriptionFile)).catch(() => undefined)) === undefined) {
    throw new UserError('BAN-E220', `${name}: only the templates of bantam can be built without Docker`, {
      hint: 'build it with docker buildx: --builder buildx (lang: bantam-ts or lang: bantam-go needs none)',
    });
  }
  return await readDescription(context);
}

/** Fills a folder with the files that a function's image adds to its base. */
export async function fillTree(
  { name, context, sources }: TreeSource,
  description: BuildDescription,
  platform: Platform,
  into: string,
  { run, signal, packages }: TreePorts,
): Promise<{ readonly warnings: readonly string[] }> {
  const source = { name, context, handler: sources?.folder ?? context, into, run, signal };
  if (description.kind === 'bundle') {
    const folders = { context, inContext: description.handler.folder };
    await packages?.bring(folders);
    const bundled = await bundleFunction({ ...source, description });
    await packages?.keep(folders);
    return bundled;
  }
  await compileFunction({ ...source, description, platform });
  return { warnings: [] };
}
