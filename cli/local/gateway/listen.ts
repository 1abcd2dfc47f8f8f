import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { UserError } from '../../errors.ts';
import type { RequestHandler } from './gateway.ts';

/** An open listener. `close` ends it with all its connections. */
export interface Listener {
  readonly port: number;
  close(): Promise<void>;
}

/** Listens on one address (never on all). Port 0 takes a free one. Throws BAN-E601 when the port is taken or not allowed. */
export async function listen(address: string, port: number, handler: RequestHandler): Promise<Listener> {
  // No bound on a whole request: functions stream. Headers must come within a minute (without it they would take the bound of the request).
  const server = createServer({ requestTimeout: 0, headersTimeout: 60_000 }, handler);
  server.listen({ host: address, port, exclusive: true });
  try {
    await once(server, 'listening');
  } catch (error) {
    throw explain(error, address, port);
  }
  const bound = server.address();
  return { port: typeof bound === 'object' && bound !== null ? bound.port : port, close: () => closeServer(server) };
}

function explain(error: unknown, address: string, port: number): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') {
    return new UserError('BAN-E601', `port ${port} of ${address} is taken by another program`, {
      hint: `take another port with --port, or see who has it: ss -ltnp "sport = :${port}" (macOS: lsof -i :${port})`,
      cause: error,
    });
  }
  if (code === 'EACCES')
    return new UserError('BAN-E601', `port ${port} of ${address} needs more rights than you have`, {
      hint: 'take a port above 1023 with --port',
      cause: error,
    });
  return error;
}

async function closeServer(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}
