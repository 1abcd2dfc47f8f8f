import { basename } from 'node:path';
import pLimit from 'p-limit';
import { type BuildSettings, buildFunctions } from '../../build/build-functions.ts';
import type { Builder, BuildOutcome } from '../../build/builder.ts';
import { defineCommand } from '../../command.ts';
import type { Context, OpenGateway } from '../../context.ts';
import { describeFailure, exitCodeOf, type Failure, gravest, Interrupted } from '../../errors.ts';
import { parsePlatform } from '../../oci/platform.ts';
import { systemClock } from '../../rollout/clock.ts';
import { type DeployOutcome, deployFunction } from '../../rollout/deploy.ts';
import { newDeployId } from '../../rollout/identities.ts';
import { readDeployableImage } from '../../rollout/image.ts';
import { selectFunctions } from '../../stack/select.ts';
import type { Stack, StackFunction } from '../../stack/stack.ts';
import { builderKindOf, buildOptions, nothingChanged, readBuildOptions, selectChanged } from '../build-options.ts';
import { describeDeploy } from '../describe-deploy.ts';
import { withTemplateProcess } from '../template-process.ts';

/** How many functions are deployed at a time: an SD card and a gigabit line do not get faster by more. */
const parallelDeploys = 4;

/** `bantam fn deploy`: build, push, deploy, and watch until the new code is what answers. */
export const deploy = defineCommand({
  arguments: [{ name: '[names...]', description: 'functions (default: all of the stack file)' }],
  options: {
    noBuild: { flags: '--no-build', kind: 'flag', description: 'deploy what the registry has under the tags' },
    timeout: {
      flags: '--timeout <seconds>',
      kind: 'number',
      description: 'how long to wait for the new code of each function (default: 60)',
    },
    force: {
      flags: '--force',
      kind: 'flag',
      description: 'deploy although the image lacks the architecture of the gateway’s machine',
    },
    again: {
      flags: '--again',
      kind: 'flag',
      description: 'send functions that are unchanged, too: what starts anew reads its secrets anew',
    },
    ...buildOptions,
  },
  examples: [
    'bantam fn deploy',
    'bantam fn deploy hello --no-build --timeout 120',
    'bantam fn deploy hello --no-build --again',
    'bantam fn deploy --changed --tag git --build-cache gha',
    'bantam deploy --gateway http://pi-0:31112 --json',
  ],
  async run(input, context) {
    const { options, globals } = input;
    const platforms = options.platform.map(parsePlatform);
    const stack = await context.stack();
    const { functions: selected, changes } = await selectChanged(
      options,
      stack,
      selectFunctions(stack, input.names),
      context,
    );
    const since = changes && { commit: changes.commit, functions: selected.map(({ name }) => name) };
    if (changes !== undefined && selected.length === 0)
      return {
        document: {
          gateway: (await context.gatewayAddress()).url,
          provider: 'not asked',
          functions: [],
          changed: since,
        },
        blocks: [{ kind: 'line', text: nothingChanged(changes, stack, context.folder) }],
      };
    const functions = selected.map((declared) =>
      globals.namespace === undefined ? declared : { ...declared, namespace: globals.namespace },
    );
    const target = await context.gateway();
    const count = `${functions.length} function${functions.length === 1 ? '' : 's'}`;
    context.report({ type: 'target', text: `${target.describe}, ${count} of ${basename(stack.file)}` });
    const toBuild = options.noBuild ? [] : functions.filter(({ skipBuild }) => !skipBuild);
    const settings = await readBuildOptions(options, stack, toBuild.length, context, target.local?.registry);
    const builder = await context.builder(builderKindOf(options));
    const built = await buildAll(stack, toBuild, platforms, settings, builder, context);
    const limit = pLimit(parallelDeploys);
    const jobs = functions.map((declared) =>
      limit(async (): Promise<FunctionOutcome> => {
        const build = built.find(({ name }) => name === declared.name);
        if (build !== undefined && 'failure' in build) return { name: declared.name, failure: build.failure };
        return await deployOne(
          declared,
          settings.tag,
          stack.folder,
          build?.digest,
          target.architecture,
          { force: options.force, again: options.again, timeout: options.timeout },
          target,
          context,
        );
      }),
    );
    const settled = await Promise.allSettled(jobs);
    await (await context.imageMemory()).save();
    // Only an interruption ends all: by now other functions may have been changed, and that must be told.
    for (const result of settled) if (result.status === 'rejected') throw result.reason;
    const outcomes = settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    return {
      exit: gravest(outcomes.map(({ failure }) => (failure === undefined ? 0 : exitCodeOf(failure)))),
      document: {
        gateway: target.gateway.url,
        provider: target.dialect.title,
        functions: outcomes,
        ...(since === undefined ? {} : { changed: since }),
      },
      blocks: describeDeploy(outcomes),
    };
  },
});

/** A deployment's outcome, or the failure that came before anything was sent. */
export type FunctionOutcome = DeployOutcome | { readonly name: string; readonly failure: Failure };

async function buildAll(
  stack: Stack,
  functions: readonly StackFunction[],
  platforms: ReturnType<typeof parsePlatform>[],
  settings: BuildSettings,
  builder: Builder,
  context: Context,
): Promise<readonly BuildOutcome[]> {
  if (functions.length === 0) return [];
  return await buildFunctions(
    {
      stack,
      functions,
      platforms,
      output: () => ({ kind: 'push' }),
      settings,
    },
    {
      findTemplate: context.bringTemplate,
      builder,
      report: context.report,
      signal: context.signal,
    },
  );
}

async function deployOne(
  untagged: StackFunction,
  tag: BuildSettings['tag'],
  stackFolder: string,
  digest: string | undefined,
  architecture: string,
  options: { readonly force: boolean; readonly again: boolean; readonly timeout: number | undefined },
  target: OpenGateway,
  context: Context,
): Promise<FunctionOutcome> {
  const { report, signal } = context;
  try {
    report({ type: 'progress', about: untagged.name, text: 'reading the image' });
    const declared = { ...untagged, image: (await tag(untagged)).image };
    const image = await readDeployableImage(
      await context.registry(),
      declared.image,
      {
        digest,
        architecture: options.force ? '' : architecture,
        // The fprocess of a template is in its image, too.
        environment: {
          ...declared.environment,
          ...(declared.process === undefined ? {} : { fprocess: declared.process }),
        },
        dialect: target.dialect,
        takesBaseless: target.local?.provider === 'process',
      },
      signal,
      await context.imageMemory(),
    );
    if (image.verdict?.answer === 'unknown' && digest === undefined)
      report({
        type: 'warning',
        about: declared.name,
        text: `nothing proves that its image runs on ${architecture}: ${image.verdict.reason}`,
      });
    const ports = {
      gateway: target.gateway,
      dialect: target.dialect,
      probe: target.probe,
      clock: systemClock,
      report,
      newDeployId,
    };
    return await deployFunction(
      {
        fn: await withTemplateProcess(declared, stackFolder, context),
        image,
        again: options.again,
        timeoutMilliseconds: options.timeout === undefined ? undefined : options.timeout * 1000,
      },
      ports,
      signal,
    );
  } catch (thrown) {
    if (thrown instanceof Interrupted) throw thrown;
    return { name: untagged.name, failure: describeFailure(thrown) };
  } finally {
    report({ type: 'ended', about: untagged.name });
  }
}
