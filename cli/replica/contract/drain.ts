import { Agent } from 'node:http';
import { CallFailed, call, expectStatus, send } from './call.ts';
import { openConnection } from './connection.ts';
import { bantamRuntimes, type ContractCase } from './contract-case.ts';
import { endOf } from './ending.ts';
import { expect, expectEqual, expectMatch } from './expectation.ts';
import { expectIdentity, expectOwnError, holdCall } from './identity.ts';
import type { Bench, Replica } from './target.ts';
import { pause, until } from './wait.ts';
import { stoppedAtClosing, waitUntilClosed, waitUntilDraining } from './window.ts';

const drainsOn = (signal: 'SIGTERM' | 'SIGINT'): ContractCase => ({
  name: `drains on ${signal}: not ready at once, alive, still accepting, finishes what is in flight, ends with 0`,
  section: 'Life',
  needs: 'process',
  handler: 'contract',
  async run(bench) {
    const replica = await bench.ready({ environment: { healthcheck_interval: '1500ms' } });
    const finish = await holdCall(replica);
    replica.send(signal);
    await waitUntilDraining(replica);
    const ready = await call(replica, '/_/ready');
    expectStatus(ready, 503, '/_/ready while draining');
    expectIdentity(ready, '/_/ready while draining');
    expectStatus(await call(replica, '/_/health'), 200, '/_/health while draining: it is not to be killed');
    const late = await call(replica, '/calls');
    expectStatus(late, 200, 'a call that comes within healthcheck_interval');
    expectMatch(late.header('connection'), /^close$/i, 'Connection of an answer while draining');
    await waitUntilClosed(replica);
    await finish();
    expectEqual(await endOf(replica), 0, 'exit code');
  },
});

