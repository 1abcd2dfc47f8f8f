import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import pLimit from 'p-limit';
import { describeFailure, Interrupted, UserError } from '../errors.ts';
import type { Report } from '../events.ts';
import { defaultPlatforms, formatPlatform, type Platform, parsePlatform, samePlatform } from '../oci/platform.ts';
import { isOfficial, parseReference } from '../oci/reference.ts';
import { requireHandler } from '../stack/handler.ts';
import type { Stack, StackFunction } from '../stack/stack.ts';
import { isDockerfile } from '../template/dockerfile.ts';
import type { Template } from '../template/template.ts';
import { addPackages } from './build-arguments.ts';
import { type BuildSecret, requireBuildSecrets } from './build-secrets.ts';
import type { Builder, BuildOutcome } from './builder.ts';
import { type CacheRequest, planCaches } from './cache.ts';
import { layOutContext } from './context.ts';
import { findCopiedPaths, type NamedPaths } from './copied-paths.ts';
import { readDockerfile } from './dockerfile.ts';
import type { BuildPlan, Output } from './plan.ts';
import { readDescription } from './recipe/description.ts';
import type { Tagger } from './tag.ts';

/** What the user wants built, and where it goes. */
export interface BuildRequest {
  readonly stack: Stack;
  readonly functions: readonly StackFunction[];
  /** `--platform`; empty means: the function's, else the stack's, else all three. */
  readonly platforms: readonly Platform[];
  readonly output: (name: string) => Output;
  readonly settings: BuildSettings;
}

/** What the command line says of how images are built; see commands/build-options.ts. */
export interface BuildSettings {
  readonly buildContexts: Readonly<Record<string, string>>;
  readonly instance: BuildPlan['instance'];
  /** Come before the functions' own of the same name. */
  readonly buildArguments: Readonly<Record<string, string>>;
  /** Build arguments that docker shall take from the environment, unless somebody gives them: proxies. */
  readonly proxies: readonly string[];
  /** Added to the functions' own. */
  readonly buildOptions: readonly string[];
  readonly secrets: readonly BuildSecret[];
  readonly labels: Readonly<Record<string, string>>;
  readonly fresh: BuildPlan['fresh'];
  readonly caches: CacheRequest;
  /** `--copy-extra`. */
  readonly copied: NamedPaths;
  readonly tag: Tagger;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The working folder, which folders of caches are relative to. */
  readonly working: string;
}

/** The paths that every function of a stack gets a copy of. */
export function copiedPathsOf(stack: Stack, settings: Pick<BuildSettings, 'copied'>): readonly NamedPaths[] {
  const { configuration } = stack;
  return [
    { paths: configuration?.copy ?? [], folder: stack.folder, where: `configuration.copy of ${stack.file}` },
    settings.copied,
  ];
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
  { findTemplate, report, signal }: Pick<BuildPorts, 'findTemplate' | 'report' | 'signal'>,
): Promise<BuildPlan> {
  const { settings, stack } = request;
  const output = request.output(declared.name);
  if (output.kind === 'push') requireOwnRegistry(await settings.tag(declared), stack);
  const template = await findTemplate(stack.folder, declared.language);
  const platforms = platformsOf(request, declared);
  if (template.bantam) await requirePlatforms(declared.name, template, platforms);
  const handler = await requireHandler(stack, declared);
  const ownDockerfile = isDockerfile(template.name);
  const secrets = await secretsOf(declared, stack, settings);
  const buildArguments = argumentsOf(declared, template, settings);
  const context = await layOutContext(template, handler, folder, {
    project: stack.folder,
    copies: await findCopiedPaths(stack.folder, ...copiedPathsOf(stack, settings)),
    signal,
  });
  announceLeftOut(declared.name, context.leftOut, report);
  const dockerfile = await readFile(join(context.folder, 'Dockerfile'), 'utf8').catch((cause: unknown) => {
    if (ownDockerfile)
      throw new UserError('BAN-E003', `${join(handler, 'Dockerfile')} is not there, and lang: dockerfile builds it`, {
        hint: `write one, or name a template: lang: in ${stack.file}:${declared.position.line}`,
        cause,
      });
    throw new UserError('BAN-E112', `the template ${template.name} has no Dockerfile`, {
      hint: `look into ${template.folder}`,
      cause,
    });
  });
  const facts = readDockerfile(dockerfile);
  const { image } = await settings.tag(declared);
  const scope = request.platforms.length === 0 ? '' : platforms.map(formatPlatform).join('-').replaceAll('/', '-');
  const caches = planCaches(
    settings.caches,
    { name: declared.name, image, scope },
    { working: settings.working, project: stack.folder },
  );
  return {
    name: declared.name,
    context: context.folder,
    contextDigest: context.digest,
    described: template.bantam,
    reference: parseReference(image),
    platforms,
    output,
    buildArguments,
    inheritedArguments: settings.proxies.filter((name) => !Object.hasOwn(buildArguments, name)),
    buildContexts: settings.buildContexts,
    instance: settings.instance,
    secrets,
    labels: settings.labels,
    fresh: settings.fresh,
    caches,
    ownHistoryEntries: facts.ownHistoryEntries,
    targetRuns: facts.targetRuns,
    sources: ownDockerfile ? undefined : { inContext: template.handlerFolder, folder: handler },
  };
}

