import type { Agent } from 'node:http';
import { call, keepConnections } from './calls.ts';
import type { Routed, Routing } from './provider.ts';

/** What became of the calls. */
export interface LoadReport {
  readonly answered: number;
  /** Why each lost call was lost, and when. */
  readonly lost: readonly string[];
  /** How many were sent to a replica that had been told to end, over new connections and over kept ones. */
  readonly whileDraining: { readonly fresh: number; readonly kept: number };
  /** How many were answered whole by a replica whose window had ended meanwhile. */
  readonly afterWindow: number;
}

/** Calls without a pause until `stop`. */
export interface Load {
  /** One more call, to this replica and of so many milliseconds; counted like the others. Never rejects. */
  callTo(replica: Routed, milliseconds: number): Promise<void>;
  stop(): Promise<LoadReport>;
}

/** Every third client calls for up to so many milliseconds, the others for up to 200. */
const longest = 2500;

/**
 * Starts `clients` that call one after the other, half of them over kept connections. The function has to answer `POST /?ms=N`
 * with the body it got, in two pieces N ms apart. `window`: for how many milliseconds after a signal a replica accepts calls.
 */
export function startLoad(routing: Routing, clients: number, window: number): Load {
  let running = true;
  let calls = 0;
  let answered = 0;
  let afterWindow = 0;
  const lost: string[] = [];
  const whileDraining = { fresh: 0, kept: 0 };
  const kept = keepConnections();
  const callTo = async (replica: Routed, milliseconds: number, agent?: Agent): Promise<void> => {
    calls += 1;
    const body = `${calls} `.repeat(1 + Math.floor(Math.random() * 2000));
    const { signalledAt } = replica;
    const began = performance.now();
    try {
      const url = `${replica.url}/?ms=${Math.floor(milliseconds)}`;
      const answer = await call(url, { method: 'POST', body, ...(agent === undefined ? {} : { agent }) });
      if (signalledAt !== undefined) whileDraining[answer.reused ? 'kept' : 'fresh']++;
      if (answer.status === 200 && answer.body === body) {
        answered++;
        // It has not ended before this call has: the signal it has now is the one that it had meanwhile.
        if (performance.now() > (replica.signalledAt ?? Number.POSITIVE_INFINITY) + window) afterWindow++;
      } else lost.push(`${answer.status} with ${answer.body.length} of ${body.length} bytes${when(replica, began)}`);
    } catch (error) {
      lost.push(`${(error as Error).message}${when(replica, began)}${agent === undefined ? '' : ', kept connection'}`);
    }
  };
  const callOn = async (client: number): Promise<void> => {
    const agent = client % 2 === 0 ? kept : undefined;
    while (running) {
      const replica = routing.pick();
      if (replica === undefined) await new Promise((resolve) => setTimeout(resolve, 20));
      else await callTo(replica, Math.random() * (client % 3 === 0 ? longest : 200), agent);
    }
  };
  const all = Promise.all(Array.from({ length: clients }, (_, client) => callOn(client)));
  return {
    callTo: (replica, milliseconds) => callTo(replica, milliseconds),
    async stop() {
      running = false;
      await all;
      kept.destroy();
      return { answered, lost, whileDraining, afterWindow };
    },
  };
}

function when({ signalledAt }: Routed, began: number): string {
  if (signalledAt === undefined) return ', nobody told it to end';
  const [sent, failed] = [began, performance.now()].map((time) => Math.round(time - signalledAt));
  return `, sent ${sent} ms and failed ${failed} ms after SIGTERM`;
}
