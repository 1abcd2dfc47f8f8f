import { type Agent, type ClientRequest, type IncomingMessage, request as requestPlain } from 'node:http';
import { request as requestSecure } from 'node:https';
import { systemCode } from '../../errors.ts';
import { show, Unkept } from './expectation.ts';
import type { Reachable } from './target.ts';
import { within } from './wait.ts';

/** A call to a replica. Without an agent every call has a connection of its own. */
export interface CallOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Uint8Array;
  readonly agent?: Agent;
  /** How long to wait for the head, and for each part of the body, in milliseconds. */
  readonly patience?: number;
}

/** A whole answer; `body` as UTF-8. */
export interface Answer {
  readonly status: number;
  /** Values of a header by its lower-case name; undefined if absent. */
  header(name: string): string | undefined;
  /** All values of a header, one for each line of the head. */
  headers(name: string): readonly string[];
  readonly body: string;
  readonly bytes: Buffer;
  readonly trailers: Readonly<Record<string, string | undefined>>;
}

/** An answer whose head has come. */
export interface OpenAnswer extends Omit<Answer, 'body' | 'bytes' | 'trailers'> {
  readonly request: ClientRequest;
  /** The next part of the body; undefined at its end. Throws {@link CallFailed} where the connection breaks. */
  next(): Promise<string | undefined>;
  /** What is left of the body. */
  rest(): Promise<Answer>;
  /** Hangs up. */
  leave(): void;
}

/** A call without an answer, or with half of one. `reason` alone, without the call: "connection reset". */
export class CallFailed extends Unkept {
  readonly reason: string;
  constructor(what: string, reason: string) {
    super(`${what}: expected an answer, got none: ${reason}`);
    this.reason = reason;
  }
}

const usualPatience = 15_000;

/** Calls and reads the whole answer. Throws {@link CallFailed}. */
export async function call(replica: Reachable, path: string, options: CallOptions = {}): Promise<Answer> {
  const answer = await begin(replica, path, options);
  return await answer.rest();
}

/** {@link call}, for those who expect that it may fail. */
export async function tryCall(
  replica: Reachable,
  path: string,
  options: CallOptions = {},
): Promise<Answer | CallFailed> {
  try {
    return await call(replica, path, options);
  } catch (thrown) {
    if (thrown instanceof CallFailed) return thrown;
    throw thrown;
  }
}

/** Sends a whole call and waits for the head of its answer. */
export async function begin(replica: Reachable, path: string, options: CallOptions = {}): Promise<OpenAnswer> {
  const { body, headers } = options;
  // Node's client says no length for methods that seldom have a body.
  const chunked = Object.keys(headers ?? {}).some((name) => name.toLowerCase() === 'transfer-encoding');
  const length = body === undefined || chunked ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
  const { request, answer } = send(replica, path, { ...options, headers: { ...headers, ...length } });
  request.end(body);
  return await answer;
}

/** Opens a call whose body the caller writes: `request.write`, `request.end`. Look at `answer` soon: it rejects when the call fails. */
export function send(
  replica: Reachable,
  path: string,
  options: CallOptions = {},
): { readonly request: ClientRequest; readonly answer: Promise<OpenAnswer> } {
  const what = `${options.method ?? 'GET'} ${path}`;
  const base = replica.url.replace(/\/+$/, '');
  const { method, headers, agent } = options;
  const request = (base.startsWith('https:') ? requestSecure : requestPlain)(`${base}${path}`, {
    method: method ?? 'GET',
    headers: { ...headers } as Record<string, string | string[]>,
    agent: agent ?? false,
  });
  const hangUp = (): void => void request.destroy();
  replica.signal.addEventListener('abort', hangUp, { once: true });
  request.once('close', () => replica.signal.removeEventListener('abort', hangUp));
  const head = new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve);
    request.on('error', (error) => {
      const { signal } = replica;
      reject(signal.aborted ? signal.reason : new CallFailed(what, describeError(error)));
    });
    // An answer 101 nobody asked for is no answer to this call.
    request.once('upgrade', (_message, socket) => {
      socket.destroy();
      reject(new CallFailed(what, '101 Switching Protocols'));
    });
  });
  const patience = options.patience ?? usualPatience;
  const answer = within(head, patience, `${what}: expected an answer`, replica.signal).then(
    (message) => openAnswer(what, request, message, patience, replica.signal),
    (thrown: unknown) => {
      request.destroy();
      throw thrown instanceof Unkept && !(thrown instanceof CallFailed)
        ? new CallFailed(what, `nothing within ${patience / 1000} s`)
        : thrown;
    },
  );
  answer.catch(() => undefined); // whoever awaits it hears of it
  return { request, answer };
}

function openAnswer(
  what: string,
  request: ClientRequest,
  message: IncomingMessage,
  patience: number,
  signal: AbortSignal,
): OpenAnswer {
  message.on('error', () => undefined); // the iterator below reports it
  const chunks: AsyncIterator<Buffer> = message[Symbol.asyncIterator]();
  const headers = (name: string): readonly string[] =>
    message.rawHeaders.filter((_value, index, all) => index % 2 === 1 && all[index - 1]?.toLowerCase() === name);
  const header = (name: string): string | undefined => {
    const values = headers(name);
    return values.length === 0 ? undefined : values.join(', ');
  };
  const status = message.statusCode ?? 0;
  const read = async (): Promise<Buffer | undefined> => {
    try {
      const { done, value } = await within(chunks.next(), patience, `${what}: expected more of its body`, signal);
      return done === true ? undefined : value;
    } catch (thrown) {
      if (signal.aborted) throw signal.reason;
      const reason = thrown instanceof Error ? describeError(thrown) : String(thrown);
      throw new CallFailed(what, `after the head (${status}): ${reason}`);
    }
  };
  return {
    status,
    header,
    headers,
    request,
    next: async () => (await read())?.toString(),
    async rest() {
      const parts: Buffer[] = [];
      for (let part = await read(); part !== undefined; part = await read()) parts.push(part);
      const bytes = Buffer.concat(parts);
      return { status, header, headers, body: bytes.toString(), bytes, trailers: message.trailers };
    },
    leave: () => {
      message.destroy();
      request.destroy();
    },
  };
}

/** An answer for a sentence: `200 "hello"`. */
export function showAnswer(answer: Answer | CallFailed): string {
  return 'status' in answer ? `${answer.status} ${show(answer.body)}` : `no answer (${answer.reason})`;
}

/** Throws {@link Unkept} unless the answer has this status. */
export function expectStatus(answer: Answer | CallFailed, expected: number, what: string): asserts answer is Answer {
  if (!('status' in answer) || answer.status !== expected)
    throw new Unkept(`${what}: expected ${expected}, got ${showAnswer(answer)}`);
}

function describeError(error: Error): string {
  const code = systemCode(error) ?? '';
  if (code === 'ECONNREFUSED') return 'connection refused';
  if (code === 'ECONNRESET' || code === 'EPIPE') return 'connection closed';
  return code === '' ? error.message : code;
}
