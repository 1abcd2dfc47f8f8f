import { createServer, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { Answer, Incoming } from './http-messages.ts';

/** The server of a replica. */
export type Listener = Server<typeof Incoming, typeof Answer>;

/** The server of a replica, not listening yet. `readTimeout` in milliseconds; 0: none. */
export function openListener(answer: (incoming: Incoming, answer: Answer) => void, readTimeout = 0): Listener {
  const server = createServer<typeof Incoming, typeof Answer>(
    {
      IncomingMessage: Incoming,
      ServerResponse: Answer,
      // Uploads take as long as they take: the gateway's own limits end them. Node's default would cut them off after five minutes.
      requestTimeout: readTimeout,
      // Without it, it would be as the one above: none.
      headersTimeout: readTimeout === 0 ? 60_000 : Math.min(60_000, readTimeout),
      // One timer for all connections; it is looked at this often.
      connectionsCheckingInterval: readTimeout === 0 ? 30_000 : Math.min(30_000, Math.max(10, readTimeout / 4)),
      // Longer than the gateway keeps idle connections, so that it is never we who close one that it is about to use.
      keepAliveTimeout: 75_000,
      // Node would answer what lacks one, or expects something, by itself: without saying who answers.
      requireHostHeader: false,
    },
    answer,
  );
  return server.on('checkContinue', answer).on('checkExpectation', answer);
}

/** Answers what is no request at all, or is not all there in time. Node would do so without saying who answers. */
export function answerBadRequests(server: Listener, makeHeaders: () => Readonly<Record<string, string>>): void {
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    const answering = currentAnswerOf(socket);
    if (error.code === 'ECONNRESET' || !socket.writable || answering?.headersSent) {
      socket.destroy();
      return;
    }
    const [status, text] = describeError(error.code);
    if (answering?.call !== undefined) {
      answering.isLast = true;
      answering.call.refuse(status, text);
      answering.call.abort(new DOMException(text, 'TimeoutError'));
      return;
    }
    const headers = makeHeaders();
    const body = `${text} (call ${headers['X-Call-Id']})\n`;
    const head = [
      `HTTP/1.1 ${status} ${status === 408 ? 'Request Timeout' : 'Bad Request'}`,
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
      'Content-Type: text/plain; charset=utf-8',
      `Content-Length: ${Buffer.byteLength(body)}`,
      'Connection: close',
    ];
    socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  });
}

/** Node keeps the answer that a connection is busy with here; its own handling of such errors reads it there, too. */
function currentAnswerOf(socket: Socket): Answer | undefined {
  const answer: unknown = Reflect.get(socket, '_httpMessage');
  return answer instanceof Answer ? answer : undefined;
}

function describeError(code: string | undefined): readonly [status: number, text: string] {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return [408, 'the request was not all there within read_timeout'];
  if (code === 'HPE_HEADER_OVERFLOW') return [431, 'the head of the request is too large'];
  return [400, 'this is no HTTP request'];
}
