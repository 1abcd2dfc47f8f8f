import { describeFailure, type Failure, type UserError } from '../errors.ts';

/** What `fn test` does for a function, in this order: its own tests, what every function promises, its examples. */
export const stageNames = ['unit', 'contract', 'examples'] as const;
export type StageName = (typeof stageNames)[number];

/** One test. `unknown`: it could not be tried. `reason`: why it was skipped; `failure`: what was expected and what came, with places. */
export interface TestCase {
  readonly name: string;
  readonly verdict: 'passed' | 'failed' | 'skipped' | 'unknown';
  readonly milliseconds: number;
  /** Where it stands: an absolute path and a line from 1, where that is known. */
  readonly file?: string;
  readonly line?: number;
  readonly reason?: string;
  readonly failure?: Failure;
}

/** How much of a file the unit tests ran. `unit`: what Go counts are statements. */
export interface FileCoverage {
  /** Absolute path. */
  readonly file: string;
  readonly covered: number;
  readonly total: number;
  /** Ranges of lines that never ran, from 1, both ends included. */
  readonly missed: readonly (readonly [first: number, last: number])[];
}

/** What `--coverage` found out; totals are the sums of the files. */
export interface Coverage {
  readonly unit: 'lines' | 'statements';
  readonly covered: number;
  readonly total: number;
  readonly files: readonly FileCoverage[];
}

/** One stage of one function. `none`: there is nothing to run; `not run`: something before it failed, and `reason` says what. */
export interface StageResult {
  readonly stage: StageName;
  readonly verdict: 'passed' | 'failed' | 'none' | 'not run';
  readonly reason?: string;
  readonly milliseconds: number;
  readonly cases: readonly TestCase[];
  readonly coverage?: Coverage;
}

/** What became of one function. `failure`: what kept all or some of the stages from running (it does not compile, does not start). */
export interface FunctionResult {
  readonly name: string;
  readonly language: string;
  readonly platform: string;
  readonly ok: boolean;
  readonly milliseconds: number;
  readonly stages: readonly StageResult[];
  readonly failure?: Failure;
  /** Why nothing of it was tested, where that is no failure: an image of others. */
  readonly skipped?: string;
}

/** The result of a stage that has run: failed if one of its cases did not pass. */
export function stageOf(
  stage: StageName,
  cases: readonly TestCase[],
  milliseconds: number,
  more: { readonly coverage?: Coverage | undefined } = {},
): StageResult {
  const failed = cases.some(({ verdict }) => verdict === 'failed' || verdict === 'unknown');
  const { coverage } = more;
  return {
    stage,
    verdict: failed ? 'failed' : 'passed',
    milliseconds: Math.round(milliseconds),
    cases,
    ...(coverage === undefined ? {} : { coverage }),
  };
}

/** The result of a stage that did not run. */
export function stageWithout(stage: StageName, verdict: 'none' | 'not run', reason: string): StageResult {
  return { stage, verdict, reason, milliseconds: 0, cases: [] };
}

/** An error that kept tests from running. A missing compiler has another way out here than for a build. */
export function describeTrouble(thrown: UserError): Failure {
  const failure = describeFailure(thrown);
  if (thrown.code !== 'BAN-E222') return failure;
  return { ...failure, hint: 'install Go (go.dev/dl), or test the image that Docker builds: bantam fn test --image' };
}
