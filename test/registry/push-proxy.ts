import assert from 'node:assert/strict';
import { request as ask, createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Transform } from 'node:stream';
import { listen } from './scripted-server.ts';

/** One request that passed; `bytes` of its body. */
export interface Passed {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  bytes: number;
}

/** What a proxy may do with a request instead of passing it on. `cut`: it passes so many bytes of the body and breaks both connections. */
export type Interference =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  | { readonly cut: number }
  | 'reset'
  | 'hang'
  | undefined;

/** A proxy before a real registry: counts, and interferes where `interfere` says so. `bytesPerSecond` slows request bodies down. */
export interface CountingProxy extends AsyncDisposable {
  readonly host: string;
  readonly passed: Passed[];
  interfere: (method: string, path: string, request: IncomingMessage) => Interference;
}

/** Starts one on a free port of loopback. */
export async function startProxy(
  target: string,
  options: { readonly bytesPerSecond?: number; readonly listenAt?: string } = {},
): Promise<CountingProxy> {
  const [hostname, port] = target.split(':');
  const passed: Passed[] = [];
  const server = createServer((request, response) => {
    const { method = '', url = '' } = request;
    const { authorization } = request.headers;
    const entry: Passed = { method, path: url, authorization, bytes: 0 };
    passed.push(entry);
    const interference = proxy.interfere(method, url, request);
    if (interference === 'hang') return;
    if (interference === 'reset') request.socket.resetAndDestroy();
    else if (interference !== undefined && 'status' in interference) refuse(request, response, interference);
    else passOn(request, response, entry, interference?.cut);
  });
  const passOn = (
    request: IncomingMessage,
    response: ServerResponse,
    entry: Passed,
    cut = Number.POSITIVE_INFINITY,
  ) => {
    const { method, url, headers } = request;
    const onward = ask({ hostname, port, method, path: url, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => request.socket.destroy());
    request.on('close', () => {
      if (!request.complete) onward.destroy();
    });
    const watch = new Transform({
      transform(chunk: Buffer, _, done) {
        entry.bytes += chunk.length;
        if (entry.bytes <= cut) {
          const pause = options.bytesPerSecond === undefined ? 0 : (chunk.length / options.bytesPerSecond) * 1000;
          setTimeout(() => done(null, chunk), pause);
          return;
        }
        // What came so far reaches the registry first: it must be able to keep half a blob.
        onward.write(chunk.subarray(0, Math.max(0, chunk.length - (entry.bytes - cut))), () => {
          onward.destroy();
          request.socket.resetAndDestroy();
        });
      },
    });
    request.pipe(watch).pipe(onward);
  };
  if (options.listenAt === undefined) await listen(server);
  else await new Promise<void>((resolve) => server.listen(0, options.listenAt, resolve));
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  const proxy: CountingProxy = {
    host: `127.0.0.1:${address.port}`,
    passed,
    interfere: () => undefined,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}

function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  { status, headers = {}, body = '' }: Extract<Interference, { status: number }>,
): void {
  request.resume();
  request.on('end', () => {
    response.writeHead(status, { 'content-length': String(Buffer.byteLength(body)), ...headers }).end(body);
  });
}
