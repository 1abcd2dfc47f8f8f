import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Server } from 'node:net';

/** One request as the far side saw it. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** What the far side does with an expected request. */
export type Reply =
  | { status: number; headers?: Record<string, string>; body?: string }
  | ((request: IncomingMessage, response: ServerResponse, body: string) => void);

/** A server that expects requests in order: another request, or one that does not come, fails the test in `close`. */
export interface ScriptedGateway {
  readonly url: string;
  readonly seen: readonly Seen[];
  expect(line: string, reply: Reply): ScriptedGateway;
  close(): Promise<void>;
}

/** Starts a scripted gateway on a free port of loopback. A line is `METHOD PATH?QUERY`; `anyQuery` leaves the query out of the comparison. */
export async function startScriptedGateway(options: { readonly anyQuery?: boolean } = {}): Promise<ScriptedGateway> {
  const expected: { line: string; reply: Reply }[] = [];
  const seen: Seen[] = [];
  const unexpected: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    const line = `${request.method} ${request.url}`;
    const comparable = (text: string): string => (options.anyQuery ? text.replace(/\?.*/, '') : text);
    const next =
      expected[0] !== undefined && comparable(expected[0].line) === comparable(line) ? expected.shift() : undefined;
    if (next === undefined) {
      unexpected.push(`${line} (expected ${expected[0]?.line ?? 'nothing'})`);
      response.writeHead(599).end('unexpected');
      return;
    }
    if (typeof next.reply === 'function' && next.reply.length < 3) return next.reply(request, response, '');
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      seen.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body });
      if (typeof next.reply === 'function') next.reply(request, response, body);
      else response.writeHead(next.reply.status, next.reply.headers).end(next.reply.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const gateway: ScriptedGateway = {
    url: `http://127.0.0.1:${portOf(server)}`,
    seen,
    expect(line, reply) {
      expected.push({ line, reply });
      return gateway;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      assert.deepEqual(unexpected, [], 'requests that nobody expected');
      assert.deepEqual(
        expected.map(({ line }) => line),
        [],
        'requests that never came',
      );
    },
  };
  return gateway;
}

/** The port a server listens on. */
export function portOf(server: Server): number {
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return address.port;
}
