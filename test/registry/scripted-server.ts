import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';

/** One request that is expected, in order, and what it gets. */
export interface Step {
  /** `GET /v2/…`, the query included. */
  readonly request: string;
  /** Headers that must match; undefined: must be absent. */
  readonly headers?: Readonly<Record<string, RegExp | undefined>>;
  readonly body?: RegExp;
  /** Called when it has been asked for, before the answer. */
  readonly seen?: () => void;
  readonly answer: Answer | 'hang' | 'reset';
}

/** `cut`: the connection breaks after the body, which was announced longer. `stall`: nothing follows the body. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly end?: 'cut' | 'stall';
}

/** A registry that knows its part by heart: an unexpected request fails the test, and so does a step that nobody asked for. */
export interface ScriptedServer {
  readonly host: string;
  /** Adds steps; they may name the host, which is known only now. */
  expect(...steps: readonly Step[]): void;
  /** Ends it and checks that all was asked for. */
  close(): Promise<void>;
}

/** Starts one on a free port of loopback. */
export async function startScriptedServer(): Promise<ScriptedServer> {
  const steps: Step[] = [];
  const surprises: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const asked = `${request.method} ${request.url}`;
      const step = steps.shift();
      const surprise =
        step === undefined
          ? `${asked}: unexpected`
          : compare(step, asked, request.headers, Buffer.concat(chunks).toString());
      if (surprise !== undefined) surprises.push(surprise);
      const answer = surprise === undefined ? step?.answer : undefined;
      if (surprise === undefined) step?.seen?.();
      if (answer === 'hang') return;
      if (answer === 'reset') request.socket.resetAndDestroy();
      else {
        const { status, headers = {}, body = '', end } = answer ?? { status: 418 };
        const length = Buffer.byteLength(body) + (end === undefined ? 0 : 1000);
        response.writeHead(status, { 'content-length': String(request.method === 'HEAD' ? 0 : length), ...headers });
        if (end === undefined) response.end(body);
        else response.write(body, () => end === 'cut' && request.socket.resetAndDestroy());
      }
    });
  });
  await listen(server);
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  return {
    host: `127.0.0.1:${address.port}`,
    expect: (...more) => void steps.push(...more),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      assert.deepEqual(surprises, []);
      assert.deepEqual(
        steps.map(({ request }) => request),
        [],
        'never asked for',
      );
    },
  };
}

/** Listens on a free port of loopback. */
export function listen(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve());
  });
}

function compare(step: Step, asked: string, headers: IncomingHttpHeaders, body: string): string | undefined {
  if (asked !== step.request) return `${asked}: expected ${step.request}`;
  for (const [name, pattern] of Object.entries(step.headers ?? {})) {
    const value = headers[name];
    const fits = pattern === undefined ? value === undefined : typeof value === 'string' && pattern.test(value);
    if (!fits) return `${asked}: header ${name} is ${String(value)}`;
  }
  return step.body === undefined || step.body.test(body) ? undefined : `${asked}: body ${body}`;
}
