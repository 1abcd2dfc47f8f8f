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
  call.answer.begin(status, headers ?? (typeof body === 'string' ? plainText : {}), hasLength ? length : undefined);
  call.answer.finish(body ?? undefined);
}

/** What the standard says of a body of text whose Response says nothing of it. */
const plainText = { 'Content-Type': 'text/plain;charset=UTF-8' };

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
  const key = Object.getOwnPropertySymbols(new Response('')).find(({ description }) => description === 'cache');
  if (key === undefined) return;
  knownKey = key;
  correctKnownResponses(key);
}

/** What is remembered knows no status text, and of a body only that it is one: there the standard's own Response is right. */
function correctKnownResponses(key: symbol): void {
  const Base = globalThis.Response;
  const standard = Object.getPrototypeOf(Base);
  const correct = (response: Response, init: ResponseInit | undefined): void => {
    const known: unknown = Reflect.get(response, key);
    if (!Array.isArray(known)) return;
    const [, body, headers] = known;
    if (body === null || typeof body === 'string' || body instanceof Uint8Array) {
      if (typeof body === 'string' && headers) known[2] = withContentType(headers);
      else if (body instanceof Uint8Array) known[2] ??= {};
      // To ask a Response for its status text would make it forget, too.
      if (!init || (init instanceof standard ? key in init : !init.statusText)) return;
    }
    Reflect.deleteProperty(response, key);
  };
  const Correct = class Response extends Base {
    constructor(body?: Body, init?: ResponseInit) {
      super(body, init);
      correct(this, init);
    }
    static override json(data: unknown, init?: ResponseInit): Response {
      const response = Base.json(data, init);
      if (init?.statusText) correct(response, init);
      return response;
    }
  };
  // What `fetch` and the static methods give is a Response, too.
  Object.defineProperty(Correct, Symbol.hasInstance, {
    value(this: unknown, value: unknown): boolean {
      if (this === Correct) return value instanceof standard;
      return typeof this === 'function' && Function.prototype[Symbol.hasInstance].call(this, value);
    },
  });
  // On older Nodes it cannot be assigned.
  Object.defineProperty(globalThis, 'Response', { value: Correct, writable: true, configurable: true });
}

type Body = ConstructorParameters<typeof Response>[0];
type GivenHeaders = ConstructorParameters<typeof Headers>[0] & {};

/** Headers of a body of text, with what the standard adds where they do not say what it is. */
function withContentType(headers: GivenHeaders): GivenHeaders {
  if (headers instanceof Headers || Symbol.iterator in headers) {
    const all = headers instanceof Headers ? headers : new Headers(headers);
    if (all.has('content-type')) return headers;
    const copy = new Headers(all);
    copy.set('Content-Type', plainText['Content-Type']);
    return copy;
  }
  for (const name in headers) if (name.length === 12 && name.toLowerCase() === 'content-type') return headers;
  return { ...headers, ...plainText };
}

/** Tells the source of a body that nobody is going to read it. */
export function cancelResponse(response: Response): void {
  if (readKnownResponse(response) !== undefined) return;
  const { body } = response;
  if (body instanceof ReadableStream) body.cancel(new Error('the caller has gone')).catch(() => {});
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
  // More or less than it promises would be taken for a part of the next answer, or for the beginning of one.
  answer.strictContentLength = true;
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
