import { resolve } from 'node:path';
import { describeAssembly } from '../../build/assemble/describe.ts';
import { buildFunctions, platformsOf, withPlans } from '../../build/build-functions.ts';
import type { BuildOutcome } from '../../build/builder.ts';
import { type Output, shownArguments } from '../../build/plan.ts';
import { defineCommand } from '../../command.ts';
import { exitCodeOf, gravest, UserError } from '../../errors.ts';
import { formatPlatform, parsePlatform } from '../../oci/platform.ts';
import { selectFunctions } from '../../stack/select.ts';
import { builderKindOf, buildOptions, nothingChanged, readBuildOptions, selectChanged } from '../build-options.ts';
import { describeBuilds } from '../describe-outcome.ts';

/** `bantam fn build`: images of several functions for several platforms, through docker buildx or without Docker. */
export const build = defineCommand({
  arguments: [{ name: '[names...]', description: 'functions (default: all of the stack file)' }],
  options: {
    push: { flags: '--push', kind: 'flag', description: 'push by digest, check what was pushed, then write the tag' },
    load: { flags: '--load', kind: 'flag', description: 'load into the Docker engine' },
    output: {
      flags: '--output <folder>',
      kind: 'text',
      description: 'write an OCI image layout per function into this folder',
    },
    print: { flags: '--print', kind: 'flag', description: 'print the docker command lines and do nothing' },
    ...buildOptions,
  },
  examples: [
    'bantam fn build --push',
    'bantam fn build hello --platform linux/arm64 --load',
    'bantam fn build --output images',
    'bantam fn build --push --builder assemble',
    'bantam fn build --push --tag git --build-cache gha --changed',
    'bantam fn build -b NPM_CONFIG_REGISTRY --build-secret id=npmrc,src=.npmrc',
  ],
  async run(input, context) {
    const { options } = input;
    const output = chooseOutput(options, context.folder);
    const stack = await context.stack();
    const named = selectFunctions(stack, input.names);
    const { functions, changes } = await selectChanged(options, stack, named, context);
    const since = changes && { commit: changes.commit, functions: functions.map(({ name }) => name) };
    if (changes !== undefined && functions.length === 0)
      return {
        document: { [options.print ? 'plans' : 'functions']: [], changed: since },
        blocks: [{ kind: 'line', text: nothingChanged(changes, stack, context.folder) }],
      };
    const built = functions.filter((declared) => !declared.skipBuild);
    for (const declared of functions)
      if (declared.skipBuild) context.report({ type: 'note', about: declared.name, text: 'not built: skip_build' });
    const request = {
      stack,
      functions: built,
      platforms: options.platform.map(parsePlatform),
      output,
      settings: await readBuildOptions(
        options,
        stack,
        built.length,
        context,
        options.push ? (await context.localGateway())?.registry : undefined,
      ),
    };
    const ports = {
      findTemplate: options.print ? context.findTemplate : context.bringTemplate,
      builder: await context.builder(builderKindOf(options)),
      report: context.report,
      signal: context.signal,
    };
    if (options.print) {
      const printed = await withPlans(request, ports, async (plan): Promise<PrintedPlan> => {
        const { name } = plan;
        if (options.builder === 'assemble') return { name, command: [], note: await describeAssembly(plan) };
        return { name, command: ['docker', ...shownArguments(plan, { metadata: 'metadata.json', layout: 'LAYOUT' })] };
      });
      const lines = printed.map((entry) =>
        'command' in entry
          ? entry.note === undefined
            ? entry.command.map(shellWord).join(' ')
            : `# ${entry.note}`
          : // A comment: the lines are for a shell.
            `# ${entry.name}: ${'failure' in entry ? `${entry.failure.message} (${entry.failure.code})` : ''}`,
      );
      const exit = gravest(printed.map((entry) => ('failure' in entry ? exitCodeOf(entry.failure) : 0)));
      return {
        exit,
        document: { plans: printed, ...(since === undefined ? {} : { changed: since }) },
        blocks: lines.map((text) => ({ kind: 'line', text })),
      };
    }
    const targets = [
      ...new Set(built.map((declared) => platformsOf(request, declared).map(formatPlatform).join(', '))),
    ];
    context.report({
      type: 'target',
      text: `${built.length} function${built.length === 1 ? '' : 's'} of ${stack.file} for ${targets.join(' | ')}, ${describeOutput(options)}${stack.target === undefined ? '' : ` (target ${stack.target.name})`}`,
    });
    const outcomes: readonly BuildOutcome[] = await buildFunctions(request, ports);
    return {
      exit: gravest(outcomes.map((outcome) => ('failure' in outcome ? exitCodeOf(outcome.failure) : 0))),
      document: { functions: outcomes, ...(since === undefined ? {} : { changed: since }) },
      blocks: describeBuilds(outcomes),
    };
  },
});

/** What would be done: a command line, or, where none would be run, what stands in its place. */
interface PrintedPlan {
  readonly name: string;
  readonly command: readonly string[];
  readonly note?: string;
}

interface OutputOptions {
  readonly push: boolean;
  readonly load: boolean;
  readonly output: string | undefined;
}

function chooseOutput(options: OutputOptions, folder: string): (name: string) => Output {
  const chosen = [options.push, options.load, options.output !== undefined].filter(Boolean).length;
  if (chosen > 1)
    throw new UserError('BAN-E001', '--push, --load and --output exclude each other', {
      hint: 'choose one; without any the build is only checked',
    });
  if (options.push) return () => ({ kind: 'push' });
  if (options.load) return () => ({ kind: 'load' });
  if (options.output !== undefined) {
    const base = resolve(folder, options.output);
    return (name) => ({ kind: 'layout', folder: resolve(base, name) });
  }
  return () => ({ kind: 'check' });
}

function describeOutput(options: OutputOptions): string {
  if (options.push) return 'pushed';
  if (options.load) return 'loaded into the engine';
  return options.output === undefined
    ? 'checked only (--push, --load or --output keep the result)'
    : `written to ${options.output}`;
}

/** A word as a shell wants it, for people who copy the printed line. */
function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
