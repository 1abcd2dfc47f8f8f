import { setMaxListeners } from 'node:events';
import { type ClientRequest, type IncomingMessage, Agent as PlainAgent, request as plainRequest } from 'node:http';
import { Agent as SecureAgent, request as secureRequest } from 'node:https';
import { pipeline } from 'node:stream/promises';
import type { SecureContext } from 'node:tls';

/** A body that is read from its source at every try; `size` in bytes. */
export interface StreamedBody {
  readonly size: number;
  open(): Promise<ReadableStream<Uint8Array>>;
}

/** What goes over the wire. `timeout`: longest wait for the answer to begin, milliseconds. */
export interface HttpRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | string | StreamedBody | undefined;
  readonly secureContext: SecureContext | undefined;
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
}

/** The head of an answer, and its body as it arrives. */
export interface HttpAnswer {
  readonly status: number;
  /** 200 to 299. */
  readonly ok: boolean;
  /** A header by its name in lower case; the first one if there are several. */
  header(name: string): string | undefined;
  readonly body: AsyncIterable<Uint8Array>;
  /** Ends the reading and forgets the signal. Call it when the body is no longer needed; a connection with more to come is closed. */
  release(): void;
}

/** Sends one request over one connection and hands back its answer, redirects included. Throws what the system says, {@link SlowAnswer}, or what reading the body's source throws. */
export type Open = (request: HttpRequest) => Promise<HttpAnswer>;

/** No answer has begun in time. */
export class SlowAnswer extends Error {}

/** What was asked and received since the client was opened. `bytes`: of bodies, as they came over the wire. */
export interface Traffic {
  readonly requests: number;
  readonly bytes: number;
}

/** HTTP over connections that are used again. Without a limit of connections per host: layers are read a little at a time, and one that waits holds its own. */
export function openHttp(): { readonly open: Open; traffic(): Traffic } {
  const plain = new PlainAgent({ keepAlive: true });
  const secure = new SecureAgent({ keepAlive: true });
  let requests = 0;
  let bytes = 0;
  const count = (chunk: Uint8Array) => {
    bytes += chunk.length;
  };
  return {
    traffic: () => ({ requests, bytes }),
    open(asked) {
      requests += 1;
      return exchange(asked, { plain, secure }, count);
    },
  };
}

function exchange(
  asked: HttpRequest,
  agents: { readonly plain: PlainAgent; readonly secure: SecureAgent },
  count: (chunk: Uint8Array) => void,
): Promise<HttpAnswer> {
  const { method, url, body, signal, timeout, secureContext } = asked;
  const options = { method, headers: { 'user-agent': 'bantam', ...asked.headers, ...lengthOf(body) } };
  const request =
    url.protocol === 'https:'
      ? secureRequest(url, {
          ...options,
          agent: agents.secure,
          ...(secureContext === undefined ? {} : { secureContext }),
        })
      : plainRequest(url, { ...options, agent: agents.plain });
  return new Promise((resolve, reject) => {
    let sourceFailure: unknown;
    const stop = () => request.destroy(signal?.reason instanceof Error ? signal.reason : new Error('aborted'));
    const slow = () => request.destroy(new SlowAnswer(`no answer within ${Math.round(timeout / 1000)} s`));
    const timer = setTimeout(slow, timeout);
    if (signal !== undefined) {
      // One signal ends all: fifty requests at a time are no leak.
      setMaxListeners(0, signal);
      signal.addEventListener('abort', stop, { once: true });
    }
    const forget = () => signal?.removeEventListener('abort', stop);
    request.on('error', (error) => {
      clearTimeout(timer);
      forget();
      reject(sourceFailure ?? error);
    });
    request.once('response', (message) => {
      clearTimeout(timer);
      resolve(answerOf(request, message, count, forget));
    });
    // What breaks here ends the request, which tells of it above.
    send(request, body, (thrown) => {
      sourceFailure = thrown;
    }).catch(() => request.destroy());
  });
}

function answerOf(
  request: ClientRequest,
  message: IncomingMessage,
  count: (chunk: Uint8Array) => void,
  forget: () => void,
): HttpAnswer {
  const status = message.statusCode ?? 0;
  // What breaks while nobody reads is told to the next reader, and matters to nobody else.
  message.on('error', () => undefined);
  return {
    status,
    ok: status >= 200 && status < 300,
    header: (name) => {
      const value = message.headers[name];
      return typeof value === 'string' ? value : value?.[0];
    },
    body: counted(message, count),
    release() {
      forget();
      const nothingToCome = request.method === 'HEAD' || message.headers['content-length'] === '0' || message.complete;
      if (nothingToCome && request.writableFinished) message.resume();
      else request.destroy();
    },
  };
}

async function* counted(
  message: AsyncIterable<Uint8Array>,
  count: (chunk: Uint8Array) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of message) {
    count(chunk);
    yield chunk;
  }
}

function lengthOf(body: HttpRequest['body']): Record<string, string> {
  if (body === undefined) return {};
  if (typeof body === 'string') return { 'content-length': String(Buffer.byteLength(body)) };
  return { 'content-length': String(body instanceof Uint8Array ? body.length : body.size) };
}

/** `onFailure` gets what reading the source throws: the request itself only hears that it was broken off. */
async function send(
  request: ClientRequest,
  body: HttpRequest['body'],
  onFailure: (thrown: unknown) => void,
): Promise<void> {
  if (body === undefined) request.end();
  else if (typeof body === 'string' || body instanceof Uint8Array) request.end(body);
  else {
    const chunks = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
      try {
        yield* await body.open();
      } catch (thrown) {
        onFailure(thrown);
        throw thrown;
      }
    };
    await pipeline(chunks, request);
  }
}
