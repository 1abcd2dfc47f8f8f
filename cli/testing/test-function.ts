import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { FunctionTree } from '../build/assemble/function-tree.ts';
import { describeFailure, type Failure, UserError } from '../errors.ts';
import type { Report } from '../events.ts';
import { formatPlatform } from '../oci/platform.ts';
import type { Target } from '../replica/contract/target.ts';
import type { Stack, StackFunction } from '../stack/stack.ts';
import type { TemplatePack } from '../template/pack.ts';
import { type BuildingPorts, buildFunction, type PreparedFunction, prepareFunction } from './built-function.ts';
import { testContract, withoutRuntimeSettings } from './contract.ts';
import { findExampleFiles } from './examples/read-examples.ts';
import { openExamples, testExamples } from './examples-stage.ts';
import { hideSecrets, readSecretFolder } from './hidden-secrets.ts';
import {
  describeTrouble,
  type FunctionResult,
  type StageName,
  type StageResult,
  stageOf,
  stageWithout,
} from './result.ts';
import { openFunctionTarget, ownLife, startFunction } from './started-function.ts';
import { explainTemplate } from './template-age.ts';
import { mochaFiles } from './unit/mocha.ts';
import { testUnits } from './unit-stage.ts';

/** What is tested, and how. */
export interface TestSettings {
  readonly stages: ReadonlySet<StageName>;
  /** Milliseconds: for the unit tests of a file, and for an example that says nothing. */
  readonly limit: number;
  readonly coverage: boolean;
  /** Only those cases of the contract that start no replicas of their own. */
  readonly quick: boolean;
  /** Cases of the contract at a time. */
  readonly concurrency: number;
  /** The folder that messages name files relative to. */
  readonly from: string;
}

/** The outside of {@link testFunction}. */
export type TestPorts = BuildingPorts & {
  readonly report: Report;
  /** This bantam's own templates. */
  readonly pack: TemplatePack;
};

/** What became of a function, and the files that decide it: a change of one of them may change the result. */
export interface TestedFunction {
  readonly result: FunctionResult;
  readonly inputs: readonly string[];
  /** Folders in which a new file may be a test, an example, or what an import has missed. */
  readonly folders: readonly string[];
}

/**
 * Tests one function without a container engine: its own tests, and what it promises and its examples against its process.
 * What goes wrong is part of the result. Everything that was started has ended when this returns. Throws Interrupted.
 */
export async function testFunction(
  stack: Stack,
  declared: StackFunction,
  scratch: string,
  settings: TestSettings,
  outer: TestPorts,
): Promise<TestedFunction> {
  const began = performance.now();
  const life = ownLife(outer.signal);
  const ports = { ...outer, signal: life.signal };
  const { name, language } = declared;
  const conclude = (
    platform: string,
    stages: readonly StageResult[],
    more: { failure?: Failure | undefined; skipped?: string },
  ): FunctionResult => ({
    name,
    language,
    platform,
    ok: more.failure === undefined && stages.every(({ verdict }) => verdict !== 'failed'),
    milliseconds: Math.round(performance.now() - began),
    stages,
    ...(more.failure === undefined ? {} : { failure: more.failure }),
    ...(more.skipped === undefined ? {} : { skipped: more.skipped }),
  });
  const folders = declared.handler === undefined ? [] : [declared.handler, join(declared.handler, 'tests')];
  const inputs = new Set<string>([stack.file, ...manifestsOf(declared)]);
  let failure: Failure | undefined;
  try {
    if (declared.handler === undefined || declared.skipBuild)
      return { result: conclude('', [], { skipped: 'its image is not built here' }), inputs: [], folders: [] };
    ports.report({ type: 'progress', about: name, text: 'preparing', minor: true });
    const folder = join(scratch, name);
    await mkdir(folder, { recursive: true });
    const prepared = await prepareFunction(stack, declared, join(folder, 'build'), ports);
    const platform = formatPlatform(prepared.platform);
    const tree = once(() => buildFunction(prepared, ports));
    const unit = settings.stages.has('unit')
      ? testUnits({
          ...ports,
          ...settings,
          prepared,
          scratch: folder,
          install: async () => void (await tree()),
        })
      : undefined;
    const served = settings.stages.has('contract') || settings.stages.has('examples');
    const [units, processes] = await Promise.all([
      unit,
      served ? testProcess(stack, declared, prepared, tree, settings, ports) : undefined,
    ]);
    failure = processes?.failure;
    const stages: StageResult[] = [];
    if (units !== undefined) {
      // A handler that does not compile breaks its tests, too: once is enough.
      const twice =
        processes?.uncompiled === true &&
        units.result.cases.some((one) => one.failure?.code === 'BAN-E645' || one.failure?.code === failure?.code);
      stages.push(twice ? stageWithout('unit', 'not run', 'the function cannot be built') : units.result);
      for (const file of units.inputs) inputs.add(file);
    }
    stages.push(...(processes?.stages ?? []));
    for (const file of processes?.inputs ?? []) inputs.add(file);
    return {
      result: conclude(platform, stages, { failure }),
      inputs: [...inputs],
      folders: [...new Set([...folders, ...[...inputs].map((file) => dirname(file))])],
    };
  } catch (thrown) {
    if (!(thrown instanceof UserError)) throw thrown;
    const more = thrown.code === 'BAN-E220' ? { skipped: foreign } : { failure: describeFailure(thrown) };
    return { result: conclude('', [], more), inputs: [...inputs], folders };
  } finally {
    life.end();
    outer.report({ type: 'ended', about: name, ...(failure === undefined ? {} : { failure }) });
  }
}

