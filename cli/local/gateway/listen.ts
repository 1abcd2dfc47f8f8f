import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { systemCode, UserError } from '../../errors.ts';
import type { Front, RequestHandler } from './front.ts';

/** An open listener. `close` ends it with all its connections, tunnels included. */
export interface Listener {
  readonly port: number;
  close(): Promise<void>;
}

/** What clients may take. Times in milliseconds. */
export interface ListenLimits {
  /** Until a request's headers are there, from the opening of the connection or the answer before. */
  readonly headersTimeout: number;
  /** How long a connection without a request is kept. */
  readonly keepAliveTimeout: number;
  /** Bytes of a request's line and headers together. */
  readonly headerSize: number;
  /** Open connections; more are closed at once. */
  readonly connections: number;
}

/** Generous for people, bounded for everybody else. A whole request has no bound: functions stream, and uploads take their time. */
export const defaultLimits: ListenLimits = {
  headersTimeout: 60_000,
  keepAliveTimeout: 60_000,
  headerSize: 64 << 10,
  connections: 10_000,
};

/**
 * Listens on one address (never on all unless told). Port 0 takes a free one. Throws BAN-E601 when the port is taken or not allowed, BAN-E620 when
 * the address is not one of this machine.
 */
export async function listen(
  address: string,
  port: number,
  front: Front | RequestHandler,
  limits: ListenLimits = defaultLimits,
): Promise<Listener> {
  const server = createServer({
    requestTimeout: 0,
    headersTimeout: limits.headersTimeout,
    keepAliveTimeout: limits.keepAliveTimeout,
    maxHeaderSize: limits.headerSize,
    // So that a slow client is noticed soon after its time is up.
    connectionsCheckingInterval: Math.min(10_000, limits.headersTimeout),
    noDelay: true,
  });
  // Bounded by their size; a number would leave some out without a word.
  server.maxHeadersCount = 0;
  server.maxConnections = limits.connections;
  const tunnels = new Set<Duplex>();
  if (typeof front === 'function') server.on('request', front);
  else attach(server, front, tunnels);
  server.listen({ host: address, port, exclusive: true });
  try {
    await once(server, 'listening');
  } catch (error) {
    throw explain(error, address, port);
  }
  const bound = server.address();
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : port,
    close: () => closeServer(server, tunnels),
  };
}

function attach(server: Server, front: Front, tunnels: Set<Duplex>): void {
  const request: RequestHandler = (incoming, outgoing) => {
    useOriginForm(incoming);
    front.request(incoming, outgoing);
  };
  server.on('request', request);
  server.on('checkContinue', request);
  server.on('upgrade', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
    // Node gave up its own listeners with the connection: without one, a client that breaks off would end the process.
    socket.on('error', () => undefined);
    useOriginForm(incoming);
    if (!mayUpgrade(incoming)) return readAgain(server, incoming, socket, head);
    tunnels.add(socket);
    socket.once('close', () => tunnels.delete(socket));
    front.upgrade(incoming, socket, head);
  });
}

/** `GET http://127.0.0.1:8585/healthz` is `GET /healthz` (RFC 9112 section 3.2.2); one for another host than `Host` says stays as it is, and finds nothing. */
function useOriginForm(incoming: IncomingMessage): void {
  const { authority, target } =
    /^https?:\/\/(?<authority>[^/?#]*)(?<target>.*)$/is.exec(incoming.url ?? '')?.groups ?? {};
  if (authority === undefined || authority.toLowerCase() !== incoming.headers.host?.toLowerCase()) return;
  incoming.url = target?.startsWith('/') === true ? target : `/${target ?? ''}`;
}

/** Only functions speak other protocols, and HTTP/2 is not one of them: curl asks for it by the way, and goes on without. */
function mayUpgrade({ url, headers }: IncomingMessage): boolean {
  return /^\/function\//.test(url ?? '') && !/^(?:h2c|tls)\b/i.test(headers.upgrade ?? '');
}

/** Reads a request once more without its wish for another protocol (RFC 9110 section 7.8: a server may ignore it). Node has no other way to decline. */
function readAgain(server: Server, incoming: IncomingMessage, socket: Duplex, head: Buffer): void {
  const lines = [`${incoming.method} ${incoming.url} HTTP/${incoming.httpVersion}`];
  const { rawHeaders } = incoming;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    if (!/^(?:upgrade|connection|http2-settings)$/i.test(name)) lines.push(`${name}: ${rawHeaders[index + 1] ?? ''}`);
  }
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]));
  server.emit('connection', socket);
}

function explain(error: unknown, address: string, port: number): unknown {
  const code = systemCode(error);
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
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'EAI_AGAIN' || code === 'EINVAL')
    return new UserError('BAN-E620', `${address} is no address of this machine`, {
      hint: 'see which it has with: ip address (macOS: ifconfig)',
      cause: error,
    });
  return error;
}

async function closeServer(server: Server, tunnels: ReadonlySet<Duplex>): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  for (const socket of tunnels) socket.destroy();
  await closed;
}
