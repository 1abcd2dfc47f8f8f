import { Socket } from 'node:net';
import { Answer, Incoming } from './http-messages.ts';
import type { Listener } from './listener.ts';
import { loadWebSockets } from './websocket.ts';

/**
 * Serves requests that ask for another protocol, which Node hands over with their bare connection. One for a WebSocket is
 * answered like any other unless the handler opens it; one for anything else (curl asks for `h2c`) is an ordinary request.
 */
export function serveUpgrades(server: Listener, answerRequest: (incoming: Incoming, answer: Answer) => void): void {
  server.on('upgrade', (incoming, connection, head) => {
    if (!(incoming instanceof Incoming) || !(connection instanceof Socket)) return;
    connection.on('error', () => connection.destroy());
    if (!/^websocket$/i.test(incoming.headers.upgrade ?? '') || incoming.method !== 'GET') {
      askAgain(server, incoming, connection, head);
      return;
    }
    const answer = new Answer(incoming);
    answer.assignSocket(connection);
    answer.isLast = true;
    answer.once('finish', () => {
      answer.detachSocket(connection);
      connection.destroySoon();
      answer.emit('close');
    });
    incoming.upgradable = { connection, head };
    loadWebSockets().then(
      () => {
        if (!connection.destroyed) answerRequest(incoming, answer);
      },
      () => connection.destroy(),
    );
  });
}

/** Puts the request back before its connection without the wish, so that its body is read as that of any other. */
function askAgain(
  server: Listener,
  { method, url, httpVersion, rawHeaders }: Incoming,
  connection: Socket,
  head: Buffer,
): void {
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const [name, value] = [rawHeaders[i] ?? '', rawHeaders[i + 1] ?? ''];
    if (/^(?:upgrade|http2-settings)$/i.test(name)) continue;
    lines.push(`${name}: ${/^connection$/i.test(name) ? withoutUpgrade(value) : value}`);
  }
  connection.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]));
  server.emit('connection', connection);
}

function withoutUpgrade(connection: string): string {
  const kept = connection.split(',').filter((word) => !/^\s*(?:upgrade|http2-settings)\s*$/i.test(word));
  return kept.join(',').trim() || 'keep-alive';
}
