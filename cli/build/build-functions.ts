import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { describeFailure, Interrupted, UserError } from '../errors.ts';
import type { Report } from '../events.ts';
import { defaultPlatforms, formatPlatform, type Platform, parsePlatform, samePlatform } from '../oci/platform.ts';
import { parseReference } from '../oci/reference.ts';
import { requireHandler } from '../stack/handler.ts';
import type { Stack, StackFunction } from '../stack/stack.ts';
import type { Template } from '../template/template.ts';
import type { Builder, BuildOutcome } from './builder.ts';
import { layOutContext } from './context.ts';
import { readDockerfile } from './dockerfile.ts';
import type { BuildPlan, Output } from './plan.ts';
import { readDescription } from './recipe/description.ts';

/** What the user wants built, and where it goes. */
export interface BuildRequest {
  readonly stack: Stack;
  readonly functions: readonly StackFunction[];
  /** `--platform`; empty means: the function's, else the stack's, else all three. */
  readonly platforms: readonly Platform[];
  readonly output: (name: string) => Output;
  readonly buildContexts: Readonly<Record<string, string>>;
  readonly instance: string | undefined;
}

/** The outside things a build needs. */
export interface BuildPorts {
  /** The project's template; it may be brought there first (cli/template/bring.ts). */
  readonly findTemplate: (stackFolder: string, language: string) => Promise<Template>;
  readonly builder: Builder;
  readonly report: Report;
  readonly signal: AbortSignal;
}

/** The platforms of one function: the command line's, else the function's, else the stack's, else amd64, arm64 and arm/v7. */
export function platformsOf(
  request: Pick<BuildRequest, 'platforms' | 'stack'>,
  declared: StackFunction,
): readonly Platform[] {
  if (request.platforms.length > 0) return request.platforms;
  return declared.platforms ?? request.stack.platforms ?? defaultPlatforms;
}

/** Prepares, plans and builds each function; each has an outcome of its own. Build contexts live in a temporary folder that is gone afterwards. Throws only {@link Interrupted}. */
export async function buildFunctions(request: BuildRequest, ports: BuildPorts): Promise<readonly BuildOutcome[]> {
  return await withPlans(request, ports, async (plan) => await ports.builder.build(plan, ports));
}

/** Lays out the contexts, decides every plan and hands them to `use`, at most one per core at a time; a function that cannot be planned becomes a failed outcome. */
export async function withPlans<Result>(
  request: BuildRequest,
  ports: Pick<BuildPorts, 'findTemplate' | 'report' | 'signal'>,
  use: (plan: BuildPlan) => Promise<Result>,
): Promise<readonly (Result | BuildOutcome)[]> {
  const scratch = await mkdtemp(join(tmpdir(), 'bantam-build-')).catch((cause: Error) => {
    throw new UserError('BAN-E003', `no temporary folder can be made in ${tmpdir()}: ${cause.message}`, {
      hint: 'make it writable, or name another one: TMPDIR=/path',
      cause,
    });
  });
  const limit = pLimit(Math.max(2, availableParallelism()));
  try {
    const jobs = request.functions.map((declared) =>
      limit(async (): Promise<Result | BuildOutcome> => {
        if (ports.signal.aborted) throw new Interrupted();
        try {
          return await use(await planFunction(request, declared, join(scratch, declared.name), ports));
        } catch (thrown) {
          if (!(thrown instanceof UserError)) throw thrown;
          const failure = describeFailure(thrown);
          ports.report({ type: 'ended', about: declared.name, failure });
          return { name: declared.name, image: declared.image, failure };
        }
      }),
    );
    const settled = await Promise.allSettled(jobs);
    for (const result of settled) if (result.status === 'rejected') throw result.reason;
    return settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function planFunction(
  request: BuildRequest,
  declared: StackFunction,
  folder: string,
  { findTemplate, signal }: Pick<BuildPorts, 'findTemplate' | 'signal'>,
): Promise<BuildPlan> {
  const template = await findTemplate(request.stack.folder, declared.language);
  const platforms = platformsOf(request, declared);
  if (template.bantam) await requirePlatforms(declared.name, template, platforms);
  const handler = await requireHandler(request.stack, declared);
  const context = await layOutContext(template, handler, folder, {
    project: request.stack.folder,
    signal,
  });
  const dockerfile = await readFile(join(context.folder, 'Dockerfile'), 'utf8').catch((cause: unknown) => {
    throw new UserError('BAN-E112', `the template ${template.name} has no Dockerfile`, {
      hint: `look into ${template.folder}`,
      cause,
    });
  });
  const facts = readDockerfile(dockerfile);
  const reference = parseReference(declared.image);
  return {
    name: declared.name,
    context: context.folder,
    reference,
    platforms,
    output: request.output(declared.name),
    buildArguments: declared.buildArguments,
    buildContexts: request.buildContexts,
    instance: request.instance,
    ownHistoryEntries: facts.ownHistoryEntries,
    targetRuns: facts.targetRuns,
    sources: { inContext: template.handlerFolder, folder: handler },
  };
}

/** An image whose base does not run there would only show it on the node: as a replica that never starts. Throws BAN-E211. */
async function requirePlatforms(name: string, template: Template, wanted: readonly Platform[]): Promise<void> {
  const { platforms } = await readDescription(template.folder);
  if (platforms === undefined) return;
  const possible = platforms.map(parsePlatform);
  const missing = wanted.filter((platform) => !possible.some((other) => samePlatform(platform, other)));
  if (missing.length === 0) return;
  throw new UserError(
    'BAN-E211',
    `${name}: the template ${template.name} cannot be built for ${missing.map(formatPlatform).join(', ')}`,
    {
      hint: `it is there for ${platforms.join(', ')}: name those with --platform or platforms:, or use another template (bantam-go runs on linux/arm/v6, too)`,
    },
  );
}

/** Reads `NAME=VALUE` replacements of base images from `--build-context` and from BANTAM_BUILD_CONTEXTS (separated by white space). The value is what follows the first `=` behind the digest. Throws BAN-E001. */
export function readBuildContexts(
  given: readonly string[],
  environment: string | undefined,
): Readonly<Record<string, string>> {
  const all = [...(environment ?? '').split(/\s+/).filter((part) => part !== ''), ...given];
  return Object.fromEntries(
    all.map((text): [string, string] => {
      const equals = text.indexOf('=');
      if (equals < 1)
        throw new UserError('BAN-E001', `"${text}" is no build context`, {
          hint: 'write --build-context NAME=docker-image://REGISTRY/NAME:TAG',
        });
      return [text.slice(0, equals), text.slice(equals + 1)];
    }),
  );
}
