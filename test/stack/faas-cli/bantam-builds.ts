import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { readBuildArguments, readLabels } from '../../../cli/build/build-arguments.ts';
import { type BuildSettings, withPlans } from '../../../cli/build/build-functions.ts';
import type { BuildPlan } from '../../../cli/build/plan.ts';
import { formatReference, parseReference } from '../../../cli/oci/reference.ts';
import { readStack } from '../../../cli/stack/read.ts';
import { findTemplate } from '../../../cli/template/find.ts';
import type { FaasCliRecording, RecordedBuild } from '../../recordings/faas-cli/recording.ts';
import type { StackCase } from '../../recordings/faas-cli/stack-case.ts';

/** One build, in words both programs have: the image, what docker is told, and the files of the context. */
export interface Build {
  readonly image: string;
  /** `--build-arg NAME=VALUE`, `--label …`, `--secret id=…,src=…`, `--no-cache`, `--pull`, sorted. */
  readonly told: readonly string[];
  readonly context: Readonly<Record<string, string>>;
}

/** How the builds of bantam differ from those of faas-cli, a line each. */
export function compareBuilds(
  { exit, error, builds }: NonNullable<FaasCliRecording['build']>,
  ours: readonly (Build | string)[],
): string[] {
  const theirs = builds.map(recordedBuild);
  const done = ours.flatMap((build) => (typeof build === 'string' ? [] : [build]));
  const failed = ours.filter((build) => typeof build === 'string');
  const verdict =
    (exit === 0) === (failed.length === 0) ? [] : [`faas-cli: ${error ?? 'done'}; bantam: ${failed.join() || 'done'}`];
  return [
    ...verdict,
    ...theirs
      .filter(({ image }) => !done.some((build) => build.image === image))
      .map(({ image }) => `only faas-cli builds ${image}`),
    ...done.flatMap((build) => {
      const same = theirs.find(({ image }) => image === build.image);
      return same === undefined
        ? [`only bantam builds ${build.image}`]
        : [
            ...compareLists('is told', same.told, build.told),
            ...compareLists('has', lines(same.context), lines(build.context)),
          ];
    }),
  ];
}

function lines(context: Build['context']): string[] {
  return Object.entries(context).map(([path, digest]) => `${path} ${digest}`);
}

function compareLists(verb: string, theirs: readonly string[], ours: readonly string[]): string[] {
  return [
    ...theirs.filter((line) => !ours.includes(line)).map((line) => `only faas-cli ${verb} ${line}`),
    ...ours.filter((line) => !theirs.includes(line)).map((line) => `only bantam ${verb} ${line}`),
  ];
}

/** What was recorded of faas-cli. */
function recordedBuild({ arguments: given, context }: RecordedBuild): Build {
  const told: string[] = [];
  let image = '';
  for (let at = 1; at < given.length; at += 1) {
    const word = given[at] ?? '';
    if (word === '--tag') image = given[++at] ?? '';
    else if (['--build-arg', '--label', '--secret'].includes(word)) told.push(`${word} ${given[++at]}`);
    else if (word !== '.') told.push(word);
  }
  return { image: formatReference(parseReference(image)), told: told.sort(), context };
}

/** What bantam would have built of a case; a function that cannot be built is its error code instead. */
export async function buildAsBantam(stackCase: StackCase, project: string): Promise<readonly (Build | string)[]> {
  const folder = join(project, stackCase.folder);
  const { stack } = await readStack(join(folder, 'stack.yml'), { environment: stackCase.environment });
  const request = {
    stack,
    functions: stack.functions.filter(({ skipBuild }) => !skipBuild),
    platforms: [],
    output: () => ({ kind: 'check' }) as const,
    settings: settingsOf(stackCase, folder),
  };
  const ports = { findTemplate, report: () => undefined, signal: new AbortController().signal };
  const built = await withPlans(request, ports, async (plan): Promise<Build> => await describe(plan, folder));
  return built.map((outcome) => ('told' in outcome ? outcome : 'failure' in outcome ? outcome.failure.code : ''));
}

async function describe(plan: BuildPlan, folder: string): Promise<Build> {
  const context: Record<string, string> = {};
  for (const entry of await readdir(plan.context, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    context[relative(plan.context, path)] = createHash('sha256')
      .update(await readFile(path))
      .digest('hex')
      .slice(0, 16);
  }
  return {
    image: formatReference(plan.reference),
    told: [
      ...Object.entries(plan.buildArguments).map(([name, value]) => `--build-arg ${name}=${value}`),
      ...Object.entries(plan.labels).map(([name, value]) => `--label ${name}=${value}`),
      ...plan.secrets.map((secret) =>
        'file' in secret ? `--secret id=${secret.id},src=./${relative(folder, secret.file)}` : '',
      ),
      ...(plan.fresh.cache ? ['--no-cache'] : []),
      ...(plan.fresh.pull ? ['--pull'] : []),
    ].sort(),
    context,
  };
}

/** The options of the case, as commands/build-options.ts would read them. */
function settingsOf({ build = [], environment }: StackCase, folder: string): BuildSettings {
  const values = (...names: string[]): string[] =>
    build.filter((_word, index) => names.includes(build[index - 1] ?? ''));
  return {
    buildContexts: {},
    instance: undefined,
    buildArguments: readBuildArguments(values('-b', '--build-arg'), environment),
    proxies: [],
    buildOptions: values('-o', '--build-option'),
    secrets: [],
    labels: readLabels(values('--build-label')),
    fresh: { cache: build.includes('--no-cache'), pull: build.includes('--pull') },
    caches: { short: [], from: [], to: [] },
    copied: { paths: values('--copy-extra'), folder: resolve(folder), where: '--copy-extra' },
    tag: (declared) => Promise.resolve(declared),
    environment,
    working: folder,
  };
}
