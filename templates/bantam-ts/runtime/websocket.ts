import type { Socket } from 'node:net';
import type { WebSocket, WebSocketServer } from 'ws';
import { type Call, currentCall } from './call.ts';
import type { FunctionSocket, Upgrade, WebSocketOptions } from './context.ts';

/** A connection whose caller asks for a WebSocket, and what the handler wants of it. */
export interface Upgradable {
  readonly connection: Socket;
  readonly head: Buffer;
  asked?: { readonly socket: WebSocket; readonly protocol: string | undefined };
}

/** Milliseconds that a caller has to end its side after a close. */
const longestClose = 2000;

let library: typeof import('ws') | undefined;
const open = new Set<WebSocket>();

/** Loads the package with the first call that asks for a WebSocket: most functions never see one. */
export async function loadWebSockets(): Promise<void> {
  library ??= await import('ws');
}

/** `context.upgradeWebSocket`. Throws where the call asks for no WebSocket. */
export function upgradeCall(call: Call, options: WebSocketOptions = {}): Upgrade {
  const { upgradable } = call.incoming;
  if (upgradable === undefined || library === undefined) throw new TypeError('this call asks for no WebSocket');
  const Base = library.WebSocket;
  class CallSocket extends Base {
    // What the handler does in its listeners belongs to the call.
    override emit(...event: Parameters<WebSocket['emit']>): boolean {
      return currentCall.run(call, () => super.emit(...event));
    }
  }
  const socket: WebSocket = Reflect.construct(CallSocket, [
    null,
    undefined,
    { autoPong: true, closeTimeout: longestClose },
  ]);
  socket.binaryType = 'arraybuffer';
  socket.on('error', () => {}); // 'close' follows, and without any listener Node would take it for a bug
  // One that never opens is closed as one whose connection breaks.
  call.answer.once('close', () => {
    if (socket.readyState === socket.CONNECTING) socket.emit('close', 1006, Buffer.alloc(0));
  });
  upgradable.asked = { socket, protocol: options.protocol };
  return { socket: socket as unknown as FunctionSocket, response: new Response(null) };
}

/** Opens the socket that the handler asked for. Its call ends when it is closed. */
export function openWebSocket(
  call: Call,
  { connection, head }: Upgradable,
  asked: { socket: WebSocket; protocol: string | undefined },
): void {
  if (library === undefined) return;
  const { answer } = call;
  const { socket, protocol } = asked;
  const server: WebSocketServer = new library.WebSocketServer({
    noServer: true,
    clientTracking: false,
    // The handler has its socket already: this one is to be opened, not a new one.
    WebSocket: new Proxy(library.WebSocket, { construct: () => socket }),
    ...(protocol !== undefined && { handleProtocols: () => protocol }),
  });
  // Once the handshake has succeeded. Until then the end of the connection is the end of the call, as with any other.
  server.on('headers', (lines) => {
    call.endless = true;
    answer.detachSocket(connection);
    connection.setTimeout(0);
    for (const [name, value] of Object.entries(answer.ownHeaders())) lines.push(`${name}: ${value}`);
  });
  // Without a listener the package would answer by itself.
  server.on('wsClientError', ({ message }) => {
    answer.setHeader('Sec-WebSocket-Version', '13, 8');
    call.refuse(400, `this is no handshake of a WebSocket: ${message}`);
  });
  server.handleUpgrade(call.incoming, connection, head, () => {
    answer.statusCode = 101;
    answer.statusMessage = 'Switching Protocols';
    open.add(socket);
    socket.once('close', () => {
      open.delete(socket);
      answer.emit('close');
    });
    socket.emit('open');
  });
}

/** Tells every caller that this replica goes away. */
export function closeWebSockets(): void {
  for (const socket of open) socket.close(1001, 'the replica ends');
}

/** Ends those that have not closed. */
export function cutWebSockets(): void {
  for (const socket of open) socket.terminate();
}