const foreign = 'its template is not one of bantam’s: bantam fn test --image tests the built image';

function manifestsOf({ handler }: StackFunction): readonly string[] {
  return handler === undefined
    ? []
    : ['package.json', 'package-lock.json', 'tsconfig.json', 'go.mod', 'go.sum', ...mochaFiles].map((file) =>
        join(handler, file),
      );
}

interface ProcessOutcome {
  readonly stages: readonly StageResult[];
  readonly failure?: Failure;
  /** True if the function could not be built. */
  readonly uncompiled: boolean;
  readonly inputs: readonly string[];
}

/** Contract and examples against the function's process. */
async function testProcess(
  stack: Stack,
  declared: StackFunction,
  prepared: PreparedFunction,
  build: () => Promise<FunctionTree>,
  settings: TestSettings,
  { report, signal, pack }: TestPorts,
): Promise<ProcessOutcome> {
  const { name, handler } = prepared;
  const { stages, from, limit, quick, concurrency } = settings;
  const files = stages.has('examples') ? await findExampleFiles(handler) : [];
  const opened = await openExamples(files, prepared, from);
  const inputs = 'examples' in opened ? opened.files : files;
  const withheld = (reason: string): StageResult[] =>
    (['contract', 'examples'] as const)
      .filter((stage) => stages.has(stage))
      .map((stage) => stageWithout(stage, 'not run', reason));
  let uncompiled = true;
  try {
    report({ type: 'progress', about: name, text: 'building', minor: true });
    const tree = await build();
    for (const text of tree.warnings) report({ type: 'note', about: name, text });
    uncompiled = false;
    report({ type: 'progress', about: name, text: 'starting', minor: true });
    const secrets = await readSecretFolder(handler);
    const examples = 'examples' in opened ? opened.examples : [];
    const hide = hideSecrets(
      [secrets, ...examples.map((example) => example.secrets)].flatMap((all) => Object.values(all)),
    );
    const { environment } = declared;
    const target = openFunctionTarget(prepared, tree, {});
    const replica = await startFunction(target, prepared, { environment, secrets }, hide, signal);
    const contract = async (): Promise<StageResult[]> => {
      if (!stages.has('contract')) return [];
      const began = performance.now();
      const held = withSecrets(openFunctionTarget(prepared, tree, withoutRuntimeSettings(environment)), secrets);
      const onCase = (text: string): void => report({ type: 'progress', about: name, text, minor: true });
      const cases = await testContract(quick ? replica : held, {
        name,
        concurrency,
        hide,
        signal,
        onCase,
        explain: async () => await explainTemplate(pack, stack.folder, declared.language),
      });
      return [stageOf('contract', cases, performance.now() - began)];
    };
    const tried = async (): Promise<StageResult[]> => {
      if (!stages.has('examples')) return [];
      if (!('examples' in opened)) return [stageOf('examples', [opened], 0)];
      if (examples.length === 0)
        return [stageWithout('examples', 'none', 'no examples: a file tests/NAME.http.yml in its folder holds some')];
      const began = performance.now();
      const cases = await testExamples(examples, {
        prepared,
        replica,
        limit,
        from,
        hide,
        signal,
        start: async (example) =>
          await startFunction(
            target,
            prepared,
            {
              environment: { ...environment, ...example.environment },
              secrets: { ...secrets, ...example.secrets },
            },
            hide,
            signal,
          ),
      });
      return [stageOf('examples', cases, performance.now() - began)];
    };
    const [promises, answers] = await Promise.all([contract(), tried()]);
    return { stages: [...promises, ...answers], uncompiled, inputs };
  } catch (thrown) {
    if (!(thrown instanceof UserError)) throw thrown;
    const reason = uncompiled ? 'the function cannot be built' : 'the function does not start';
    return { stages: withheld(reason), failure: describeTrouble(thrown), uncompiled, inputs };
  }
}

/** The replicas of a target find these secrets, besides those that a start asks for. */
function withSecrets(target: Target, secrets: Readonly<Record<string, string>>): Target {
  if (Object.keys(secrets).length === 0) return target;
  return {
    runtime: target.runtime,
    start: (options, signal) => target.start({ ...options, secrets: { ...secrets, ...options.secrets } }, signal),
  };
}

function once<Thing>(make: () => Promise<Thing>): () => Promise<Thing> {
  let made: Promise<Thing> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