export const drainCases: readonly ContractCase[] = [
  drainsOn('SIGTERM'),
  drainsOn('SIGINT'),
  {
    name: 'ends with 0 on a signal when nothing is in flight',
    section: 'Life',
    needs: 'process',
    handler: 'any',
    async run(bench) {
      const replica = await bench.ready({ environment: { healthcheck_interval: '300ms' } });
      replica.send('SIGTERM');
      expectEqual(await endOf(replica), 0, 'exit code');
    },
  },
  {
    name: 'accepts calls for all of healthcheck_interval, 3 s unless told otherwise',
    section: 'Life',
    needs: 'process',
    handler: 'any',
    heavy: true,
    async run(bench) {
      const replica = await bench.ready();
      const began = performance.now();
      replica.send('SIGTERM');
      await waitUntilClosed(replica);
      const seconds = (performance.now() - began) / 1000;
      expect(seconds > 2.9, `expected the port to be open for 3 s after the signal, got ${seconds.toFixed(1)} s`);
      expectEqual(await endOf(replica), 0, 'exit code');
    },
  },
  {
    name: 'loses no call of clients that keep their connections, before, during and after the window',
    section: 'Life',
    needs: 'process',
    handler: 'contract',
    async run(bench) {
      const environment = { healthcheck_interval: '1s', log_call_id: 'true' };
      const replica = await bench.ready({ environment });
      let answered = 0;
      const lost: { readonly id: string; readonly what: string; readonly kept: boolean }[] = [];
      const client = async (name: string): Promise<void> => {
        const agent = new Agent({ keepAlive: true, maxSockets: 1 });
        try {
          for (let round = 0; ; round += 1) {
            const id = `${name}-${round}.`;
            const { request, answer } = send(replica, '/sleep?ms=5', { agent, headers: { 'X-Call-Id': id } });
            request.end();
            try {
              const { status } = await (await answer).rest();
              if (status === 200) answered += 1;
              else lost.push({ id, what: String(status), kept: request.reusedSocket });
            } catch (thrown) {
              if (!(thrown instanceof CallFailed)) throw thrown;
              if (thrown.reason === 'connection refused') return;
              lost.push({ id, what: thrown.reason, kept: request.reusedSocket });
            }
          }
        } finally {
          agent.destroy();
        }
      };
      const clients = Promise.all(Array.from({ length: 6 }, (_one, index) => client(`client-${index}`)));
      clients.catch(() => undefined);
      await until(() => answered > 50 || undefined, '50 answers', bench.signal);
      replica.send('SIGTERM');
      await clients;
      expectEqual(await endOf(replica), 0, 'exit code');
      const seen = replica.output.lines().join('\n');
      // A connection that is made while the port closes: the kernel resets it and the replica never hears of it. None that
      // was taken is excused; the next case has those that wait in the queue.
      const excused = lost.filter(({ id, what, kept }) => what === 'connection closed' && !kept && !seen.includes(id));
      const cut = lost
        .filter((one) => !excused.includes(one))
        .map(({ id, what, kept }) => `${id} ${what}${kept ? ' on a kept connection' : ''}`);
      expectEqual(cut.join(', '), '', `lost calls beside ${answered} answered ones`);
      expect(excused.length <= 6, `expected a reset for each of 6 clients at most, got ${excused.length}`);
    },
  },
  {
    name: 'answers what had arrived when the window ended: on kept connections, silent ones, and those in the queue',
    section: 'Life',
    needs: 'process',
    handler: 'contract',
    only: bantamRuntimes,
    heavy: true,
    run: stoppedAtClosing,
  },
  {
    name: 'finishes a call that comes at the end of the window',
    section: 'Life',
    needs: 'process',
    handler: 'contract',
    async run(bench) {
      const replica = await bench.ready({ environment: { healthcheck_interval: '700ms' } });
      replica.send('SIGTERM');
      await waitUntilDraining(replica);
      const late = call(replica, '/sleep?ms=2000');
      late.catch(() => undefined);
      await waitUntilClosed(replica);
      expectStatus(await late, 200, 'a call of 2 s that came within the window of 0.7 s');
      expectEqual(await endOf(replica), 0, 'exit code');
    },
  },
  {
    name: 'does not wait for idle connections, nor for one that never asked anything',
    section: 'Life',
    needs: 'process',
    handler: 'any',
    async run(bench) {
      const replica = await bench.ready({ environment: { healthcheck_interval: '300ms' } });
      const agent = new Agent({ keepAlive: true });
      try {
        await call(replica, '/_/health', { agent });
        const silent = await openConnection(replica);
        const began = performance.now();
        replica.send('SIGTERM');
        expectEqual(await endOf(replica), 0, 'exit code');
        const seconds = (performance.now() - began) / 1000;
        expect(seconds < 12, `expected an end long before drain_timeout (25 s), got ${seconds.toFixed(1)} s`);
        silent.destroy();
      } finally {
        agent.destroy();
      }
    },
  },
  {
    name: 'says at drain_timeout which calls it cuts off, and ends with 1',
    section: 'Life',
    needs: 'process',
    handler: 'contract',
    only: bantamRuntimes,
    async run(bench) {
      const replica = await bench.ready({ environment: { healthcheck_interval: '100ms', drain_timeout: '800ms' } });
      const { rest } = await callToCutOff(replica, 'cut-7');
      replica.send('SIGTERM');
      expectEqual(await endOf(replica), 1, 'exit code');
      await expectCutOffLine(replica, 'cut-7');
      expect((await rest) instanceof Error, 'the call cut off: expected a connection that ends, got a whole answer');
    },
  },
  {
    name: 'says at a second signal which calls it cuts off, and ends with 1',
    section: 'Life',
    needs: 'process',
    handler: 'contract',
    only: bantamRuntimes,
    async run(bench) {
      const replica = await bench.ready();
      await callToCutOff(replica, 'cut-8');
      replica.send('SIGTERM');
      await waitUntilDraining(replica);
      const began = performance.now();
      replica.send('SIGINT');
      expectEqual(await endOf(replica), 1, 'exit code');
      expect(performance.now() - began < 10_000, 'expected the end at once after a second signal');
      await expectCutOffLine(replica, 'cut-8');
    },
  },
  {
    name: 'ends with 0 at a second signal when there is nothing to cut off',
    section: 'Life',
    needs: 'process',
    handler: 'any',
    only: bantamRuntimes,
    async run(bench) {
      const replica = await bench.ready({ environment: { healthcheck_interval: '20s' } });
      replica.send('SIGTERM');
      await waitUntilDraining(replica);
      replica.send('SIGTERM');
      expectEqual(await endOf(replica, 10_000), 0, 'exit code');
    },
  },
  {
    name: 'ends at drain_timeout although healthcheck_interval is longer, with 0 where nothing is in flight',
    section: 'Life',
    needs: 'process',
    handler: 'any',
    only: bantamRuntimes,
    async run(bench) {
      const replica = await bench.ready({ environment: { healthcheck_interval: '60s', drain_timeout: '500ms' } });
      const silent = await openConnection(replica);
      silent.write('GET / HTTP/1.1\r\nHost: x\r\n'); // a call half said is none
      replica.send('SIGTERM');
      expectEqual(await endOf(replica, 10_000), 0, 'exit code');
      silent.destroy();
    },
  },
  {
    name: 'drains while the handler still loads: waiting calls are answered, then it ends',
    section: 'Life',
    needs: 'process',
    handler: 'contract',
    run: drainWhileLoading,
  },
];

async function drainWhileLoading(bench: Bench): Promise<void> {
  const environment = { CONTRACT_LOAD: 'sleep:3000', healthcheck_interval: '500ms' };
  const replica = await bench.open({ environment });
  const waiting = call(replica, '/calls');
  waiting.catch(() => undefined);
  await pause(300, bench.signal); // it has to be there when the signal comes
  replica.send('SIGTERM');
  const answer = await waiting;
  // Served late or refused with a reason to come again: both lose nothing.
  if (answer.status === 503) expectOwnError(answer, 503, 'a call that waited for the handler');
  else expectStatus(answer, 200, 'a call that waited for the handler');
  expectEqual(await endOf(replica), 0, 'exit code');
}

/** A call whose answer has begun and never ends; resolves with what became of it. */
async function callToCutOff(replica: Replica, id: string): Promise<{ readonly rest: Promise<unknown> }> {
  const options = { method: 'POST', headers: { 'X-Call-Id': id } };
  const { request, answer } = send(replica, '/stream?secret=query', options);
  request.write('first ');
  const open = await answer;
  await open.next();
  return { rest: open.rest().catch((thrown: unknown) => thrown) };
}

async function expectCutOffLine(replica: Replica, id: string): Promise<void> {
  const line = await replica.output.line(new RegExp(id));
  expectMatch(line, /\bPOST\b/, 'the line about the call cut off: method');
  expectMatch(line, /\/stream(?!\?)/, 'the line about the call cut off: path, without the query');
  expectMatch(line, /\d+(\.\d+)? ?m?s\b/, 'the line about the call cut off: age');
}
