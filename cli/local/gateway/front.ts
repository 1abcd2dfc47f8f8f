import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/** A handler for node:http servers. A request with `Expect: 100-continue` has not been told to go on yet. */
export type RequestHandler = (incoming: IncomingMessage, outgoing: ServerResponse) => void;

/** Takes a connection over whose client asks for another protocol; `head` is what came after the request. */
export type UpgradeHandler = (incoming: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** What a listener passes its requests to. */
export interface Front {
  readonly request: RequestHandler;
  readonly upgrade: UpgradeHandler;
}
