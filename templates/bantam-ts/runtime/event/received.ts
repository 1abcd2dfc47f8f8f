import type { IncomingHttpHeaders } from 'node:http';
import { currentCall } from '../call.ts';

/** A request as Node's own server knows it, and so the official templates. */
export interface Received {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  /** One's own copy, names in lower case. */
  readonly headers: IncomingHttpHeaders;
  readonly hasBody: boolean;
  /** For one reader. Leaving it early does not end the connection. */
  readonly body: () => AsyncIterable<Uint8Array>;
}

/**
 * What the caller sent, before it became a Request: that resolves the dots in a path, joins headers and has no body for a
 * GET. A Request without a call, as a unit test or `ready_path` makes one, is all there is to know of it.
 */
export function readReceived(request: Request): Received {
  const { method } = request;
  const call = currentCall.getStore();
  if (call?.request !== request) {
    const { body } = request;
    const target = request.url.replace(/^[^/]+\/\/[^/?]*/, '');
    const headers = Object.fromEntries(request.headers);
    return { method, target, headers, hasBody: body !== null, body: () => body ?? readNothing() };
  }
  const { incoming } = call;
  const headers = { ...incoming.headers };
  return {
    method,
    target: incoming.url ?? '/',
    headers,
    // A body may be empty and still be one: what counts is what the head says.
    hasBody: headers['transfer-encoding'] !== undefined || !Number.isNaN(Number(headers['content-length'])),
    body: () => ({ [Symbol.asyncIterator]: () => incoming.iterator({ destroyOnReturn: false }) }),
  };
}

async function* readNothing(): AsyncGenerator<Uint8Array> {}
