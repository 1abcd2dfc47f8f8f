import type { Bench, Reachable } from './target.ts';

/** Whose code surrounds the handler. Some promises only one language can make; of-watchdog is held to all that it could keep. */
export type Runtime = 'bantam-ts' | 'bantam-go' | 'of-watchdog';

/** The two that know our settings. */
export const bantamRuntimes: readonly Runtime[] = ['bantam-ts', 'bantam-go'];

/** Heading of docs/runtime.md that makes the promise. */
export type Section =
  | 'Settings'
  | 'Answers'
  | 'Life'
  | 'A handler that misbehaves'
  | 'A handler that blocks'
  | 'Logs'
  | 'Metrics';

interface Promised {
  /** The promise as a sentence without a subject: "answers HEAD without a body". Unique. */
  readonly name: string;
  readonly section: Section;
  /** `any`: holds whatever the user's code does and never calls it. `contract`: needs the paths of test/replica/contract/handlers/README.md. */
  readonly handler: 'any' | 'contract';
  /** The runtimes that promise it; all, if absent. */
  readonly only?: readonly Runtime[];
  /** How long it may take at most, in milliseconds. Default {@link usualPatience}. */
  readonly patience?: number;
  /** It keeps a processor busy or counts seconds: not beside others of its kind. */
  readonly heavy?: boolean;
}

/** Holds of anything with an address, behind a gateway too. */
export interface UrlCase extends Promised {
  readonly needs: 'url';
  run(replica: Reachable): Promise<void>;
}

/** Needs replicas of its own: their settings, signals, output. */
export interface ProcessCase extends Promised {
  readonly needs: 'process';
  run(bench: Bench): Promise<void>;
}

/** One promise of docs/runtime.md. `run` returns if it was kept and throws {@link Unkept} if not. */
export type ContractCase = UrlCase | ProcessCase;

/** Milliseconds after which a case counts as failed. */
export const usualPatience = 30_000;

/**
 * What became of one case. `unknown`: the case could not be tried (the program does not start, no free port), or the suite
 * itself is broken; `reason` says what was expected and what came, or why it was skipped; empty if it passed.
 */
export interface CaseOutcome {
  readonly name: string;
  readonly section: Section;
  readonly verdict: 'passed' | 'failed' | 'skipped' | 'unknown';
  readonly reason: string;
  readonly milliseconds: number;
}
