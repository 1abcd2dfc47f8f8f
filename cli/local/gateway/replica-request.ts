import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { ReplicaConnection } from './replica-connections.ts';

/** A replica was silent for longer than it may be. */
export class AnswerTimeout extends Error {}

/** Written to send a head before its body is there. `flushHeaders` would do, but sends bytes above 127 in headers as two. */
export const nothing = Buffer.alloc(0);

/** What is asked of a replica: `target` is path and query, `headers` a raw list, `bound` the longest silence in milliseconds. */
export interface ReplicaQuestion {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly string[];
  readonly bound: number;
}

/**
 * Begins a request over an open connection; to write and to end it is the caller's. Request or answer fail with `AnswerTimeout` when nothing
 * goes either way for `bound`. Throws for a head that cannot be written.
 */
export function askReplica(
  { socket }: ReplicaConnection,
  { method, target, headers, bound }: ReplicaQuestion,
): ClientRequest {
  const asked = request({ createConnection: () => socket, method, path: target, headers });
  let answer: IncomingMessage | undefined;
  asked.on('response', (response) => {
    answer = response;
    // The connection has served.
    answer.once('end', () => socket.destroy());
  });
  socket.setTimeout(bound, () => (answer ?? asked).destroy(new AnswerTimeout()));
  return asked;
}
