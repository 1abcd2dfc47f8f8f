import type { IncomingMessage } from 'node:http';

/** Headers that belong to one connection (RFC 9110 section 7.6.1), besides those that `Connection` itself names. */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * With these a function's page would reach beyond its own path in a browser: a service worker that serves /ui/, a window that shares its script with
 * that of /ui/. Both are of the same origin.
 */
const reachingBeyond = new Set(['service-worker-allowed', 'cross-origin-opener-policy']);

/** What the gateway itself says to a function. */
const ownHeaders = new Set(['x-call-id', 'x-start-time', 'x-forwarded-for', 'x-forwarded-host']);

/** A raw header list (name, value, name, value …) without what belongs to the connection; order, case and repetitions stay. */
export function withoutHopHeaders(raw: readonly string[]): string[] {
  const named = namedByConnection(raw);
  return select(raw, (name) => !hopByHop.has(name) && !named.has(name));
}

/** Who calls, and as what. */
export interface Caller {
  readonly callId: string;
  /** Nanoseconds since 1970. */
  readonly startTime: string;
  /** Address of the client, empty if it is not known. */
  readonly client: string;
}

/** The headers that a call brings, as a request of node:http tells them. */
export type BroughtHeaders = Pick<IncomingMessage, 'rawHeaders' | 'headers'>;

/**
 * The headers of the request to a replica, as a list, so that repeated ones stay repeated. A body of unknown length is chunked again
 * on our side; `TE: trailers` and `Trailer` are told on, since trailers are. `upgrade` is the protocol that is asked for.
 */
export function headersForReplica(
  { rawHeaders, headers }: BroughtHeaders,
  { callId, startTime, client }: Caller,
  replica: string,
  upgrade?: string,
): string[] {
  const passed = select(withoutHopHeaders(rawHeaders), (name) => !ownHeaders.has(name));
  if (headers.host === undefined) passed.push('Host', replica);
  if (headers['transfer-encoding'] !== undefined) passed.push('Transfer-Encoding', 'chunked');
  if (headers.trailer !== undefined && headers['transfer-encoding'] !== undefined)
    passed.push('Trailer', headers.trailer);
  if (/\btrailers\b/i.test(single(headers.te) ?? '')) passed.push('TE', 'trailers');
  const before = single(headers['x-forwarded-for']);
  passed.push('X-Call-Id', callId, 'X-Start-Time', startTime);
  passed.push('X-Forwarded-For', before === undefined ? client : client === '' ? before : `${before}, ${client}`);
  passed.push('X-Forwarded-Host', single(headers['x-forwarded-host']) ?? headers.host ?? '');
  if (upgrade !== undefined) passed.push('Connection', 'Upgrade', 'Upgrade', upgrade);
  // The connection serves this request alone. A server that is told so may close it with a part of the body unread, which would take its answer
  // back on the way; so after a request with a body it is we who close.
  else passed.push('Connection', hasBody(headers) ? 'keep-alive' : 'close');
  return passed;
}

/** Whether a request brings a body. */
export function hasBody(headers: BroughtHeaders['headers']): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** What the gateway adds to an answer that does not say it itself; as in the real gateway, what the function says wins. */
export interface AnswerFacts {
  readonly callId: string;
  readonly startTime: string;
  readonly seconds: number;
  /** Whether a browser gets the answer; programs get it as it is. */
  readonly browser: boolean;
}

/** The headers of a function's answer for its caller. `Trailer` stays where trailers can follow, that is where the body is `chunked`. */
export function headersForCaller(
  answer: BroughtHeaders,
  { callId, startTime, seconds, browser }: AnswerFacts,
  chunked: boolean,
): string[] {
  const whole = withoutHopHeaders(answer.rawHeaders);
  const passed = browser ? select(whole, (name) => !reachingBeyond.has(name)) : whole;
  const { trailer } = answer.headers;
  if (chunked && trailer !== undefined) passed.push('Trailer', trailer);
  if (answer.headers['x-call-id'] === undefined) passed.push('X-Call-Id', callId);
  if (answer.headers['x-start-time'] === undefined) passed.push('X-Start-Time', startTime);
  if (answer.headers['x-duration-seconds'] === undefined) passed.push('X-Duration-Seconds', seconds.toFixed(6));
  return passed;
}

/** Raw trailers as the pairs that `addTrailers` takes. */
export function trailerPairs(raw: readonly string[]): [string, string][] {
  return raw.flatMap((name, index): [string, string][] => (index % 2 === 0 ? [[name, raw[index + 1] ?? '']] : []));
}

/** The first of a header's values. */
export function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

function namedByConnection(raw: readonly string[]): ReadonlySet<string> {
  const named = new Set<string>();
  for (let index = 0; index < raw.length; index += 2) {
    if (raw[index]?.toLowerCase() !== 'connection') continue;
    for (const part of (raw[index + 1] ?? '').split(',')) named.add(part.trim().toLowerCase());
  }
  // Without these a request would be another one, whoever names them.
  named.delete('host');
  named.delete('content-length');
  return named;
}

/** A loop rather than a chain: it runs several times in each call. */
function select(raw: readonly string[], wanted: (lowerCaseName: string) => boolean): string[] {
  const kept: string[] = [];
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] ?? '';
    if (wanted(name.toLowerCase())) kept.push(name, raw[index + 1] ?? '');
  }
  return kept;
}
