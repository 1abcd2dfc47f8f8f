import { once } from 'node:events';
import { Agent, type IncomingMessage, request as openRequest } from 'node:http';
import type { EventRequest } from './cases.ts';

/** An answer, in fields that can be compared. `body` is text where it is UTF-8. */
export interface EventAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: string | { readonly base64: string };
}

/** What the connection and the clock add, and the runtime's own headers: not part of what is compared. */
const passing =
  /^(date|connection|keep-alive|transfer-encoding|x-bantam-.*|x-call-id|x-start-time|x-duration-seconds)$/;

/** Asks over HTTP; 'no answer' when the connection ends without one, or none has come after `limit` milliseconds. */
export async function exchange(
  port: number,
  asked: EventRequest = {},
  limit = 5000,
): Promise<EventAnswer | 'no answer'> {
  const { method = 'GET', path = '/', headers = {}, body } = asked;
  const bytes =
    body === undefined
      ? undefined
      : Buffer.from(typeof body === 'string' ? body : body.base64, typeof body === 'string' ? 'utf8' : 'base64');
  const agent = new Agent();
  const outgoing = openRequest({
    host: '127.0.0.1',
    port,
    method,
    path,
    agent,
    timeout: limit,
  });
  for (const [name, value] of Object.entries(headers))
    outgoing.setHeader(name, typeof value === 'string' ? value : [...value]);
  if (bytes !== undefined && !outgoing.hasHeader('Transfer-Encoding'))
    outgoing.setHeader('Content-Length', bytes.length);
  outgoing.once('timeout', () => outgoing.destroy(new Error('no answer')));
  try {
    const answered = once(outgoing, 'response');
    outgoing.end(bytes);
    const [incoming]: IncomingMessage[] = await answered;
    if (incoming === undefined) return 'no answer';
    return {
      status: incoming.statusCode ?? 0,
      headers: describeHeaders(incoming),
      body: describeBody(await collect(incoming)),
    };
  } catch {
    return 'no answer';
  } finally {
    agent.destroy();
  }
}

async function collect(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function describeHeaders(incoming: IncomingMessage): EventAnswer['headers'] {
  const described: Record<string, string | string[]> = {};
  for (const name of Object.keys(incoming.headersDistinct).sort()) {
    const values = incoming.headersDistinct[name] ?? [];
    if (!passing.test(name)) described[name] = values.length === 1 ? (values[0] ?? '') : values;
  }
  return described;
}

function describeBody(bytes: Buffer): EventAnswer['body'] {
  const text = bytes.toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes) ? text : { base64: bytes.toString('base64') };
}
