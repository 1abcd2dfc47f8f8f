import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Dialect, Reply } from '../dialect/dialect.ts';
import type { FunctionTarget } from './function-path.ts';
import type { NoConnection } from './replica-connections.ts';

/** Of a body that is not wanted, so many bytes are read: a connection cut off with unread bytes loses the answer on its way. */
const readAway = 32 << 20;

/** Sends an answer that the gateway itself makes to a call; nothing if one has begun. Answers whether it was sent. */
export function sendReply(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { status, body, headers }: Reply,
  more: Readonly<Record<string, string>> = {},
): boolean {
  if (outgoing.headersSent || outgoing.destroyed) return false;
  incoming.unpipe();
  const comes = status !== 408 && incoming.headers.expect === undefined && lengthOf(incoming) <= readAway;
  const keeps = incoming.complete || comes;
  if (keeps) drain(incoming);
  outgoing.writeHead(status, {
    ...(body === '' ? {} : { 'Content-Type': 'text/plain; charset=utf-8' }),
    'Content-Length': Buffer.byteLength(body),
    ...headers,
    ...more,
    ...(keeps ? {} : { Connection: 'close' }),
  });
  outgoing.end(body);
  return true;
}

/** Reads what is left of a body, as much of it as is borne. */
function drain(incoming: IncomingMessage): void {
  let left = readAway;
  incoming.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) incoming.socket.destroy();
  });
  incoming.resume();
}

/** What a request says of its body's length; 0 without a body, and where it comes in chunks until they end. Infinite where nobody can tell its end. */
function lengthOf({ headers }: IncomingMessage): number {
  const coding = headers['transfer-encoding'];
  if (coding !== undefined) return coding.toLowerCase() === 'chunked' ? 0 : Number.POSITIVE_INFINITY;
  return Number(headers['content-length'] ?? 0);
}

/** What the dialect says where no replica can be asked. */
export function explainNoConnection(
  dialect: Dialect,
  { name, written }: Pick<FunctionTarget, 'name' | 'written'>,
  reason: NoConnection,
): Reply {
  if (reason === 'unknown') return dialect.unknownFunction(name);
  return reason === 'not ready' ? dialect.noEndpoints(written) : dialect.unreachable(written);
}