/** Said before the build, which may take minutes: `fn new` without a prefix names such an image. Throws BAN-E309. */
function requireOwnRegistry({ image, position }: StackFunction, stack: Stack): void {
  if (isOfficial(parseReference(image)))
    throw new UserError(
      'BAN-E309',
      `the image ${image} would be one of Docker Hub’s own library: nobody can push there`,
      {
        hint: `write image: registry.lan:5000/${image.replace(/^.*\//, '')} in ${stack.file}:${position.line} (for your account at Docker Hub, docker.io/USER/…), or start bantam local up, whose own registry takes it as it is`,
      },
    );
}

/** The stack file's, relative to it, and the command line's, which come before those of the same id. Throws BAN-E215. */
async function secretsOf(
  declared: StackFunction,
  stack: Stack,
  { secrets, environment }: BuildSettings,
): Promise<readonly BuildSecret[]> {
  const own = Object.entries(declared.buildSecrets ?? {})
    .filter(([id]) => !secrets.some((secret) => secret.id === id))
    .map(([id, file]): BuildSecret => ({ id, file: resolve(stack.folder, file) }));
  await requireBuildSecrets(
    own,
    environment,
    `in ${stack.file}:${declared.position.line}, build_secrets of ${declared.name}`,
  );
  await requireBuildSecrets(secrets, environment, 'behind --build-secret');
  return [...own, ...secrets];
}

function argumentsOf(
  declared: StackFunction,
  template: Template,
  { buildArguments, buildOptions }: BuildSettings,
): Readonly<Record<string, string>> {
  const chosen = [...new Set([...(declared.buildOptions ?? []), ...buildOptions])];
  const all = { ...declared.buildArguments, ...buildArguments };
  // Bantam's own Dockerfiles have no packages to add: an argument that nobody reads is only noise.
  return template.bantam && chosen.length === 0 ? all : addPackages(all, chosen, template);
}

/** Says what a handler's folder holds and its image will not; packages and histories go without saying. */
function announceLeftOut(name: string, leftOut: readonly string[], report: Report): void {
  const silent = /(?:^|\/)(?:node_modules|\.git|\.DS_Store|\.bantam)$/;
  const worth = leftOut.filter((path) => !silent.test(path));
  const shown = worth.slice(0, 8).join(', ');
  if (worth.length > 0)
    report({
      type: 'note',
      about: name,
      text: `left out of the build: ${shown}${worth.length > 8 ? ` and ${worth.length - 8} more` : ''}`,
    });
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
