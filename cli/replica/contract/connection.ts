import { connect, type Socket } from 'node:net';
import { show, Unkept } from './expectation.ts';
import type { Reachable } from './target.ts';
import { within } from './wait.ts';

/** A bare connection, for what no well-behaved client sends. */
export interface Connection {
  write(data: string | Uint8Array): void;
  /** What has come since the last `read`, once it matches. {@link Unkept} if the connection ends before, or after so many milliseconds. */
  read(pattern: RegExp, milliseconds?: number): Promise<string>;
  /** All that came until the other side ended the connection. */
  closed(milliseconds?: number): Promise<string>;
  readonly open: boolean;
  /** Sends the end (FIN) of our side. */
  end(): void;
  destroy(): void;
}

/** Connects to the replica's own port. Bytes are read as Latin-1, one character each. */
export async function openConnection(replica: Reachable): Promise<Connection> {
  const { hostname, port } = new URL(replica.url);
  const socket: Socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  replica.signal.addEventListener('abort', () => socket.destroy(), { once: true });
  let heard = '';
  let open = true;
  const listeners = new Set<() => void>();
  const tell = (): void => {
    for (const listener of listeners) listener();
  };
  socket.setEncoding('latin1');
  socket.on('data', (data: string) => {
    heard += data;
    tell();
  });
  const over = (): void => {
    open = false;
    tell();
  };
  socket.on('error', over).on('end', over).on('close', over);
  await within(
    new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', (error) => reject(new Unkept(`expected a connection, got ${error.message}`)));
    }),
    10_000,
    'expected a connection',
    replica.signal,
  );
  const listen = (look: () => boolean, milliseconds: number, what: () => string): Promise<void> => {
    let listener: () => void = () => undefined;
    const promise = new Promise<void>((resolve) => {
      listener = () => {
        if (look()) resolve();
      };
      listeners.add(listener);
      listener();
    });
    return within(promise, milliseconds, what, replica.signal).finally(() => listeners.delete(listener));
  };
  return {
    write: (data) => void socket.write(data, () => undefined),
    async read(pattern, milliseconds = 10_000) {
      const what = (): string => `expected ${pattern} on the connection, got ${show(heard)}`;
      await listen(() => pattern.test(heard) || !open, milliseconds, what);
      if (!pattern.test(heard)) throw new Unkept(`${what()} and its end`);
      const text = heard;
      heard = '';
      return text;
    },
    async closed(milliseconds = 10_000) {
      const what = (): string => `expected the end of the connection, which is open, after ${show(heard)}`;
      await listen(() => !open, milliseconds, what);
      const text = heard;
      heard = '';
      return text;
    },
    get open() {
      return open;
    },
    end: () => void socket.end(),
    destroy: () => void socket.destroy(),
  };
}
