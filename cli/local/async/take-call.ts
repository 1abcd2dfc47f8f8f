import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { type Dialect, httpError, type Reply } from '../dialect/dialect.ts';
import { single, withoutHopHeaders } from '../gateway/forwarded-headers.ts';
import { parseFunctionPath } from '../gateway/function-path.ts';
import { callbackProblem } from './callback.ts';
import type { NewCall } from './queue-parts.ts';
import { readBody } from './read-body.ts';

/** The largest body of an asynchronous call, in bytes: what NATS takes of a real gateway by default. */
export const largestCallBody = 1 << 20;

/** A request to `/async-function/` as a call for the queue, or what it is answered instead. */
export type Taken =
  | { readonly call: NewCall; readonly body: Uint8Array; readonly startTime: string }
  | { readonly refusal: Reply };

/** Reads a request; `mayCallBack`: whether who asks may name a callback. Rejects when the client breaks off. */
export async function takeCall(
  incoming: IncomingMessage,
  { namespace }: Pick<Dialect, 'namespace'>,
  mayCallBack: boolean,
): Promise<Taken> {
  const asked = parseFunctionPath(incoming.url ?? '');
  if (asked === undefined) return { refusal: httpError(404, '404 page not found') };
  if (incoming.method !== 'POST') return { refusal: { status: 405, body: '', headers: { Allow: 'POST' } } };
  const callback = single(incoming.headers['x-callback-url']) || undefined;
  const problem = callback === undefined ? undefined : callbackProblem(callback);
  if (problem !== undefined) return { refusal: httpError(400, `X-Callback-Url cannot be called: ${problem}`) };
  if (callback !== undefined && !mayCallBack)
    return { refusal: httpError(403, 'X-Callback-Url is taken from programs of the machine of this gateway only') };
  const body = await readBody(incoming, largestCallBody);
  if (body === undefined)
    return {
      refusal: httpError(413, `the body of an asynchronous call has at most ${largestCallBody} bytes, as with NATS`),
    };
  const now = Date.now();
  const call: NewCall = {
    id: single(incoming.headers['x-call-id']) || randomUUID(),
    function: asked.namespace === undefined || asked.namespace === namespace ? asked.name : asked.written,
    method: 'POST',
    target: asked.target,
    headers: withoutHopHeaders(incoming.rawHeaders),
    ...(callback === undefined ? {} : { callback }),
    acceptedAt: now,
    dueAt: now,
  };
  return { call, body, startTime: `${BigInt(now) * 1_000_000n}` };
}
