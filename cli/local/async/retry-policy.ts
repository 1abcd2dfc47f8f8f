import { parseGoDuration } from '../../stack/go-duration.ts';

/** When a call that failed is tried again. Times in milliseconds. */
export interface RetryPolicy {
  /** Tries in all, the first one included. */
  readonly attempts: number;
  /** Statuses of a function that are tried again; those that the gateway answers in its place always are. */
  readonly codes: ReadonlySet<number>;
  readonly firstWait: number;
  readonly longestWait: number;
}

/**
 * As OpenFaaS Pro's queue-worker is set by its chart (ten tries, waits up to two minutes), with two differences that fit a desk: the first wait is 1 s and
 * not 10 s, and a 500 or 408 of the function is its answer and not tried again, unless its annotation says so.
 */
export const defaultPolicy: RetryPolicy = {
  attempts: 10,
  codes: new Set([429, 502, 503, 504]),
  firstWait: 1000,
  longestWait: 120_000,
};

/** Nobody waits longer for a try, and setTimeout takes no more than 24.8 days. */
const longestOfAll = 24 * 3_600_000;

/**
 * Reads the annotations `com.openfaas.retry.attempts`, `.codes`, `.min_wait` and `.max_wait` (durations as Go writes them).
 * One that cannot be understood counts as not given, as OpenFaaS documents.
 */
export function readPolicy(annotations: Readonly<Record<string, string>> = {}): RetryPolicy {
  const read = (name: string): string | undefined => annotations[`com.openfaas.retry.${name}`]?.trim();
  const attempts = read('attempts');
  const codes = read('codes');
  const firstWait = durationOf(read('min_wait')) ?? defaultPolicy.firstWait;
  return {
    attempts:
      attempts !== undefined && /^\d{1,6}$/.test(attempts) ? Math.max(1, Number(attempts)) : defaultPolicy.attempts,
    codes:
      codes !== undefined && /^\d{3}(?:\s*,\s*\d{3})*$/.test(codes)
        ? new Set(codes.split(',').map(Number))
        : defaultPolicy.codes,
    firstWait,
    longestWait: Math.max(firstWait, durationOf(read('max_wait')) ?? defaultPolicy.longestWait),
  };
}

/** One try, as far as it decides about the next one. */
export interface Outcome {
  readonly status: number;
  readonly from: 'function' | 'gateway';
  /** What the answer's `Retry-After` says, seconds or an HTTP date. */
  readonly retryAfter?: string | undefined;
}

/** How long to wait before the next try, in milliseconds; `undefined` if there is none. `attempts`: tries so far. `now`: milliseconds since 1970. */
export function waitBeforeRetry(
  policy: RetryPolicy,
  outcome: Outcome,
  attempts: number,
  now: number,
): number | undefined {
  if (attempts >= policy.attempts || !isWorthIt(policy, outcome)) return undefined;
  const wished = outcome.status === 429 || outcome.status === 503 ? readRetryAfter(outcome.retryAfter, now) : undefined;
  // Doubled each time; beyond 2^40 no bound would be met any more.
  const doubled = policy.firstWait * 2 ** Math.min(attempts - 1, 40);
  return Math.min(
    longestOfAll,
    wished === undefined ? Math.min(doubled, policy.longestWait) : Math.max(wished, policy.firstWait),
  );
}

/** An unknown function stays unknown: the gateway's 404 is an end, as every 4xx of its own. */
function isWorthIt({ codes }: RetryPolicy, { status, from }: Outcome): boolean {
  return from === 'gateway' ? status >= 500 : codes.has(status);
}

function readRetryAfter(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text.trim())) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

function durationOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseGoDuration(text);
}
