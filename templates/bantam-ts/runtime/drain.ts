import { Server, type Socket } from 'node:net';
import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises';
import type { Call } from './call.ts';
import type { Guard } from './guard.ts';
import type { Listener } from './listener.ts';
import { endProcess } from './misbehaviour.ts';
import { watchNetwork } from './network.ts';
import type { Replica } from './replica.ts';
import { closeWebSockets, cutWebSockets } from './websocket.ts';

/** As many calls are named as fit a line that can be read. */
const mostNamed = 20;
/** As many turns as the queue of the kernel may need, which holds 511 connections unless it is told otherwise. */
const mostRounds = 512;

interface Draining {
  readonly replica: Replica;
  readonly listener: Listener;
  readonly guard: Guard | undefined;
  readonly closeSilent: () => void;
  readonly hasLostNetwork: () => boolean;
}

/** Ends the process on SIGTERM or SIGINT as soon as nobody loses anything by it, and in `drain_timeout` at the latest. */
export function drainOnSignal(replica: Replica, listener: Listener, guard: Guard | undefined): void {
  const closeSilent = watchSilent(listener, guard);
  const draining = { replica, listener, guard, closeSilent, hasLostNetwork: watchNetwork() };
  let began: number | undefined;
  const stop = (signal: string): void => {
    if (began !== undefined) cutOff(replica, `at a second signal, ${signal},`, performance.now() - began);
    began = performance.now();
    void drain(draining, signal);
  };
  // As process 1 of a container there is no default action for a signal: without these it would be killed after a while.
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

async function drain(draining: Draining, signal: string): Promise<void> {
  const { replica, listener, guard, closeSilent } = draining;
  const { acceptWindow, drainTimeout } = replica.settings;
  replica.drain();
  replica.log.info(`${signal}: ${replica.calls.size} requests in flight`);
  setTimeout(() => cutOff(replica, 'after', drainTimeout), drainTimeout);
  // faasd takes a container's network away before it sends the signal, and starts the next one only when this one has ended.
  if (acceptWindow > 0 && draining.hasLostNetwork()) replica.log.info(`${signal}: no network left, not waiting`);
  // The gateway learns only by and by that this replica is none any more: until then it is sent calls.
  else await wait(acceptWindow);
  await takeWhatHasArrived(listener);
  let open = true;
  const close = (): void => {
    // Not the close of node:http, which ends its timers, too: who never finishes a request would hold the drain to its end.
    Server.prototype.close.call(listener, () => {
      open = false;
    });
  };
  if (guard === undefined) close();
  else guard.closePort(close);
  closeWebSockets();
  // What the guard has taken it hands on; only when it has nothing left is nothing on its way to us.
  while (open || (guard !== undefined && guard.openConnections() > 0)) {
    await wait(20);
    listener.closeIdleConnections();
    closeSilent();
  }
  endProcess(0);
}

/** Where the thread was busy when the window ended, the kernel has connections and bytes that Node has not looked for yet. */
async function takeWhatHasArrived(listener: Listener): Promise<void> {
  let taken = 0;
  const count = (): void => {
    taken += 1;
  };
  listener.on('connection', count);
  // Newer Nodes accept one connection in each turn of their loop. Who still comes after many turns has not arrived in time.
  let before = -1;
  for (let rounds = 0; rounds < mostRounds && before !== taken; rounds += 1) {
    before = taken;
    await nextTurn();
    await nextTurn();
  }
  listener.off('connection', count);
}

/** Node counts a connection that has never asked anything as busy. The function returned closes those. */
function watchSilent(listener: Listener, guard: Guard | undefined): () => void {
  const connections = new Set<Socket>();
  listener.on('connection', (socket) => {
    if (guard?.isForwarded(socket)) return; // it has something to say, if not yet to us
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
  });
  return () => {
    for (const socket of connections) if (socket.bytesRead === 0) socket.destroy();
  };
}

/** Says which calls are lost, and ends. */
function cutOff({ calls, log }: Replica, when: string, milliseconds: number): never {
  cutWebSockets();
  if (calls.size === 0) endProcess(0);
  const named = [...calls].slice(0, mostNamed).map(describeCall).join(', ');
  const more = calls.size > mostNamed ? `, and ${calls.size - mostNamed} more` : '';
  log.error(`${calls.size} requests cut off ${when} ${Math.round(milliseconds)} ms: ${named}${more}`);
  endProcess(1);
}

function describeCall(call: Call): string {
  return `${call.method} ${call.path} ${call.id} ${call.seconds().toFixed(1)}s`;
}
