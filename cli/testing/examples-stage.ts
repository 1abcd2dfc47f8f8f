import { relative } from 'node:path';
import { describeFailure, UserError } from '../errors.ts';
import type { Replica } from '../replica/contract/target.ts';
import type { PreparedFunction } from './built-function.ts';
import type { Example } from './examples/example.ts';
import { type Examples, readExamples } from './examples/read-examples.ts';
import { runExample } from './examples/run-example.ts';
import type { Hide } from './hidden-secrets.ts';
import type { TestCase } from './result.ts';
import { userPaths } from './started-function.ts';

/** The examples of a function, or the failed case that stands for files which cannot be used. */
export async function openExamples(
  files: readonly string[],
  prepared: PreparedFunction,
  from: string,
): Promise<Examples | TestCase> {
  try {
    return await readExamples(files, from);
  } catch (thrown) {
    if (!(thrown instanceof UserError)) throw thrown;
    const [place] = thrown.places;
    const [first = prepared.handler] = files;
    return {
      name: relative(prepared.handler, place?.file ?? first),
      verdict: 'failed',
      milliseconds: 0,
      file: place?.file ?? first,
      line: place?.line ?? 1,
      failure: describeFailure(thrown),
    };
  }
}

/** How examples are run. */
export interface ExamplesRun {
  readonly prepared: PreparedFunction;
  /** The replica for examples without settings of their own. */
  readonly replica: Replica;
  /** Starts a replica for those with settings of their own; it is ended afterwards. */
  readonly start: (example: Example) => Promise<Replica>;
  readonly limit: number;
  readonly from: string;
  readonly hide: Hide;
  readonly signal: AbortSignal;
}

/** Sends the examples in the order of their files, those with the same settings to the same replica. Throws Interrupted. */
export async function testExamples(examples: readonly Example[], run: ExamplesRun): Promise<readonly TestCase[]> {
  const cases = new Map<Example, TestCase>();
  for (const group of groupBySettings(examples)) {
    const [first] = group;
    if (first === undefined) continue;
    const own = hasSettings(first);
    let replica = run.replica;
    try {
      if (own) replica = await run.start(first);
    } catch (thrown) {
      if (!(thrown instanceof UserError)) throw thrown;
      for (const example of group) cases.set(example, notStarted(example, thrown));
      continue;
    }
    const logs = (): readonly string[] => replica.output.lines().map((line) => userPaths(line, run.prepared));
    for (const example of group) cases.set(example, await runExample(example, { ...run, url: replica.url, logs }));
    if (own) await replica.end();
  }
  return examples.flatMap((example) => cases.get(example) ?? []);
}

function hasSettings({ environment, secrets }: Example): boolean {
  return Object.keys(environment).length + Object.keys(secrets).length > 0;
}

function groupBySettings(examples: readonly Example[]): readonly (readonly Example[])[] {
  const groups = new Map<string, Example[]>();
  for (const example of examples) {
    const key = JSON.stringify([Object.entries(example.environment).sort(), Object.entries(example.secrets).sort()]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [example]);
    else group.push(example);
  }
  return [...groups.values()];
}

function notStarted(example: Example, thrown: UserError): TestCase {
  const { file, line, column } = example.placeOf(['environment']);
  const failure = describeFailure(
    new UserError(thrown.code, `${example.name}: ${thrown.message}`, {
      details: thrown.details,
      places: [{ file, line, column, message: thrown.message }],
      hint: thrown.hint,
    }),
  );
  return { name: example.name, verdict: 'failed', milliseconds: 0, file, line, failure };
}
