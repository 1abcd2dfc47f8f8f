import { relative } from 'node:path';
import { readBuildArguments, readLabels } from '../build/build-arguments.ts';
import { type BuildSettings, copiedPathsOf, readBuildContexts } from '../build/build-functions.ts';
import { readBuildSecret } from '../build/build-secrets.ts';
import { checkCaches, isGitHubCache, missingGitHubCache } from '../build/cache.ts';
import { type Changes, findChanges } from '../build/changed.ts';
import { type BuilderKind, readBuilderKind } from '../build/choose-builder.ts';
import { findCopiedPaths } from '../build/copied-paths.ts';
import { withHomeRegistry } from '../build/home-registry.ts';
import { ownBuilderName } from '../build/own-builder.ts';
import { openTagger } from '../build/tag.ts';
import type { OptionSpecification, OptionValue } from '../command.ts';
import type { Context } from '../context.ts';
import { UserError } from '../errors.ts';
import type { Stack, StackFunction } from '../stack/stack.ts';

/** The options of every command that builds. */
export const buildOptions = {
  platform: {
    flags: '--platform <list>',
    kind: 'list',
    description: 'linux/amd64,linux/arm64,linux/arm/v7 unless the stack file says otherwise',
  },
  buildArg: {
    flags: '-b, --build-arg <name=value>',
    kind: 'repeated',
    description: 'a build argument; without =value that of the environment',
  },
  buildOption: {
    flags: '-o, --build-option <name>',
    kind: 'list',
    description: 'a build option of the template, as in build_options',
  },
  buildSecret: {
    flags: '--build-secret <secret>',
    kind: 'repeated',
    description: 'a secret of the build: id=NAME,src=FILE or id=NAME,env=VARIABLE',
  },
  buildLabel: { flags: '--build-label <name=value>', kind: 'repeated', description: 'a label of the image' },
  copyExtra: {
    flags: '--copy-extra <path>',
    kind: 'repeated',
    description: 'copy a path of the project into every function, as configuration.copy does',
  },
  tag: {
    flags: '--tag <text>',
    kind: 'text',
    description: 'the images’ tag: git (the commit), any text, or faas-cli’s sha, branch, describe, digest',
  },
  changed: {
    flags: '--changed [=ref]',
    kind: 'optional',
    description: 'only functions that changed since a commit (default: where the branch left origin’s)',
  },
  noCache: { flags: '--no-cache', kind: 'flag', description: 'take no step from the builder’s cache' },
  pull: { flags: '--pull', kind: 'flag', description: 'look up base images anew' },
  buildCache: {
    flags: '--build-cache <place>',
    kind: 'repeated',
    description: 'read and write a cache per function: gha, registry[=REPOSITORY], local[=FOLDER]',
  },
  cacheFrom: {
    flags: '--cache-from <cache>',
    kind: 'repeated',
    description: 'read a cache, as docker buildx does; {name} is the function',
  },
  cacheTo: {
    flags: '--cache-to <cache>',
    kind: 'repeated',
    description: 'write a cache, as docker buildx does; {name} is the function',
  },
  builder: {
    flags: '--builder <name>',
    kind: 'text',
    description: 'auto (default), buildx, assemble (bantam itself, without Docker), or a builder of docker buildx ls',
  },
  ownBuilder: {
    flags: '--own-builder',
    kind: 'flag',
    description: 'use a builder of bantam’s own, for engines that cannot build several platforms',
  },
  buildContext: {
    flags: '--build-context <name=value>',
    kind: 'list',
    description: 'replace a base image, as docker buildx does (also $BANTAM_BUILD_CONTEXTS)',
  },
} as const satisfies Record<string, OptionSpecification>;

/** Values of {@link buildOptions}. */
export type BuildOptions = { readonly [Name in keyof typeof buildOptions]: OptionValue<(typeof buildOptions)[Name]> };

/** Who builds, as `--builder` says; a name of a builder of buildx is one for buildx. */
export function builderKindOf({ builder, ownBuilder }: Pick<BuildOptions, 'builder' | 'ownBuilder'>): BuilderKind {
  const named = builder !== undefined && readBuilderKind(builder) === undefined;
  return named || ownBuilder ? 'buildx' : (readBuilderKind(builder) ?? 'auto');
}

