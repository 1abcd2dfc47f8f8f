import type { Socket } from 'node:net';

/** Places in the memory that both threads see. */
export const pulse = { beat: 0, phase: 1, open: 2, port: 3, length: 4 } as const;

/**
 * What is at `port`: who uses the listening socket. `closing`: the first thread waits for the guard to let go of it;
 * `released`: the guard waits until the first thread has closed it. Afterwards its number is somebody else's.
 */
export const portUse = { own: 0, shared: 1, closing: 2, released: 3, closed: 4 } as const;

/** What the guard is told when it starts. */
export interface GuardOrder {
  /** The places of `pulse`: the first thread's beat and phase (0 starting, 1 ready, 2 draining), the guard's connections, `portUse`. */
  readonly memory: Int32Array;
  readonly places: typeof pulse;
  readonly portUse: typeof portUse;
  /** The listening socket of the first thread. */
  readonly descriptor: number;
  /** Where the first thread takes what the guard hands on. */
  readonly inner: string;
  readonly identity: Readonly<Record<string, string>>;
  /** When the process started, in milliseconds since 1970, and how long after that it may be unhealthy. */
  readonly started: number;
  readonly longestUnhealthy: number;
  /** After so many milliseconds without a beat the first thread counts as blocked; it is looked at every `period`. */
  readonly patience: number;
  readonly period: number;
}

/**
 * The guard's thread. Its text is what the thread runs (see guard.ts), so it may use nothing but its arguments.
 *
 * While the first thread moves, the guard sleeps in `Atomics.wait`: no event loop, so it accepts nothing, although it may
 * be listening. When the first thread stands still, it accepts on the same socket, answers health and ready, and hands all
 * else on to the first thread, where it waits. It never closes the socket: that would close it for both. Nor does it open
 * anything once the first thread has closed it: libuv would take a descriptor of the same number for the old socket.
 */
export function guardPort(order: GuardOrder, loadNet: () => typeof import('node:net')): void {
  const { memory, places, portUse, period, patience } = order;
  const connections = new Set<Socket>();
  /** Questions for health and ready that were handed on just before the first thread stood still: how to answer them. */
  const unanswered = new Set<() => void>();
  /** For each connection whose head is not all there: what to do when the first thread moves, or closes the port. */
  const held = new Set<(isClosing: boolean) => void>();
  let isBlocked = true;
  let lastBeat = Atomics.load(memory, places.beat);
  let movedAt = performance.now();

  /** Whether the first thread has moved within `patience`. */
  function hasMoved(): boolean {
    const beat = Atomics.load(memory, places.beat);
    if (beat !== lastBeat) {
      lastBeat = beat;
      movedAt = performance.now();
    }
    return performance.now() - movedAt < patience;
  }

  /** Returns when the first thread stands still. */
  function sleep(): void {
    const since = performance.now();
    // A process that was stopped for a while (a debugger, a laptop's lid) is not blocked: both threads stood still.
    if (since - movedAt > period) movedAt = since;
    while (hasMoved()) {
      letGoWhenAsked();
      Atomics.wait(memory, places.beat, lastBeat, period);
    }
  }

  /** The first thread is about to close the port: hands on all that the guard has, and stands still until it is closed. */
  function letGoWhenAsked(): void {
    if (Atomics.load(memory, places.port) !== portUse.closing) return;
    for (const release of held) release(true);
    Atomics.compareExchange(memory, places.port, portUse.closing, portUse.released);
    Atomics.notify(memory, places.port);
    Atomics.wait(memory, places.port, portUse.released, patience);
  }

  function standIn(): void {
    if (Atomics.compareExchange(memory, places.port, portUse.own, portUse.shared) !== portUse.own) return; // it is closed
    const server = loadNet().createServer({ allowHalfOpen: true, noDelay: true }, serve);
    server.on('error', () => {}); // no descriptor free for a connection: it waits, as it would for the first thread
    server.listen({ fd: order.descriptor });
    // Not before the event loop has gone round: only then is the socket known to epoll, and could be let go of.
    setImmediate(() => setInterval(look, period / 5));
  }

  function look(): void {
    isBlocked = !hasMoved();
    letGoWhenAsked();
    if (isBlocked) for (const answer of unanswered) answer();
    else for (const release of held) release(false);
    if (isBlocked || connections.size > 0) return;
    sleep();
    isBlocked = true;
  }

  function serve(client: Socket): void {
    const taken = performance.now();
    let head = '';
    connections.add(client);
    client.on('error', () => client.destroy());
    client.once('data', () => {
      Atomics.add(memory, places.open, 1);
      client.once('close', () => Atomics.sub(memory, places.open, 1));
    });
    const read = (chunk: Buffer): void => {
      head += chunk.toString('latin1');
      if (!head.includes('\r\n\r\n') && head.length < 16_384) return;
      stopReading();
      const [, path] = /^(?:GET|HEAD) (\/_\/(?:health|ready))[ ?]/.exec(head) ?? [];
      if (path !== undefined && isBlocked) client.end(report(path, head));
      else handOn(client, head, path);
    };
    const stopReading = (): void => {
      held.delete(release);
      client.off('data', read).pause();
    };
    const release = (isClosing: boolean): void => {
      if (head !== '' || isClosing) {
        stopReading();
        handOn(client, head);
      } else if (performance.now() - taken > patience) client.destroy(); // who has just come is about to ask
    };
    held.add(release);
    client.on('data', read);
    client.on('end', () => client.readableFlowing !== false && client.end());
    client.on('close', () => {
      connections.delete(client);
      held.delete(release);
    });
  }

  function handOn(client: Socket, head: string, path?: string): void {
    const inside = loadNet().connect({ path: order.inner, allowHalfOpen: true });
    inside.on('error', () => client.destroy());
    client.once('close', () => inside.destroy());
    inside.write(Buffer.from(head, 'latin1'));
    client.pipe(inside);
    inside.pipe(client);
    if (path === undefined) return;
    const answer = (): void => {
      unanswered.delete(answer);
      inside.unpipe(client).destroy();
      client.end(report(path, head));
    };
    unanswered.add(answer);
    inside.once('data', () => unanswered.delete(answer));
    client.once('close', () => unanswered.delete(answer));
  }

  function report(path: string, head: string): string {
    const isStarting = Atomics.load(memory, places.phase) === 0;
    const isYoung = Date.now() - order.started < order.longestUnhealthy * 1000;
    const isFine = path === '/_/health' && !(isStarting && isYoung);
    const body = isFine ? 'OK\n' : 'the handler keeps the process busy\n';
    const given = (name: string, pattern: string): string | undefined =>
      new RegExp(`\\r\\n${name}: *(${pattern}) *\\r\\n`, 'i').exec(head)?.[1];
    const headers = {
      ...order.identity,
      'X-Call-Id':
        given('x-call-id', '[\\x21-\\x7e]{1,128}') ??
        `guard-${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`,
      'X-Start-Time': given('x-start-time', '\\d{1,30}') ?? `${Date.now()}000000`,
      'X-Duration-Seconds': '0.000000',
      'Content-Type': 'text/plain; charset=utf-8',
      'Cache-Control': 'no-store',
      'Content-Length': String(body.length),
      Date: new Date().toUTCString(),
      Connection: 'close',
    };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const status = isFine ? '200 OK' : '503 Service Unavailable';
    return `HTTP/1.1 ${status}\r\n${lines.join('')}\r\n${head.startsWith('HEAD') ? '' : body}`;
  }

  sleep();
  standIn();
}
