import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../errors.ts';
import type { Report } from '../events.ts';
import { abortError, describeNetworkFailure, failureCode, isPassing } from './network-failure.ts';

/** A body that is read from its source at every try; `size` in bytes. */
export interface StreamedBody {
  readonly size: number;
  open(): Promise<ReadableStream<Uint8Array>>;
}

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
export interface Answer {
  readonly response: Response;
  /** Whether another origin than the one asked answered, after a redirect. */
  readonly elsewhere: boolean;
  /** Ends the connection and forgets the signal. Call it when the body is no longer needed. */
  release(): void;
}

/** How {@link createSender} behaves. Milliseconds. */
export interface SenderOptions {
  readonly report: Report;
  /** Longest wait for an answer to begin, per try. */
  readonly timeout: number;
  /** Tries in all. */
  readonly attempts: number;
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
        if (last || !busy.has(answer.response.status)) return answer;
        const asked = retryAfter(answer.response.headers.get('retry-after'));
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

class SlowAnswer extends Error {}

function retryAfter(header: string | null): number {
  if (header === null) return 0;
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
    const { response, release } = await sendOnce({ ...exchange, url, headers }, options, signal);
    const location = redirectStatuses.has(response.status) ? response.headers.get('location') : null;
    if (location === null) return { response, release, elsewhere: url.origin !== exchange.url.origin };
    release();
    const next = URL.canParse(location, url.href) ? new URL(location, url.href) : undefined;
    const strange = strangeRedirect(exchange, response.status, url, next, redirects);
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

/** Bytes per second below which an upload is given up: a home uplink of 1 Mbit/s, twice shared. */
const slowestUpload = 60_000;

/** `onFailure` gets what reading the source throws: fetch hides it behind an error of its own. */
async function requestBody(body: Exchange['body'], onFailure: (error: unknown) => void): Promise<RequestInit> {
  if (body === undefined) return {};
  if (typeof body === 'string' || body instanceof Uint8Array) return { body };
  const source = await body.open();
  const watched = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* source;
    } catch (error) {
      onFailure(error);
      throw error;
    }
  };
  return { body: ReadableStream.from(watched()), duplex: 'half' };
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

async function sendOnce(
  exchange: Exchange,
  options: SenderOptions,
  signal: AbortSignal | undefined,
): Promise<{ response: Response; release(): void }> {
  if (signal?.aborted === true) throw abortError(signal);
  const { method, url, headers, body, registry } = exchange;
  const abort = new AbortController();
  const pass = () => abort.abort(signal?.reason);
  signal?.addEventListener('abort', pass, { once: true });
  const streamed = typeof body === 'object' && 'open' in body ? body : undefined;
  const timeout = options.timeout + ((streamed?.size ?? 0) / slowestUpload) * 1000;
  const slow = new SlowAnswer(`no answer within ${Math.round(timeout / 1000)} s`);
  const timer = setTimeout(() => abort.abort(slow), timeout);
  const began = performance.now();
  const trace = (result: string) =>
    // Without the query: addresses of storage carry signatures there.
    options.report({
      type: 'trace',
      about: registry,
      text: `${method} ${url.origin}${url.pathname} → ${result}, ${Math.round(performance.now() - began)} ms`,
    });
  const release = () => {
    signal?.removeEventListener('abort', pass);
    abort.abort();
  };
  let sourceFailure: unknown;
  try {
    const response = await fetch(url, {
      method,
      headers: streamed === undefined ? headers : { ...headers, 'content-length': String(streamed.size) },
      redirect: 'manual',
      signal: abort.signal,
      ...(await requestBody(body, (error) => {
        sourceFailure = error;
      })),
    });
    trace(String(response.status));
    return { response, release };
  } catch (error) {
    trace(failureCode(error) || (error instanceof Error ? error.message : String(error)));
    release();
    throw sourceFailure instanceof UserError ? sourceFailure : error;
  } finally {
    clearTimeout(timer);
  }
}
