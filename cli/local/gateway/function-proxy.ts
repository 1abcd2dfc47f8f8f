import { randomUUID } from 'node:crypto';
import { type ClientRequest, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';
import { type Dialect, httpError, type Reply } from '../dialect/dialect.ts';

/** What the proxy of functions needs. `endpoints` gives the healthy replicas' base addresses of a function's plain name, `undefined` for an unknown one. */
export interface ProxyOptions {
  readonly dialect: Dialect;
  readonly endpoints: (name: string) => readonly string[] | undefined;
  /** How long a function may take to its first byte, in milliseconds. What streams afterwards has no bound but silence of the same length. */
  readonly answerBound: number;
}

/** A request to `/function/NAME[.NAMESPACE][/path][?query]`, taken apart; `target` is what the function sees. */
export interface FunctionTarget {
  /** As written, with its namespace. */
  readonly written: string;
  readonly name: string;
  readonly namespace: string | undefined;
  readonly target: string;
}

/** Takes a request's URL apart; `undefined` if it names no function. Path and query stay byte for byte what was sent. */
export function parseFunctionPath(url: string): FunctionTarget | undefined {
  const match = /^\/function\/(?<written>[-a-zA-Z_0-9.]+)(?<path>\/[^?]*)?(?<query>\?.*)?$/s.exec(url);
  if (match?.groups === undefined) return undefined;
  const { written = '', path = '/', query = '' } = match.groups;
  const dot = written.lastIndexOf('.');
  return {
    written,
    name: dot < 0 ? written : written.slice(0, dot),
    namespace: dot < 0 ? undefined : written.slice(dot + 1),
    target: `${path}${query}`,
  };
}

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

/** A raw header list (name, value, name, value …) without what belongs to the connection; order, case and repetitions stay. */
export function withoutHopHeaders(raw: readonly string[]): string[] {
  const pairs = raw.flatMap((name, index): [string, string][] =>
    index % 2 === 0 ? [[name, raw[index + 1] ?? '']] : [],
  );
  const named = new Set(
    pairs
      .filter(([name]) => name.toLowerCase() === 'connection')
      .flatMap(([, value]) => value.split(',').map((part) => part.trim().toLowerCase())),
  );
  return pairs.filter(([name]) => !hopByHop.has(name.toLowerCase()) && !named.has(name.toLowerCase())).flat();
}

/**
 * Makes the handler of `/function/…`: any method, both bodies streamed with back-pressure, a fresh connection to the next healthy replica in turn.
 * A client that goes away ends the function's request; a function that breaks off ends the client's answer.
 */
export function createFunctionProxy({
  dialect,
  endpoints,
  answerBound,
}: ProxyOptions): (incoming: IncomingMessage, outgoing: ServerResponse) => void {
  let turn = 0;
  return (incoming, outgoing) => {
    const asked = parseFunctionPath(incoming.url ?? '');
    if (asked === undefined) return sendReply(incoming, outgoing, httpError(404, '404 page not found'));
    const known = asked.namespace === undefined || asked.namespace === dialect.namespace;
    const addresses = known ? endpoints(asked.name) : [];
    if (addresses === undefined) return sendReply(incoming, outgoing, dialect.unknownFunction(asked.name));
    const address = addresses[turn++ % Math.max(1, addresses.length)];
    if (address === undefined) return sendReply(incoming, outgoing, dialect.noEndpoints(asked.written));
    forward(incoming, outgoing, { address, asked, dialect, answerBound });
  };
}

interface Forwarding extends Pick<ProxyOptions, 'dialect' | 'answerBound'> {
  readonly address: string;
  readonly asked: FunctionTarget;
}

function forward(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { address, asked, dialect, answerBound }: Forwarding,
): void {
  const started = process.hrtime.bigint();
  const callId = singleHeader(incoming.headers['x-call-id']) ?? randomUUID();
  const startTime = `${BigInt(Date.now()) * 1_000_000n}`;
  const { hostname, port } = new URL(address);
  const upstream = request({
    hostname,
    port,
    agent: false,
    method: incoming.method,
    path: asked.target,
    headers: requestHeaders(incoming, callId, startTime),
  });
  // Until the first byte; later the same time without any byte.
  upstream.setTimeout(answerBound, () => upstream.destroy(new AnswerTimeout()));

  upstream.on('response', (answer) => {
    const duration = (Number(process.hrtime.bigint() - started) / 1e9).toFixed(6);
    // What the function says of itself wins, as in the real gateway, which copies its headers over the own ones.
    const extra = Object.entries({ 'X-Call-Id': callId, 'X-Start-Time': startTime, 'X-Duration-Seconds': duration })
      .filter(([name]) => answer.headers[name.toLowerCase()] === undefined)
      .flat();
    outgoing.writeHead(answer.statusCode ?? 502, answer.statusMessage ?? '', [
      ...withoutHopHeaders(answer.rawHeaders),
      ...extra,
    ]);
    outgoing.flushHeaders();
    // pipeline destroys the other side whichever breaks off; there is nobody left to tell.
    pipeline(answer, outgoing, () => undefined);
  });
  upstream.on('error', (error) => {
    if (outgoing.headersSent) return void outgoing.destroy();
    const timedOut = error instanceof AnswerTimeout;
    sendReply(
      incoming,
      outgoing,
      timedOut
        ? {
            status: 504,
            body: `${asked.written} did not answer within ${answerBound / 1000} s.`,
            headers: { 'X-Openfaas-Internal': 'proxy' },
          }
        : dialect.unreachable(asked.written),
    );
  });
  outgoing.on('close', () => {
    if (!outgoing.writableFinished) upstream.destroy();
  });
  sendBody(incoming, upstream);
}

class AnswerTimeout extends Error {}

/** Streams the client's body; a function may answer before it has read it all, so its closing is no error here. */
function sendBody(incoming: IncomingMessage, upstream: ClientRequest): void {
  incoming.on('error', () => upstream.destroy());
  incoming.on('aborted', () => upstream.destroy());
  incoming.pipe(upstream);
}

/** A list, so that repeated headers stay repeated. A body of unknown length is chunked again on our side. */
function requestHeaders(incoming: IncomingMessage, callId: string, startTime: string): string[] {
  const own = new Set(['x-call-id', 'x-start-time', 'x-forwarded-for', 'x-forwarded-host']);
  const kept = withoutHopHeaders(incoming.rawHeaders);
  const passed = kept.flatMap((name, index) =>
    index % 2 === 0 && !own.has(name.toLowerCase()) ? [name, kept[index + 1] ?? ''] : [],
  );
  const client = incoming.socket.remoteAddress ?? '';
  const before = singleHeader(incoming.headers['x-forwarded-for']);
  const chunked = incoming.headers['transfer-encoding'] === undefined ? [] : ['Transfer-Encoding', 'chunked'];
  return [
    ...passed,
    ...chunked,
    'X-Call-Id',
    callId,
    'X-Start-Time',
    startTime,
    'X-Forwarded-For',
    before === undefined ? client : `${before}, ${client}`,
    'X-Forwarded-Host',
    singleHeader(incoming.headers['x-forwarded-host']) ?? incoming.headers.host ?? '',
    'Connection',
    'close',
  ];
}

function singleHeader(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

/** An answer that the gateway itself makes. The rest of a large body is not read: the connection closes after it. */
function sendReply(incoming: IncomingMessage, outgoing: ServerResponse, { status, body, headers }: Reply): void {
  if (outgoing.headersSent || outgoing.destroyed) return;
  incoming.unpipe();
  incoming.resume();
  outgoing.writeHead(status, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    ...headers,
    ...(incoming.complete ? {} : { Connection: 'close' }),
  });
  outgoing.end(body);
}
