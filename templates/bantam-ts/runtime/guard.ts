import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { type GuardOrder, guardPort, portUse, pulse } from './guard-thread.ts';
import { longestUnhealthy } from './health.ts';
import type { Listener } from './listener.ts';
import type { Phase, Replica } from './replica.ts';

/** Milliseconds between two beats of the first thread, and without any after which it counts as blocked. */
const period = 250;
const patience = 1000;

const phaseNumber: Readonly<Record<Phase, number>> = { starting: 0, ready: 1, draining: 2 };

/** The second thread, seen from the first. docs/adr/0006 of bantam has why there is one and what it costs. */
export interface Guard {
  /** Calls that it has taken and that are not answered yet. */
  openConnections(): number;
  /** What comes through it is handed on from a connection of its own; that one is not to be kept. */
  isForwarded(socket: Socket): boolean;
  /** Calls `close`, which is to close the port at once, when the guard has let go of it: within a moment, and waits for that. */
  closePort(close: () => void): void;
}

/** Starts the guard of a listening server. Undefined where the server's socket cannot be shared. */
export async function startGuard(replica: Replica, listener: Listener): Promise<Guard | undefined> {
  const descriptor: unknown = Reflect.get(Object(Reflect.get(listener, '_handle')), 'fd');
  if (typeof descriptor !== 'number' || descriptor < 0) return undefined;
  const memory = new Int32Array(new SharedArrayBuffer(pulse.length * Int32Array.BYTES_PER_ELEMENT));
  const forwarded = new WeakSet<Socket>();
  const inner = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    forwarded.add(socket);
    listener.emit('connection', socket);
  });
  // An abstract name: it is no file, so a read-only root does not matter.
  const name = `\0bantam-${randomUUID()}`;
  inner.listen({ path: name }).unref();
  await once(inner, 'listening');
  const order: GuardOrder = {
    memory,
    places: pulse,
    portUse,
    descriptor,
    inner: name,
    identity: replica.identity,
    started: performance.timeOrigin,
    longestUnhealthy,
    patience,
    period,
  };
  startThread(order, replica);
  replica.onPhase = () => {
    Atomics.store(memory, pulse.phase, phaseNumber[replica.phase]);
  };
  replica.onPhase();
  setInterval(() => Atomics.add(memory, pulse.beat, 1), period).unref();
  return {
    openConnections: () => Atomics.load(memory, pulse.open),
    isForwarded: (socket) => forwarded.has(socket),
    closePort: (close) => closePort(memory, close),
  };
}

/** Both threads have one descriptor. After `close` its number is soon another one's: the guard must not take that for the port. */
function closePort(memory: Int32Array, close: () => void): void {
  if (Atomics.compareExchange(memory, pulse.port, portUse.own, portUse.closed) !== portUse.own) {
    Atomics.store(memory, pulse.port, portUse.closing);
    Atomics.add(memory, pulse.beat, 1);
    Atomics.notify(memory, pulse.beat); // it may be asleep
    // It stands still meanwhile, and so does this thread: nothing can open or take a connection in between.
    Atomics.wait(memory, pulse.port, portUse.closing, patience);
  }
  close();
  Atomics.store(memory, pulse.port, portUse.closed);
  Atomics.notify(memory, pulse.port);
}

function startThread(workerData: GuardOrder, { log }: Replica): void {
  // The text of one function, because a file of its own would have to be in the image, and this one would load the handler.
  const text = `(${guardPort})(require('node:worker_threads').workerData,()=>require('node:net'))`;
  const thread = new Worker(text, {
    eval: true,
    name: 'guard',
    workerData,
    env: {},
    execArgv: [],
    trackUnmanagedFds: false,
    resourceLimits: { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 16, stackSizeMb: 1 },
  });
  thread.unref();
  thread.on('error', (error) => log.warn('the guard has failed: a handler that blocks is not answered for', { error }));
}
