import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/** One end of a tunnel, and what came over it before the tunnel was there. */
export interface TunnelEnd {
  readonly socket: Duplex;
  readonly head: Buffer;
}

/** An ordinary answer over a connection whose client asked for another protocol. The connection ends after it. */
export function answerOver(incoming: IncomingMessage, socket: Duplex): ServerResponse {
  const outgoing = new ServerResponse(incoming);
  outgoing.shouldKeepAlive = false;
  outgoing.assignSocket(incoming.socket);
  outgoing.once('finish', () => socket.end());
  return outgoing;
}

/** Hears of each piece that passes: how many bytes went from the first end to the second, how many came back. */
export type Counter = (there: number, back: number) => void;

/** Passes bytes both ways until both sides have ended, or one breaks off. */
export function joinSockets(near: TunnelEnd, far: TunnelEnd, count: Counter): void {
  near.socket.on('data', (chunk: Buffer) => count(chunk.length, 0));
  far.socket.on('data', (chunk: Buffer) => count(0, chunk.length));
  count(near.head.length, far.head.length);
  if (near.head.length > 0) far.socket.write(near.head);
  if (far.head.length > 0) near.socket.write(far.head);
  near.socket.pipe(far.socket);
  far.socket.pipe(near.socket);
  far.socket.on('error', () => undefined);
  near.socket.once('close', () => endSoon(far.socket));
  far.socket.once('close', () => endSoon(near.socket));
}

/** Ends a socket once what was written to it has gone out; one that takes nothing any more is not waited for long. */
function endSoon(socket: Duplex): void {
  if (socket.destroyed) return;
  socket.end(() => socket.destroy());
  setTimeout(() => socket.destroy(), 5000).unref();
}
