import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { RecordedRequest } from './recording.ts';

/** A gateway that accepts every deployment and remembers it. */
export interface RecordingGateway extends AsyncDisposable {
  /** What a client needs in its environment, so that it comes here whatever address it asks: a proxy. */
  readonly proxy: string;
  /** What was sent since the last call, in the order of names. */
  take(): RecordedRequest[];
  /** Sets what is there to be read (a stack file at an address), by path. */
  offer(files: Readonly<Record<string, string>>): void;
}

/**
 * Starts it on a free port of loopback as a proxy, and on port 8080, since Go's programs ask their own machine without a
 * proxy. Addresses of https are refused: nobody can look into them.
 */
export async function startRecordingGateway(): Promise<RecordingGateway> {
  const requests: RecordedRequest[] = [];
  let offered: Readonly<Record<string, string>> = {};
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const file = offered[new URL(request.url ?? '/', 'http://here').pathname.slice(1)];
    if (request.method === 'GET' && file !== undefined) return void response.end(file);
    // Somebody else on this machine may believe that port 8080 is a gateway.
    if (!String(request.headers['user-agent']).startsWith('faas-cli')) return void response.writeHead(404).end();
    const url = request.url?.startsWith('/') === true ? `http://${request.headers.host}${request.url}` : request.url;
    requests.push({ method: request.method ?? '', url: url ?? '', body: JSON.parse(body || '{}') as never });
    response.writeHead(202).end();
  };
  const servers = [createServer(answer), createServer(answer)];
  for (const [index, server] of servers.entries()) {
    server.on('connect', (request, socket) => {
      requests.push({ method: 'CONNECT', url: request.url ?? '', body: {} });
      socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
    });
    server.listen(index === 0 ? 0 : 8080, '127.0.0.1');
    await once(server, 'listening');
  }
  const address = servers[0]?.address() as AddressInfo;
  return {
    offer: (files) => {
      offered = files;
    },
    proxy: `http://127.0.0.1:${address.port}`,
    take: () =>
      requests
        .splice(0)
        .sort((left, right) => String(left.body['service']).localeCompare(String(right.body['service']))),
    async [Symbol.asyncDispose]() {
      for (const server of servers) {
        server.closeAllConnections();
        server.close();
      }
    },
  };
}
