import { join } from 'node:path';
import * as v from 'valibot';
import { describeFailure, UserError } from '../../errors.ts';
import type { TestCase } from '../result.ts';

const goEventSchema = v.object({
  Action: v.string(),
  Package: v.optional(v.string()),
  ImportPath: v.optional(v.string()),
  Test: v.optional(v.string()),
  Elapsed: v.optional(v.number()),
  Output: v.optional(v.string()),
});

/** A line of `go test -json` (`go doc test2json`). */
export type GoEvent = v.InferOutput<typeof goEventSchema>;

/** Reads one line; undefined for what is none. */
export function readGoEvent(line: string): GoEvent | undefined {
  const decoded = v.safeParse(v.pipe(v.string(), v.parseJson(), goEventSchema), line);
  return decoded.success ? decoded.output : undefined;
}

/** Where the function is: its folder in the build context, the user's folder, and the name of its module. */
export interface GoPaths {
  readonly context: string;
  readonly handler: string;
  readonly module: string;
}

/** The tests, and the compiler's lines of packages that could not be built, with the user's paths. */
export interface JudgedGo {
  readonly cases: readonly TestCase[];
  readonly broken: readonly string[];
}

/** Makes tests of what go told. A test with subtests counts only where it failed by itself. */
export function judgeGoEvents(events: readonly GoEvent[], paths: GoPaths): JudgedGo {
  const outputs = new Map<string, string[]>();
  const outcomes = new Map<string, GoEvent>();
  const started = new Map<string, GoEvent>();
  const broken: string[] = [];
  for (const event of events) {
    const { Action, Package = '', ImportPath, Test, Output } = event;
    if (Action === 'build-output' && Output !== undefined) {
      const line = toUserPath(Output.trimEnd(), ImportPath ?? '', paths);
      if (!line.startsWith('# ')) broken.push(line);
      continue;
    }
    const key = `${Package}\0${Test ?? ''}`;
    if (Action === 'output' && Output !== undefined) outputs.set(key, [...(outputs.get(key) ?? []), Output]);
    if (Action === 'run') started.set(key, event);
    if (['pass', 'fail', 'skip'].includes(Action)) outcomes.set(key, event);
  }
  const keys = new Set([...started.keys(), ...outcomes.keys()]);
  const failedChild = (key: string): boolean =>
    [...outcomes].some(([other, { Action }]) => other.startsWith(`${key}/`) && Action === 'fail');
  const cases: TestCase[] = [];
  for (const key of keys) {
    const [packageName = '', test = ''] = key.split('\0');
    if (test === '') continue;
    const hasChildren = [...keys].some((other) => other.startsWith(`${key}/`));
    const outcome = outcomes.get(key);
    if (hasChildren && (outcome?.Action !== 'fail' || failedChild(key))) continue;
    cases.push(toCase(test, packageName, outcome, outputs.get(key) ?? [], paths));
  }
  // What breaks outside of a test (TestMain, init, os.Exit) fails the package alone.
  for (const [key, { Action, Package = '', Elapsed }] of outcomes) {
    const alone = key.endsWith('\0') && Action === 'fail';
    if (!alone || broken.length > 0 || cases.some((one) => one.verdict === 'failed')) continue;
    cases.push(toCase(Package, Package, { Action, Elapsed }, outputs.get(key) ?? [], paths));
  }
  return { cases, broken };
}

function toCase(
  test: string,
  packageName: string,
  outcome: GoEvent | undefined,
  output: readonly string[],
  paths: GoPaths,
): TestCase {
  const milliseconds = Math.round((outcome?.Elapsed ?? 0) * 1000);
  const name = test.replaceAll('/', ' › ').replaceAll('_', test.includes('/') ? ' ' : '_');
  const lines = output
    .map((line) => toUserPath(line.trimEnd(), packageName, paths))
    .filter((line) => line !== '' && !/^\s*(?:=== |--- )/.test(line));
  if (outcome?.Action === 'pass') return { name, verdict: 'passed', milliseconds };
  if (outcome?.Action === 'skip') {
    const reason = lines.map((line) => line.trim().replace(/^\S+\.go:\d+: /, ''))[0] ?? 'skipped';
    return { name, verdict: 'skipped', milliseconds, reason };
  }
  const timedOut = lines.some((line) => line.startsWith('panic: test timed out'));
  const place = placeIn(lines, paths.handler);
  const message = reasonOf(lines, timedOut);
  const shown = withoutForeignFrames(lines, paths.handler).filter((line) => !/^(?:FAIL|exit status)/.test(line));
  const details = shown.slice(0, timedOut ? 6 : 30).map((line) => line.slice(0, 400));
  return {
    name,
    verdict: 'failed',
    milliseconds,
    ...(place === undefined ? {} : { file: place.file, line: place.line }),
    failure: describeFailure(
      new UserError(timedOut ? 'BAN-E646' : 'BAN-E640', `${name}: ${message}`, {
        details,
        places: place === undefined ? [] : [{ ...place, message: [`${name}: ${message}`, ...details].join('\n') }],
        hint: timedOut
          ? 'look for a channel, a lock or a loop without an end; --timeout gives tests more time'
          : undefined,
      }),
    ),
  };
}

function reasonOf(lines: readonly string[], timedOut: boolean): string {
  if (timedOut) return lines.find((line) => line.startsWith('panic: test timed out'))?.replace('panic: ', '') ?? '';
  const told = lines.map((line) => /\.go:\d+: (.*)$/.exec(line)?.[1] ?? /^(panic: .*)$/.exec(line)?.[1]);
  return (told.find((text) => text !== undefined) ?? lines[0]?.trim() ?? 'it failed').slice(0, 300);
}

/** A panic names each frame in two lines: the call, and indented where it stands. Of Go's own they help nobody. */
function withoutForeignFrames(lines: readonly string[], handler: string): readonly string[] {
  return lines.filter((line, index) => {
    const place = /^\t\S+\.go:\d+/.test(line) ? line : lines[index + 1];
    const isFrame =
      place !== undefined && /^\t\S+\.go:\d+/.test(place) && (place === line || !line.startsWith('panic: '));
    return !isFrame || place.includes(`${handler}/`);
  });
}

/** The first place in the user's folder that the output names; of a panic the first line of a test or of the function. */
function placeIn(
  lines: readonly string[],
  handler: string,
): { readonly file: string; readonly line: number } | undefined {
  for (const line of lines) {
    const [, file, number] = /(\/[^\s:]+\.go):(\d+)/.exec(line) ?? [];
    if (file?.startsWith(`${handler}/`)) return { file, line: Number(number) };
  }
  return undefined;
}

/** Go names files of a package by their names alone, and of a trimmed stack by its module. */
function toUserPath(line: string, packageName: string, { context, handler, module }: GoPaths): string {
  const packagePath = packageName.replace(/ \[.*$/, '').replace(/\.test$/, '');
  const below = packagePath.startsWith(`${module}/`) ? packagePath.slice(module.length + 1) : '';
  return line
    .replaceAll(`${context}/`, `${handler}/`)
    .replace(new RegExp(`(^|\\s)${module}/(?=[^\\s:]+\\.go:\\d+)`), (_whole, before: string) => `${before}${handler}/`)
    .replace(
      /^(?:vet: )?((?:\.\/)?function\/)?([\w.-]+\.go):(?=\d+)/,
      (_whole, _folder, file: string) => `${join(handler, below, file)}:`,
    )
    .replace(
      /^(\s+)([\w.-]+\.go):(?=\d+: )/,
      (_whole, space: string, file: string) => `${space}${join(handler, below, file)}:`,
    );
}