/** Proxies that a build needs where the machine does; faas-cli hands on the first two. */
const proxies = ['http_proxy', 'https_proxy', 'no_proxy'];

/**
 * Reads the options; `functions` is how many are built, `home` the registry of images without one of their own. Throws BAN-E001,
 * BAN-E214, BAN-E216, BAN-E217.
 */
export async function readBuildOptions(
  options: BuildOptions,
  stack: Stack,
  functions: number,
  context: Context,
  home?: string | undefined,
): Promise<BuildSettings> {
  const { environment, folder } = context;
  if (options.builder !== undefined && options.ownBuilder)
    throw new UserError('BAN-E001', '--builder and --own-builder exclude each other', { hint: 'choose one' });
  const caches = { short: options.buildCache, from: options.cacheFrom, to: options.cacheTo };
  checkCaches(caches, functions);
  const copied = { paths: options.copyExtra, folder, where: '--copy-extra' };
  return {
    buildContexts: readBuildContexts(options.buildContext, environment['BANTAM_BUILD_CONTEXTS']),
    instance: options.ownBuilder
      ? { name: ownBuilderName, own: true }
      : options.builder === undefined || readBuilderKind(options.builder) !== undefined
        ? undefined
        : { name: options.builder, own: false },
    buildArguments: readBuildArguments(options.buildArg, environment),
    proxies: proxies.filter((name) => environment[name]),
    buildOptions: options.buildOption,
    secrets: options.buildSecret.map((text) => readBuildSecret(text, folder, environment)),
    labels: readLabels(options.buildLabel),
    fresh: { cache: options.noCache, pull: options.pull },
    caches: reachableCaches(caches, context),
    copied,
    tag: withHomeRegistry(
      openTagger(options.tag, {
        stack,
        copied: await copiedInputs(stack, copied, options.tag !== undefined),
        environment,
        run: context.run,
        signal: context.signal,
      }),
      home,
    ),
    environment,
    working: folder,
  };
}

/** Without the cache of GitHub Actions where it cannot be reached: buildx leaves it out without a word. */
function reachableCaches(caches: BuildSettings['caches'], { environment, report }: Context): BuildSettings['caches'] {
  const wanted = caches.short.includes('gha') || [...caches.from, ...caches.to].some(isGitHubCache);
  const missing = wanted ? missingGitHubCache(environment) : undefined;
  if (missing === undefined) return caches;
  report({ type: 'warning', text: missing });
  const others = (texts: readonly string[]): readonly string[] => texts.filter((text) => !isGitHubCache(text));
  return { short: caches.short.filter((text) => text !== 'gha'), from: others(caches.from), to: others(caches.to) };
}

/** What is copied into every function, as inputs. Only who asks for them needs them to be there. */
async function copiedInputs(
  stack: Stack,
  copied: BuildSettings['copied'],
  needed: boolean,
): Promise<readonly string[]> {
  if (!needed) return [];
  return (await findCopiedPaths(stack.folder, ...copiedPathsOf(stack, { copied }))).map(({ from }) => from);
}

/** The functions that `--changed` leaves, and why; all of them without the option. Throws BAN-E212, BAN-E216, BAN-E218. */
export async function selectChanged(
  options: BuildOptions,
  stack: Stack,
  functions: readonly StackFunction[],
  context: Context,
): Promise<{ readonly functions: readonly StackFunction[]; readonly changes: Changes | undefined }> {
  if (options.changed === undefined) return { functions, changes: undefined };
  const copied = { paths: options.copyExtra, folder: context.folder, where: '--copy-extra' };
  const changes = await findChanges({
    stack,
    functions,
    copied: await copiedInputs(stack, copied, true),
    reference: options.changed,
    environment: context.environment,
    run: context.run,
    signal: context.signal,
  });
  const { reasons } = changes;
  for (const { name } of functions) {
    const reason = reasons.get(name);
    if (reason !== undefined) context.report({ type: 'note', about: name, text: `changed: ${reason}` });
  }
  return { functions: functions.filter(({ name }) => reasons.has(name)), changes };
}

/** The answer where nothing changed: no failure. */
export function nothingChanged(changes: Changes, stack: Stack, folder: string): string {
  return `nothing of ${relative(folder, stack.file) || stack.file} changed since ${changes.since}`;
}
