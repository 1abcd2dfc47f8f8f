import type { Probe } from '../replica/probe.ts';

/** The readiness rule for one function. Times in milliseconds. */
export interface Rule {
  /** The deploy id that must answer, alone. */
  readonly deploy: string;
  /** After this long without a verdict the function is not ready. */
  readonly timeout: number;
  /** How long nothing but the wanted deploy id may have answered. */
  readonly window: number;
  /** How many answers per wanted replica the window must hold. */
  readonly answersPerReplica: number;
  /** Whether the provider's status shows annotations: if not, the status cannot tell that somebody else deployed. */
  readonly annotationsReturned: boolean;
  /** What the status showed before the update: seen again it is a stale answer (several gateways, caches), not somebody else's deployment. */
  readonly before?: { readonly deploy: string | undefined } | undefined;
}

/**
 * A window of 1 s, a minute of patience, 16 answers per replica: one old replica beside n new ones stays unseen in k random answers
 * with a chance of (n/(n+1))^k, which is 1/16 for n = 1, k = 4, and below 1/65000 for n = 1, k = 16 (1/9000000 for n = 30, k = 16 n).
 */
export const readinessRule = {
  timeout: 60_000,
  window: 1000,
  answersPerReplica: 16,
  annotationsReturned: true,
} as const;

/** What was seen at the time `at`: an answer of the function, or the gateway's status of it. */
export type Observation =
  | { readonly kind: 'probe'; readonly at: number; readonly probe: Probe }
  | {
      readonly kind: 'status';
      readonly at: number;
      readonly replicas: number;
      readonly available: number;
      readonly deploy: string | undefined;
      readonly image: string;
    }
  /** The gateway does not know the function. */
  | { readonly kind: 'absent'; readonly at: number }
  /** The status could not be read. */
  | { readonly kind: 'unreadable'; readonly at: number; readonly reason: string };

/** How a watch ends. */
export type Verdict = 'ready' | 'not-ready' | 'superseded';

/** What to do next: look after a pause, or stop. `count`: how many probes to make at once; all of them are told to the step before anything else is done. */
export type Action =
  | { readonly kind: 'probe'; readonly after: number; readonly count: number }
  | { readonly kind: 'read'; readonly after: number }
  | { readonly kind: 'settle'; readonly verdict: Verdict; readonly reason: string };

/** The numbers behind a verdict; all but `window…` only grow. Times in milliseconds. */
export interface Counts {
  /** Probes made. */
  readonly tries: number;
  /** Answers of the wanted deploy id that called itself ready. */
  readonly answers: number;
  /** Answers of another deploy id. */
  readonly otherAnswers: number;
  /** Everything else, by reason. */
  readonly notYet: Readonly<Record<string, number>>;
  /** Different replicas of the wanted deploy id seen in the window. */
  readonly windowReplicas: number;
  /** Answers in the window: since then nothing but the wanted deploy id answered. */
  readonly windowAnswers: number;
  /** From the first to the last answer of the window. */
  readonly windowMilliseconds: number;
  /** From the start of the watch to the first answer of the wanted deploy id, and to the beginning of the window. */
  readonly firstAnswerMilliseconds: number | undefined;
  readonly windowStartMilliseconds: number | undefined;
}

/** Everything a watch knows. */
export interface State {
  readonly rule: Rule;
  readonly startedAt: number;
  readonly counts: Counts;
  readonly window:
    | { readonly since: number; readonly until: number; readonly answers: number; readonly replicas: readonly string[] }
    | undefined;
  /** Replicas wanted by the gateway when it was last asked (at least 1), and how many it called available. */
  readonly wanted: number;
  readonly available: number;
  readonly statusAt: number | undefined;
  /** What the last status said, if it showed no replica that is available. */
  readonly unavailable: string | undefined;
  /** Whether an answer is owed since the status was last missing: a full window alone does not make it ready then. */
  readonly answerOwed: boolean;
  /** Since when the gateway has not known the function; undefined while it does. */
  readonly absentSince: number | undefined;
  readonly refusedInARow: number;
  readonly silentInARow: number;
  /** Why it is not ready, by the last observation that said so; undefined as long as none did. */
  readonly lastReason: string | undefined;
}

/** A state and what to do next. */
export interface Step {
  readonly state: State;
  readonly action: Action;
}
