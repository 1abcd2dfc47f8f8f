import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { faasNetes } from '../../../cli/local/dialect/faas-netes.ts';
import { CallActivity, type FinishedCall } from '../../../cli/local/gateway/activity.ts';
import { createFunctionProxy } from '../../../cli/local/gateway/function-proxy.ts';
import { defaultLimits, type Listener, type ListenLimits, listen } from '../../../cli/local/gateway/listen.ts';
import { ReplicaConnections } from '../../../cli/local/gateway/replica-connections.ts';

/** The proxy of functions behind a real listener, with servers of the test as replicas of one function, `fn`. */
export class Proxied implements AsyncDisposable {
  readonly activity = new CallActivity();
  readonly addresses: string[] = [];
  readonly #servers: { close(): void }[] = [];
  readonly #closing = new AbortController();
  #listener: Listener | undefined;

  /** `bound`: the silence that is borne, in milliseconds. */
  static async open({
    bound = 20_000,
    limits = {},
  }: {
    bound?: number;
    limits?: Partial<ListenLimits>;
  } = {}): Promise<Proxied> {
    const made = new Proxied();
    const { activity, addresses } = made;
    const connections = new ReplicaConnections((name) => (name === 'fn' ? addresses : undefined), bound);
    const closing = made.#closing.signal;
    const front = createFunctionProxy({ dialect: faasNetes, connections, activity, answerBound: bound, closing });
    made.#listener = await listen('127.0.0.1', 0, front, { ...defaultLimits, ...limits });
    return made;
  }

  get port(): number {
    assert.ok(this.#listener !== undefined);
    return this.#listener.port;
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.port}/function/${path}`;
  }

  /** Adds a replica that speaks HTTP and takes headers of so many bytes. */
  async replica(listener: RequestListener, maxHeaderSize = 64 << 10): Promise<Server> {
    const server = createServer({ maxHeaderSize }, listener);
    server.maxHeadersCount = 0;
    await this.#add(server);
    this.#servers.push({
      close: () => {
        server.close();
        server.closeAllConnections();
      },
    });
    return server;
  }

  /** Adds a replica that gets bare connections. */
  async bareReplica(take: (socket: Socket) => void): Promise<void> {
    const open = new Set<Socket>();
    const server = createTcpServer((socket) => {
      open.add(socket);
      socket.on('error', () => undefined);
      take(socket);
    });
    await this.#add(server);
    this.#servers.push({
      close: () => {
        server.close();
        for (const socket of open) socket.destroy();
      },
    });
  }

  /** Adds the address of a replica that refuses connections. */
  async deadReplica(): Promise<void> {
    const server = createTcpServer();
    await this.#add(server);
    server.close();
    await once(server, 'close');
  }

  async #add(server: Server | ReturnType<typeof createTcpServer>): Promise<void> {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.addresses.push(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  }

  /** The next call that ends. */
  async finished(): Promise<FinishedCall> {
    const [call]: FinishedCall[] = await once(this.activity.events, 'finished');
    assert.ok(call !== undefined);
    return call;
  }

  /** Closes the gateway alone. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#listener?.close();
    this.#listener = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
    for (const server of this.#servers) server.close();
  }
}

/** Writes bytes to a port and reads until the other side ends. */
export async function exchange(port: number, sent: string | Buffer): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(sent);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'close');
  return Buffer.concat(chunks).toString('latin1');
}

/** Reads from a socket until what came matches; the text so far. */
export async function readUntil(socket: Socket, pattern: RegExp): Promise<string> {
  let text = '';
  return await new Promise((resolve, reject) => {
    const take = (chunk: Buffer): void => {
      text += chunk.toString('latin1');
      if (!pattern.test(text)) return;
      socket.off('data', take);
      socket.off('close', lost);
      resolve(text);
    };
    const lost = (): void => reject(new Error(`the connection ended after: ${text}`));
    socket.on('data', take);
    socket.once('close', lost);
  });
}
