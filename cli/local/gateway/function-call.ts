import type { IncomingMessage } from 'node:http';
import { Interrupted } from '../../errors.ts';
import type { Dialect, Reply } from '../dialect/dialect.ts';
import type { CallActivity, CallEnding } from './activity.ts';
import { type BroughtHeaders, headersForReplica, withoutHopHeaders } from './forwarded-headers.ts';
import { pathOf } from './function-path.ts';
import { explainNoConnection } from './gateway-reply.ts';
import type { ReplicaConnections } from './replica-connections.ts';
import { AnswerTimeout, askReplica } from './replica-request.ts';

/** A call whose body is there as a whole, out of a queue or a schedule. */
export interface StoredCall {
  /** The function's plain name. */
  readonly name: string;
  readonly method: string;
  /** Path and query as the function sees them: `/path?query`. */
  readonly target: string;
  /** Raw list: name, value, name, value … Those of the connection it came over are left out by themselves. */
  readonly headers: readonly string[];
  readonly body: Uint8Array;
  /** Its `X-Call-Id`. */
  readonly callId: string;
}

/** What a stored call got. */
export interface StoredAnswer {
  readonly status: number;
  /** Raw list without the headers of the connection. */
  readonly headers: readonly string[];
  /** The first `largestAnswer` bytes. */
  readonly body: Buffer;
  /** Whether there was more. */
  readonly truncated: boolean;
  /** Who says so: the function, or the gateway in its place (no such function, no replica, no answer). */
  readonly from: 'function' | 'gateway';
  /** Whether anything went to a replica. If not, the function has not seen the call. */
  readonly sent: boolean;
  readonly milliseconds: number;
}

/** Calls a function once and waits for its whole answer. Throws `Interrupted` when `signal` aborts; everything else is an answer. */
export type FunctionCaller = (call: StoredCall, signal: AbortSignal) => Promise<StoredAnswer>;

/** What {@link createFunctionCaller} needs; `answerBound` as for the proxy, `largestAnswer` in bytes (16 MiB). */
export interface CallerOptions {
  readonly dialect: Dialect;
  readonly connections: ReplicaConnections;
  readonly activity: CallActivity;
  readonly answerBound: number;
  readonly largestAnswer?: number | undefined;
}

/** Makes the way into a function for calls that no client waits for: the same replicas, bounds and figures as those of the proxy. */
export function createFunctionCaller(options: CallerOptions): FunctionCaller {
  return async (call, signal) => {
    const { activity, connections } = options;
    if (signal.aborted) throw new Interrupted();
    const began = performance.now();
    const finish = activity.start({
      id: call.callId,
      function: call.name,
      known: connections.knows(call.name),
      method: call.method,
      path: pathOf(call.target),
      asynchronous: true,
    });
    let ending: CallEnding = 'gateway closed';
    let replica: string | undefined;
    let answer: StoredAnswer | undefined;
    try {
      const asked = await ask(call, options, signal);
      ({ ending, replica } = asked);
      answer = { ...asked.answer, milliseconds: performance.now() - began };
      return answer;
    } finally {
      const [requestBytes, answerBytes] = [call.body.length, answer?.body.length ?? 0];
      finish({ status: answer?.status ?? 499, ending, requestBytes, answerBytes, replica });
    }
  };
}

interface Asked {
  readonly answer: Omit<StoredAnswer, 'milliseconds'>;
  readonly ending: CallEnding;
  readonly replica: string | undefined;
}

async function ask(call: StoredCall, options: CallerOptions, signal: AbortSignal): Promise<Asked> {
  const { dialect, connections, answerBound, largestAnswer = 16 << 20 } = options;
  const subject = { name: call.name, written: call.name };
  const connection = await connections.connect(call.name);
  if (typeof connection === 'string') {
    const answer = { ...inPlaceOf(explainNoConnection(dialect, subject, connection)), sent: false };
    return { answer, ending: 'answered', replica: undefined };
  }
  const { socket, address } = connection;
  const leave = (): void => void socket.destroy();
  signal.addEventListener('abort', leave, { once: true });
  try {
    if (signal.aborted) throw new Interrupted();
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const headers = headersOf(call, new URL(address).host);
      const replica = askReplica(connection, { method: call.method, target: call.target, headers, bound: answerBound });
      replica.on('response', resolve);
      replica.on('error', reject);
      replica.on('close', () => reject(new Error('closed without an answer')));
      replica.end(call.body);
    });
    const { body, truncated } = await readUpTo(answer, largestAnswer);
    const headers = withoutHopHeaders(answer.rawHeaders);
    const status = answer.statusCode ?? 502;
    return {
      answer: { status, headers, body, truncated, from: 'function', sent: true },
      ending: 'answered',
      replica: address,
    };
  } catch (error) {
    if (signal.aborted) throw new Interrupted();
    const late = error instanceof AnswerTimeout;
    const reply = late
      ? { status: 504, body: `${call.name} did not answer within ${answerBound / 1000} s.` }
      : dialect.unreachable(call.name);
    const ending = late ? 'timed out' : 'function broke off';
    return { answer: { ...inPlaceOf(reply), sent: true }, ending, replica: address };
  } finally {
    signal.removeEventListener('abort', leave);
    socket.destroy();
  }
}

/** An answer of the gateway where the function has none. */
function inPlaceOf({ status, body, headers = {} }: Reply): Omit<StoredAnswer, 'milliseconds' | 'sent'> {
  return {
    status,
    headers: Object.entries(headers).flat(),
    body: Buffer.from(body),
    truncated: false,
    from: 'gateway',
  };
}

/** The stored headers as a request over a connection of our own brings them: with the length that the body has. */
function headersOf(call: StoredCall, replica: string): string[] {
  const raw: string[] = [];
  for (let index = 0; index < call.headers.length; index += 2) {
    const name = call.headers[index] ?? '';
    if (!/^(?:content-length|expect)$/i.test(name)) raw.push(name, call.headers[index + 1] ?? '');
  }
  const startTime = `${BigInt(Date.now()) * 1_000_000n}`;
  const caller = { callId: call.callId, startTime, client: '' };
  const passed = headersForReplica({ rawHeaders: raw, headers: namedOf(raw) }, caller, replica);
  return [...passed, 'Content-Length', String(call.body.length)];
}

/** The headers that the gateway itself looks at. */
function namedOf(raw: readonly string[]): BroughtHeaders['headers'] {
  const named: BroughtHeaders['headers'] = {};
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index]?.toLowerCase();
    if (name === 'host' || name === 'x-forwarded-for' || name === 'x-forwarded-host') named[name] ??= raw[index + 1];
  }
  return named;
}

async function readUpTo(answer: IncomingMessage, most: number): Promise<{ body: Buffer; truncated: boolean }> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > most) return { body: Buffer.concat(chunks).subarray(0, most), truncated: true };
  }
  return { body: Buffer.concat(chunks), truncated: false };
}
