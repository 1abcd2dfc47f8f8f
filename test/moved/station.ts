import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The service that the function `weather` asks: it verifies what it is asked with. */
export async function startStation(): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://station');
    const city = url.searchParams.get('q');
    if (url.pathname !== '/forecast' || city === null) return response.writeHead(404).end();
    if (city === 'Atlantis') return response.writeHead(410).end('sunk');
    if (city === 'Slow') return undefined; // never answers: the caller has a limit
    response.writeHead(200, { 'content-type': 'application/json', 'x-station': 'loopback' });
    return response.end(JSON.stringify({ degrees: 21, asked: request.headers['x-forwarded-user'] }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
