import type { Context } from 'mocha';
import { type Bed, needs, openBed } from './bed/bed.ts';
import type { Part } from './bed/parts.ts';

let opened: Promise<Bed> | undefined;
const announced: string[] = [];

/**
 * The test bed, opened by the first test that wants a real part and shared by all others; its environment (PATH,
 * DOCKER_HOST, …) becomes this process's. Skips the calling test or suite, with the reason in the report, when a part
 * cannot run here.
 */
export async function needParts(context: Context, ...names: readonly Part['name'][]): Promise<Bed> {
  context.timeout(600_000);
  opened ??= openBed({ report: (line) => announced.push(line) });
  const bed = await opened;
  Object.assign(process.env, bed.environment);
  const missing = needs(bed, ...names);
  if (missing !== undefined) skip(context, missing);
  return bed;
}

/** Skips the calling test (or, in a hook, its suite) with a reason that the report names. */
export function skip(context: Context, reason: string): never {
  const runnable = context.test;
  if (runnable !== undefined) {
    const suite = 'type' in runnable && runnable.type === 'hook' ? runnable.parent : undefined;
    for (const test of suite === undefined ? [context.currentTest ?? runnable] : [...allTests(suite)])
      Object.assign(test, { skipReason: reason });
  }
  return context.skip();
}

function* allTests(suite: Mocha.Suite): Iterable<Mocha.Test> {
  yield* suite.tests;
  for (const child of suite.suites) yield* allTests(child);
}

/** What the bed said while it started; shown when something fails. */
export function bedStory(): readonly string[] {
  return announced;
}

/** Closes the bed if a test opened it. */
export async function closeParts(): Promise<void> {
  if (opened === undefined) return;
  const bed = await opened.catch(() => undefined);
  await bed?.[Symbol.asyncDispose]();
}
