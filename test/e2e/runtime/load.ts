import { call, keepConnections } from './calls.ts';
import type { Routed, Routing } from './provider.ts';

/** What became of the calls. */
export interface LoadReport {
  readonly answered: number;
  /** Why each lost call was lost, and when. */
  readonly lost: readonly string[];
  /** How many were sent to a replica that had been told to end, over new connections and over kept ones. */
  readonly whileDraining: { readonly fresh: number; readonly kept: number };
}

/** Calls without a pause until `stop`. */
export interface Load {
  stop(): Promise<LoadReport>;
}

/**
 * Starts `clients` that call one after the other, half of them over kept connections; each answer takes 0 to 200 ms. The function
 * has to answer `POST /?ms=N` with the body it got, in two pieces N ms apart.
 */
export function startLoad(routing: Routing, clients: number): Load {
  let running = true;
  let answered = 0;
  const lost: string[] = [];
  const whileDraining = { fresh: 0, kept: 0 };
  const kept = keepConnections();
  const callOn = async (client: number): Promise<void> => {
    const agent = client % 2 === 0 ? kept : undefined;
    for (let turn = 0; running; turn++) {
      const replica = routing.pick();
      if (replica === undefined) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        continue;
      }
      const body = `${client}-${turn} `.repeat(1 + Math.floor(Math.random() * 2000));
      const { signalledAt } = replica;
      const began = performance.now();
      try {
        const url = `${replica.url}/?ms=${Math.floor(Math.random() * 200)}`;
        const answer = await call(url, { method: 'POST', body, ...(agent === undefined ? {} : { agent }) });
        if (signalledAt !== undefined) whileDraining[answer.reused ? 'kept' : 'fresh']++;
        if (answer.status === 200 && answer.body === body) answered++;
        else lost.push(`${answer.status} with ${answer.body.length} of ${body.length} bytes${when(replica, began)}`);
      } catch (error) {
        lost.push(
          `${(error as Error).message}${when(replica, began)}${agent === undefined ? '' : ', kept connection'}`,
        );
      }
    }
  };
  const all = Promise.all(Array.from({ length: clients }, (_, client) => callOn(client)));
  return {
    async stop() {
      running = false;
      await all;
      kept.destroy();
      return { answered, lost, whileDraining };
    },
  };
}

function when({ signalledAt }: Routed, began: number): string {
  if (signalledAt === undefined) return ', nobody told it to end';
  const [sent, failed] = [began, performance.now()].map((time) => Math.round(time - signalledAt));
  return `, sent ${sent} ms and failed ${failed} ms after SIGTERM`;
}
