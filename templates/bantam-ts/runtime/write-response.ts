import type { OutgoingHttpHeaders } from 'node:http';
import type { Call } from './call.ts';
import type { ForeignHeaders } from './identity.ts';

/** Writes what the handler returned. Throws, or rejects, where the handler's headers or body do. */
export function writeResponse(call: Call, response: Response): void | Promise<void> {
  const known = readKnownResponse(response);
  if (known === undefined) return writeStream(call, response);
  const [status, body, headers] = known;
  const hasLength = mayHaveBody(status) && (body !== null || call.method !== 'HEAD');
  const length = body === null ? 0 : Buffer.byteLength(body);
  call.answer.begin(status, headers ?? (body === null ? {} : plainText), hasLength ? length : undefined);
  call.answer.finish(body ?? undefined);
}

/** What the standard says of a body of text whose Response says nothing of it. */
const plainText = { 'Content-Type': 'text/plain; charset=UTF-8' };

function mayHaveBody(status: number): boolean {
  return status !== 204 && status !== 304;
}

type KnownBody = string | Uint8Array | null;
type Known = readonly [status: number, body: KnownBody, headers: ForeignHeaders | null | undefined];

/**
 * `@hono/node-server` puts a Response in place of Node's that remembers what it was made of, under a symbol of its own.
 * To read it there spares a stream for each call, which is a third of its cost. Without the symbol all goes as a stream.
 */
let knownKey: symbol | undefined;

export function learnKnownResponses(): void {
  knownKey = Object.getOwnPropertySymbols(new Response('')).find(({ description }) => description === 'cache');
}

function readKnownResponse(response: Response): Known | undefined {
  const known: unknown = knownKey && Reflect.get(response, knownKey);
  if (!Array.isArray(known)) return undefined;
  const [status, body, headers] = known;
  const isWhole = body === null || typeof body === 'string' || body instanceof Uint8Array;
  return isWhole ? [status, body, headers] : undefined;
}

/** Any other body, piece by piece, no faster than the caller reads. */
async function writeStream(call: Call, response: Response): Promise<void> {
  const { answer } = call;
  const head: OutgoingHttpHeaders = Object.fromEntries(response.headers);
  const cookies = response.headers.getSetCookie();
  if (cookies.length > 0) head['set-cookie'] = cookies;
  // fetch has unpacked the body that it gives us: these two are about the packed one.
  if (response.url !== '' && 'content-encoding' in head) {
    delete head['content-encoding'];
    delete head['content-length'];
  }
  if (/^text\/event-stream/i.test(String(head['content-type']))) call.endless = true;
  const reader = response.body?.getReader();
  answer.writeHead(response.status, ...(response.statusText === '' ? [head] : [response.statusText, head]));
  if (reader === undefined) {
    answer.finish();
    return;
  }
  const stop = (): void => {
    reader.cancel(new Error('the caller has gone')).catch(() => {});
  };
  if (answer.destroyed || call.method === 'HEAD') stop();
  answer.once('close', stop);
  answer.flushHeaders();
  for (;;) {
    const { done, value } = await reader.read();
    if (done || answer.destroyed) break;
    if (!answer.write(value)) await drained(call);
  }
  answer.finish();
}

function drained({ answer }: Call): Promise<void> {
  return new Promise((resolve) => {
    if (answer.destroyed || !answer.writableNeedDrain) return resolve();
    const go = (): void => {
      answer.off('drain', go).off('close', go);
      resolve();
    };
    answer.on('drain', go).on('close', go);
  });
}
