import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import writeFileAtomic from 'write-file-atomic';
import type { Answer } from '../../command.ts';
import type { Context } from '../../context.ts';
import { describeFailure, type ErrorCode, errorCodes, type Failure } from '../../errors.ts';
import type { UpFacts } from './up-facts.ts';

/** Set for the process that `local up --detach` starts: it tells its parent through a file how it went. */
export const detachedVariable = 'BANTAM_LOCAL_DETACHED';

const count = v.number();
const factsSchema = v.object({
  url: v.string(),
  username: v.string(),
  state: v.string(),
  dialect: v.string(),
  title: v.string(),
  provider: v.picklist(['process', 'docker']),
  registry: v.string(),
  page: v.string(),
  pid: count,
  functions: v.array(v.string()),
  calls: count,
  ended: count,
  listen: v.optional(v.string()),
});
const failureSchema = v.object({
  code: v.string(),
  message: v.string(),
  hint: v.optional(v.string()),
  details: v.optional(v.array(v.string())),
});

/** How the start in the background went: facts or a failure. */
export const outcomeSchema = v.union([v.object({ facts: factsSchema }), v.object({ failure: failureSchema })]);

/** Where it stands, for as long as the parent needs it. */
export function outcomePath(stateFolder: string): string {
  return join(stateFolder, 'local-up.json');
}

/** Whether this process was started by `local up --detach`. */
export function announcing({ environment }: Pick<Context, 'environment'>): boolean {
  return environment[detachedVariable] === '1';
}

/** Starts something and, in the background, tells the parent how that went. */
export async function tellParent(
  context: Pick<Context, 'environment'>,
  stateFolder: string,
  start: () => Promise<{ readonly facts: UpFacts; readonly answer: Answer }>,
): Promise<Answer> {
  const tell = async (outcome: { readonly facts: UpFacts } | { readonly failure: Failure }): Promise<void> => {
    if (announcing(context)) await writeFileAtomic(outcomePath(stateFolder), JSON.stringify(outcome), { mode: 0o600 });
  };
  try {
    const { facts, answer } = await start();
    await tell({ facts });
    return answer;
  } catch (error) {
    // Where it cannot be told, the log and the exit code say it.
    await tell({ failure: describeFailure(error) }).catch(() => undefined);
    throw error;
  }
}

/** Takes what a child told away. */
export async function forgetOutcome(stateFolder: string): Promise<void> {
  await rm(outcomePath(stateFolder), { force: true });
}

/** Whether a text is one of our codes, and no bug. */
export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorCodes, code);
}
