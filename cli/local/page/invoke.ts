import { type ClientRequest, type IncomingMessage, request, validateHeaderName, validateHeaderValue } from 'node:http';
import type { InvokeAnswer, InvokeRequest } from './messages.ts';
import { Refusal } from './refusal.ts';

/** Of an answer's body, so many bytes are shown. */
const shownBytes = 256 << 10;
/** How long a body may go on after its headers, in milliseconds: streams without an end are shown as far as they came. */
const bodyBound = 10_000;
/** How long a call may take to its headers. The gateway's own bound is usually shorter. */
const answerBound = 15 * 60_000;

/** Headers that the connection to the gateway sets itself. */
const ownHeaders = new Set([
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'upgrade',
  'keep-alive',
  'te',
]);

/**
 * Calls a function through the gateway at `gatewayUrl`, and reads the answer as it is: redirects are not followed, cookies are not kept.
 * Throws a Refusal for a request that cannot be sent (400) and for a gateway that breaks off (502).
 */
export async function invoke(gatewayUrl: string, asked: InvokeRequest, signal: AbortSignal): Promise<InvokeAnswer> {
  const { method, body } = asked;
  if (!/^[A-Z]{1,20}$/.test(method) || method === 'CONNECT')
    throw new Refusal(400, `"${method}" is no method that a function can be called with`);
  const { hostname, port } = new URL(gatewayUrl);
  const bytes = Buffer.from(body, 'utf8');
  const headers = checkHeaders(asked.headers);
  const begun = performance.now();
  const calling = request({
    hostname,
    port,
    agent: false,
    method,
    path: targetOf(asked),
    headers: [
      ...headers,
      'Host',
      new URL(gatewayUrl).host,
      ...(bytes.length > 0 || !isBodiless(method) ? ['Content-Length', String(bytes.length)] : []),
    ],
    signal: AbortSignal.any([signal, AbortSignal.timeout(answerBound)]),
  });
  calling.end(bytes);
  const answer = await headersOf(calling);
  const firstByteMilliseconds = performance.now() - begun;
  const read = await readSome(answer);
  return {
    status: answer.statusCode ?? 0,
    statusText: answer.statusMessage ?? '',
    headers: pairs(answer.rawHeaders),
    body: read.body.toString('base64'),
    bytes: read.bytes,
    ...(read.cut === undefined ? {} : { cut: read.cut }),
    firstByteMilliseconds,
    milliseconds: performance.now() - begun,
  };
}

function isBodiless(method: string): boolean {
  return ['GET', 'HEAD', 'OPTIONS', 'DELETE', 'TRACE'].includes(method);
}

/** The path of the gateway; what may not stand in a request line is percent-encoded, everything else stays as typed. */
function targetOf({ function: name, path, asynchronous }: InvokeRequest): string {
  if (!/^[-a-zA-Z_0-9.]+$/.test(name) || /^\.+$/.test(name))
    throw new Refusal(400, `"${name}" is no name of a function`);
  if (!path.startsWith('/')) throw new Refusal(400, 'the path must begin with a slash');
  const encoded = path.replaceAll(/[^\x21-\x7e]/gu, (character) =>
    [...Buffer.from(character, 'utf8')].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );
  return `/${asynchronous ? 'async-function' : 'function'}/${name}${encoded}`;
}

function checkHeaders(given: InvokeRequest['headers']): string[] {
  return given.flatMap(([name, value]) => {
    try {
      validateHeaderName(name);
      validateHeaderValue(name, value);
    } catch {
      throw new Refusal(400, `the header "${name}" has characters that no header can have`);
    }
    if (ownHeaders.has(name.toLowerCase())) throw new Refusal(400, `the header ${name} is set by the gateway itself`);
    return [name, value];
  });
}

function headersOf(calling: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    calling.on('response', resolve);
    // An answer of 101 to a request that asked for no upgrade has nobody to talk to.
    calling.on('upgrade', (_, socket) => {
      socket.destroy();
      reject(new Refusal(502, 'the function switched protocols; the page shows plain answers only'));
    });
    calling.on('error', (error) => reject(new Refusal(502, `the call broke off: ${error.message}`)));
  });
}

async function readSome(
  answer: IncomingMessage,
): Promise<{ readonly body: Buffer; readonly bytes: number; readonly cut: InvokeAnswer['cut'] }> {
  const parts: Buffer[] = [];
  let bytes = 0;
  let cut: InvokeAnswer['cut'];
  const timer = setTimeout(() => {
    cut = 'time';
    answer.destroy();
  }, bodyBound);
  try {
    for await (const part of answer as AsyncIterable<Buffer>) {
      parts.push(part);
      bytes += part.length;
      if (bytes > shownBytes) {
        cut = 'size';
        break;
      }
    }
  } catch {
    // What came before the end is shown, with a word on it.
    cut ??= 'broken';
  } finally {
    clearTimeout(timer);
    answer.destroy();
  }
  return { body: Buffer.concat(parts).subarray(0, shownBytes), bytes, cut };
}

/** Names and values as they came, repetitions kept. */
function pairs(raw: readonly string[]): [string, string][] {
  return raw.flatMap((name, index): [string, string][] => (index % 2 === 0 ? [[name, raw[index + 1] ?? '']] : []));
}
