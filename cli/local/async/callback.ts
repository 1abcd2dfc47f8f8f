import { request as requestPlain, validateHeaderName, validateHeaderValue } from 'node:http';
import { request as requestSecure } from 'node:https';
import type { AnsweredCall } from './queue-parts.ts';
import type { CallAnswer } from './queued-call.ts';

/** How one post to a callback ended: `status` of its answer, or why there was none. */
export type Posted = { readonly status: number } | { readonly problem: string };

/** Why a text is no address for a callback; `undefined` if it is one. */
export function callbackProblem(text: string): string | undefined {
  if (text.length > 8192) return 'it is longer than 8192 characters';
  if (!URL.canParse(text)) return 'it is no URL';
  const { protocol, hostname } = new URL(text);
  if (protocol !== 'http:' && protocol !== 'https:') return `${protocol.slice(0, 20)} is not http or https`;
  return hostname === '' ? 'it names no host' : undefined;
}

/** A callback's address without its password and query, for messages. */
export function shownCallback(text: string): string {
  const { protocol, host, pathname } = new URL(text);
  return `${protocol}//${host}${pathname}`;
}

const bound = 30_000;

/**
 * Posts a function's answer to the callback of its call: body and headers as the function gave them, with `X-Call-Id`, `X-Duration-Seconds`,
 * `X-Function-Name` and `X-Function-Status`, as the queue-worker does. No redirect is followed. Never throws.
 */
export function postAnswer(
  call: AnsweredCall,
  { answer, result }: { readonly answer: CallAnswer; readonly result: Uint8Array },
  signal: AbortSignal,
): Promise<Posted> {
  const url = new URL(call.callback);
  const login = url.username === '' ? {} : { auth: `${decode(url.username)}:${decode(url.password)}` };
  return new Promise((resolve) => {
    const timeout = AbortSignal.any([signal, AbortSignal.timeout(bound)]);
    const begin = url.protocol === 'https:' ? requestSecure : requestPlain;
    const posted = begin(url, {
      method: 'POST',
      agent: false,
      signal: timeout,
      headers: headersOf(call, answer, result),
      ...login,
    });
    posted.on('response', (received) => {
      // What it says does not matter, and it need not say it to the end.
      received.resume();
      resolve({ status: received.statusCode ?? 0 });
      received.on('error', () => undefined);
    });
    posted.on('error', (error) =>
      resolve({ problem: timeout.aborted && !signal.aborted ? `no answer within ${bound / 1000} s` : error.message }),
    );
    posted.end(result);
  });
}

const own = new Set([
  'x-call-id',
  'x-duration-seconds',
  'x-function-name',
  'x-function-status',
  'host',
  'content-length',
  'connection',
  'transfer-encoding',
]);

function headersOf(call: AnsweredCall, answer: CallAnswer, result: Uint8Array): Record<string, string | string[]> {
  const headers: Record<string, string[]> = {};
  for (let index = 0; index < answer.headers.length; index += 2) {
    const [name = '', value = ''] = answer.headers.slice(index, index + 2);
    if (own.has(name.toLowerCase()) || !isHeader(name, value)) continue;
    headers[name.toLowerCase()] = [...(headers[name.toLowerCase()] ?? []), value];
  }
  return {
    ...headers,
    'X-Call-Id': call.id,
    'X-Duration-Seconds': answer.duration.toFixed(6),
    'X-Function-Name': call.function,
    'X-Function-Status': String(answer.status),
    'Content-Length': String(result.length),
    Connection: 'close',
  };
}

/** What a function may say, and a client may not: nobody would get the answer. */
function isHeader(name: string, value: string): boolean {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    return true;
  } catch {
    return false;
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    // A lone % is taken as it stands: it is a password, not a path.
    return part;
  }
}
