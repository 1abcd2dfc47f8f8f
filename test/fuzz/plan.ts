import { availableParallelism } from 'node:os';
import { usualTargets } from './targets.ts';

/** How long to try, which targets, from which seed: of the environment, since a soak and less than a minute in `npm test` are the same. */
export interface FuzzPlan {
  readonly targets: readonly string[];
  readonly seed: number;
  /** For each target. */
  readonly seconds: number;
  /** One input only: a failure that is looked at again. */
  readonly runs: number | undefined;
  readonly atOnce: number;
}

/** Reads BANTAM_FUZZ_SECONDS (of all targets together), BANTAM_FUZZ_TARGET and BANTAM_FUZZ_SEED. */
export function planFuzz(environment: Readonly<Record<string, string | undefined>>, usualSeconds: number): FuzzPlan {
  const number = (name: string): number | undefined => {
    const text = environment[name];
    if (text === undefined || text === '') return undefined;
    const value = Number(text);
    if (!Number.isSafeInteger(value)) throw new Error(`${name} is no whole number: ${text}`);
    return value;
  };
  const seed = number('BANTAM_FUZZ_SEED');
  const only = environment['BANTAM_FUZZ_TARGET'];
  const targets = only === undefined || only === '' ? usualTargets : only.split(',');
  const atOnce = Math.max(1, Math.min(2, availableParallelism()));
  const seconds = ((number('BANTAM_FUZZ_SECONDS') ?? usualSeconds) * atOnce) / targets.length;
  return {
    targets,
    // fast-check takes 32 bits; room for the inputs of an hour.
    seed: seed ?? Math.floor(Math.random() * 2 ** 30),
    seconds,
    runs:
      seed !== undefined && targets.length === 1 && environment['BANTAM_FUZZ_SECONDS'] === undefined ? 1 : undefined,
    atOnce,
  };
}
