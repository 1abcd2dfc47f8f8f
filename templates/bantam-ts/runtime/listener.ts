import { createServer, type RequestListener, type Server } from 'node:http';

/** The server of a replica, not listening yet. */
export function openListener(answer: RequestListener): Server {
  return createServer(
    {
      // Uploads take as long as they take: the gateway's own limits end them. Node's default would cut them off after five minutes.
      requestTimeout: 0,
      // Without it, it would be as the one above: none.
      headersTimeout: 60_000,
      // Longer than the gateway keeps idle connections, so that it is never we who close one that it is about to use.
      keepAliveTimeout: 75_000,
    },
    answer,
  );
}
