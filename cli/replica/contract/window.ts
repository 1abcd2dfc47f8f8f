import { readFile } from 'node:fs/promises';
import { takesConnections } from './bench.ts';
import { tryCall } from './call.ts';
import { type Connection, openConnection } from './connection.ts';
import { endOf } from './ending.ts';
import { expect, expectEqual, expectMatch, Unkept } from './expectation.ts';
import { type Bench, type Replica, TargetFailure } from './target.ts';
import { pause, until } from './wait.ts';

/** Until the signal has arrived: `/_/ready` is 503. */
export async function waitUntilDraining(replica: Replica): Promise<void> {
  await until(
    async () => {
      const answer = await tryCall(replica, '/_/ready');
      return ('status' in answer && answer.status === 503) || undefined;
    },
    '/_/ready is 503 after the signal',
    replica.signal,
  );
}

/** Until the port takes no more connections. */
export async function waitUntilClosed(replica: Replica): Promise<void> {
  const port = Number(new URL(replica.url).port);
  await until(async () => !(await takesConnections('127.0.0.1', port)) || undefined, 'the port closes', replica.signal);
}

/** Until nothing of the process runs. Elsewhere than on Linux it is given some time for it. */
async function waitUntilStopped({ pid, signal }: Replica): Promise<void> {
  if (pid === undefined || process.platform !== 'linux') return await pause(100, signal);
  const state = async (): Promise<true | undefined> =>
    /^\d+ \(.*\) [Tt] /s.test(await readFile(`/proc/${pid}/stat`, 'utf8')) || undefined;
  await until(state, 'the process stands still after SIGSTOP', signal);
}

/** Milliseconds of `healthcheck_interval`, and how long before its end the process is stopped. */
const window = 2500;
const spare = 1000;

const begin = 'GET /calls HTTP/1.1\r\nHost: x\r\nX-Half: ';
const rest = 'other\r\n\r\n';

/** A connection, and what is still to be said on it after the port has closed. */
interface Caller {
  readonly what: string;
  readonly connection: Connection;
  readonly rest: string;
}

/**
 * The process stands still while the window ends, as on a machine that is busy with something else. What arrived meanwhile
 * is with the kernel when the process goes on, and nobody but the kernel knows of it.
 */
export async function stoppedAtClosing(bench: Bench): Promise<void> {
  const replica = await bench.ready({ environment: { healthcheck_interval: `${window}ms` } });
  const kept = await Promise.all([1, 2].map(() => openConnection(replica)));
  for (const connection of kept) {
    connection.write(begin + rest);
    expectMatch(await connection.read(/\r\n\r\n\d+$/), /^HTTP\/1\.1 200 /, 'a call before the signal');
  }
  const began = performance.now();
  replica.send('SIGTERM');
  await waitUntilDraining(replica);
  const silent = await Promise.all([1, 2].map(() => openConnection(replica)));
  await pause(began + window - spare - performance.now(), bench.signal); // they are accepted meanwhile
  replica.send('SIGSTOP');
  await waitUntilStopped(replica);
  const queued = await Promise.all([1, 2, 3, 4].map(() => openConnection(replica)));
  const groups = { 'a kept connection': kept, 'a silent connection': silent, 'a connection in the queue': queued };
  const callers = Object.entries(groups).flatMap(([what, connections]) =>
    connections.map((connection, index): Caller => {
      const isHalf = index % 2 === 1;
      connection.write(isHalf ? begin : begin + rest);
      const said = isHalf ? 'half a head, and the rest after the port had closed,' : 'a whole call';
      return { what: `${said} on ${what}`, connection, rest: isHalf ? rest : '' };
    }),
  );
  await pause(20, bench.signal); // loopback has brought it to the other side by then
  if (performance.now() - began > window - 100) throw new TargetFailure('this machine is too slow: the window is over');
  await pause(began + window + 500 - performance.now(), bench.signal);
  replica.send('SIGCONT');
  await waitUntilClosed(replica);
  // Whoever closes what is idle has looked by then, and a runtime's patience with silent newcomers is over.
  await pause(1500, bench.signal);
  const lost: string[] = [];
  for (const { what, connection, rest } of callers) {
    if (rest !== '' && connection.open) connection.write(rest);
    const head = await connection.read(/\r\n\r\n/, 5000).catch((thrown: unknown) => {
      if (thrown instanceof Unkept) return '';
      throw thrown;
    });
    if (!/^HTTP\/1\.1 200 /.test(head)) lost.push(`${what}: ${head === '' ? 'nothing' : head.split('\r\n', 1)}`);
  }
  expect(lost.length === 0, `expected answers to all that had arrived, got none to: ${lost.join('; ')}`);
  for (const { connection } of callers) connection.destroy();
  expectEqual(await endOf(replica), 0, 'exit code');
}
