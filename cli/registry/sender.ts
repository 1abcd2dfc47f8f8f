import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../errors.ts';
import type { Report } from '../events.ts';
import { type HttpAnswer, type Open, SlowAnswer, type StreamedBody } from './http.ts';
import { abortError, describeNetworkFailure, failureCode, isPassing, isUntrusted } from './network-failure.ts';
import type { Trust } from './trust.ts';

/** One request. `registry` names it in errors. The body can be sent again: it is bytes, or opened anew. */
export interface Exchange {
  readonly registry: string;
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string | StreamedBody;
  /** Never sent again by itself: what it changes on the other side would not fit a second time. */
  readonly once?: boolean;
}

/** An answer whose body has not been read. */
export interface Answer extends HttpAnswer {
  /** Whether another origin than the one asked answered, after a redirect. */
  readonly elsewhere: boolean;
}

/** How {@link createSender} behaves. Milliseconds. */
export interface SenderOptions {
  readonly report: Report;
  /** Longest wait for an answer to begin, per try. */
  readonly timeout: number;
  /** Tries in all. */
  readonly attempts: number;
  readonly open: Open;
  readonly trust: Trust;
  readonly wait?: ((milliseconds: number, signal?: AbortSignal) => Promise<void>) | undefined;
}

/** Sends a request and hands back whatever status comes; throws BAN-E301 if none does. */
export type Send = (exchange: Exchange, signal?: AbortSignal) => Promise<Answer>;

/**
 * Makes the sender of all requests: bounded wait, redirects followed without handing credentials to another origin, and a bounded number of
 * new tries after 408, 429, 5xx and broken connections. All methods bantam uses are idempotent (a PUT names its digest or tag).
 */
export function createSender(options: SenderOptions): Send {
  const wait =
    options.wait ?? ((milliseconds, signal) => sleep(milliseconds, undefined, signal === undefined ? {} : { signal }));
  return async (exchange, signal) => {
    for (let attempt = 1; ; attempt += 1) {
      const last = attempt >= options.attempts || exchange.once === true;
      let pause = 250 * 2 ** (attempt - 1);
      try {
        const answer = await followRedirects(exchange, options, signal);
        if (last || !busy.has(answer.status)) return answer;
        const asked = retryAfter(answer.header('retry-after'));
        if (asked > longestPause) return answer;
        pause = Math.max(pause, asked);
        answer.release();
      } catch (error) {
        if (signal?.aborted === true) throw abortError(signal);
        if (last || error instanceof UserError || !(error instanceof SlowAnswer || isPassing(failureCode(error)))) {
          throw error instanceof UserError
            ? error
            : describeNetworkFailure(error, exchange.registry, exchange.url, exchange.method);
        }
      }
      options.report({ type: 'trace', about: exchange.registry, text: `trying again in ${pause} ms` });
      await wait(pause, signal).catch((error: unknown) => {
        throw signal?.aborted === true ? abortError(signal) : error;
      });
    }
  };
}

const busy = new Set([408, 429, 500, 502, 503, 504]);

/** Whether a status may be another one soon. */
export function isBusy(status: number): boolean {
  return busy.has(status);
}

/** Whether what a {@link Send} threw may go away by itself: the connection broke, or the answer took too long. */
export function isBrokenConnection(thrown: unknown): boolean {
  if (!(thrown instanceof UserError) || thrown.code !== 'BAN-E301') return false;
  return thrown.cause instanceof SlowAnswer || isPassing(failureCode(thrown.cause));
}

/** A registry that wants a longer pause gets none: the user decides. Milliseconds. */
const longestPause = 20_000;

/** Redirects of one request: registry → storage is one, some add one of their own. */
const mostRedirects = 5;

/** What a Retry-After asks for (RFC 9110, section 10.2.3), in milliseconds; 0 without one. */
export function retryAfter(header: string | undefined): number {
  if (header === undefined) return 0;
  const seconds = Number(header);
  const milliseconds = Number.isNaN(seconds) ? Date.parse(header) - Date.now() : seconds * 1000;
  return Number.isNaN(milliseconds) ? 0 : Math.max(0, milliseconds);
}

async function followRedirects(
  exchange: Exchange,
  options: SenderOptions,
  signal: AbortSignal | undefined,
): Promise<Answer> {
  let { url, headers } = exchange;
  for (let redirects = 0; ; redirects += 1) {
    const answer = await sendOnce({ ...exchange, url, headers }, options, signal);
    const location = redirectStatuses.has(answer.status) ? answer.header('location') : undefined;
    if (location === undefined) return { ...answer, elsewhere: url.origin !== exchange.url.origin };
    answer.release();
    const next = URL.canParse(location, url.href) ? new URL(location, url.href) : undefined;
    const strange = strangeRedirect(exchange, answer.status, url, next, redirects);
    if (next === undefined || strange !== undefined) {
      throw new UserError(
        'BAN-E304',
        `the registry ${exchange.registry} redirects ${exchange.method} ${url.origin}${url.pathname} ${strange ?? 'to no address'}`,
        {
          hint: 'check the address of the registry and any proxy in front of it',
        },
      );
    }
    if (next.origin !== url.origin)
      headers = Object.fromEntries(Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'authorization'));
    url = next;
  }
}

const redirectStatuses = new Set([301, 302, 303, 307, 308]);

function strangeRedirect(
  exchange: Exchange,
  status: number,
  from: URL,
  to: URL | undefined,
  redirects: number,
): string | undefined {
  if (to === undefined) return undefined;
  if (redirects >= mostRedirects) return 'again and again';
  if (to.protocol !== 'https:' && to.protocol !== 'http:') return `to ${to.protocol}`;
  if (from.protocol === 'https:' && to.protocol === 'http:') return `from https to plain http at ${to.host}`;
  const reads = exchange.method === 'GET' || exchange.method === 'HEAD';
  if (!reads && status !== 307 && status !== 308) return `with status ${status}, which loses what was sent`;
  return undefined;
}

/** Bytes per second below which an upload is given up: a home uplink of 1 Mbit/s, twice shared. */
const slowestUpload = 60_000;

/** One request on the wire. A certificate that Node's own authorities do not know is shown to the operating system's as well. */
async function sendOnce(
  exchange: Exchange,
  options: SenderOptions,
  signal: AbortSignal | undefined,
): Promise<HttpAnswer> {
  const { method, url, headers, body, registry } = exchange;
  const streamed = typeof body === 'object' && 'open' in body ? body : undefined;
  const timeout = options.timeout + ((streamed?.size ?? 0) / slowestUpload) * 1000;
  for (;;) {
    if (signal?.aborted === true) throw abortError(signal);
    const began = performance.now();
    const trace = (result: string) =>
      // Without the query: addresses of storage carry signatures there.
      options.report({
        type: 'trace',
        about: registry,
        text: `${method} ${url.origin}${url.pathname} → ${result}, ${Math.round(performance.now() - began)} ms`,
      });
    try {
      const secureContext = url.protocol === 'https:' ? await options.trust.contextFor(url.host) : undefined;
      const answer = await options.open({ method, url, headers, body, secureContext, timeout, signal });
      trace(String(answer.status));
      return answer;
    } catch (error) {
      trace(failureCode(error) || (error instanceof Error ? error.message : String(error)));
      if (!isUntrusted(error) || !(await options.trust.widen(url.host))) throw error;
    }
  }
}
