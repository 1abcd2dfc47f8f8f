import { connect } from 'node:net';
import { tryCall } from './call.ts';
import { Unkept } from './expectation.ts';
import type { Bench, Replica, StartOptions, Target } from './target.ts';
import { until } from './wait.ts';

/** How long a replica may take to open its port and to become ready, in milliseconds: generous, for a busy Raspberry Pi. */
const startPatience = 20_000;

/** The bench of one case; its replicas end when `signal` aborts, and `settled` resolves when they have. */
export function openBench(target: Target, signal: AbortSignal): Bench & { settled(): Promise<void> } {
  const ends: Promise<unknown>[] = [];
  const spawn = async (options: StartOptions = {}): Promise<Replica> => {
    const replica = await target.start(options, signal);
    ends.push(replica.ended);
    return replica;
  };
  const open = async (options?: StartOptions): Promise<Replica> => {
    const replica = await spawn(options);
    await waitForPort(replica);
    return replica;
  };
  return {
    runtime: target.runtime,
    signal,
    spawn,
    open,
    async ready(options) {
      const replica = await open(options);
      await waitUntilReady(replica);
      return replica;
    },
    async settled() {
      await Promise.allSettled(ends);
    },
  };
}

async function waitForPort(replica: Replica): Promise<void> {
  const { hostname, port } = new URL(replica.url);
  const failed = watchEnd(replica);
  await until(
    async () => {
      failed();
      return (await takesConnections(hostname, Number(port))) || undefined;
    },
    'the replica opens its port',
    replica.signal,
    startPatience,
  );
}

/** Waits until `/_/ready` is 200. */
export async function waitUntilReady(replica: Replica): Promise<void> {
  const failed = watchEnd(replica);
  await until(
    async () => {
      failed();
      const answer = await tryCall(replica, '/_/ready');
      return ('status' in answer && answer.status === 200) || undefined;
    },
    'the replica says on /_/ready that it is ready',
    replica.signal,
    startPatience,
  );
}

/** The result throws once the replica has ended: nobody has to wait for it any longer. */
function watchEnd(replica: Replica): () => void {
  let ended: string | undefined;
  void replica.ended.then(({ code, signal }) => {
    ended = `it ended with ${code ?? signal}: ${replica.output.lines().slice(-5).join(' | ') || 'without a word'}`;
  });
  return () => {
    if (ended !== undefined) throw new Unkept(`expected a running replica, but ${ended}`);
  };
}

/** Whether somebody listens there. */
export function takesConnections(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 2000 });
    const settle = (taken: boolean) => (): void => {
      socket.destroy();
      resolve(taken);
    };
    socket.once('connect', settle(true)).once('error', settle(false)).once('timeout', settle(false));
  });
}
