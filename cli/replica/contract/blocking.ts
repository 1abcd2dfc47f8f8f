import { call, expectStatus, tryCall } from './call.ts';
import type { ContractCase } from './contract-case.ts';
import { expect, expectEqual } from './expectation.ts';
import type { Replica } from './target.ts';
import { pause } from './wait.ts';

const section = 'A handler that blocks' as const;

/** How faas-netes looks: every 2 s, 1 s patience, thrice and it kills. We look four times as often and bear one miss in a row. */
const lookEvery = 500;
const lookPatience = 1000;
const mostMisses = 2;

/** Looks at health and ready, each over a connection of its own, until `over`; the process must answer 200 all the while. */
async function watchHealth(replica: Replica, over: Promise<unknown>): Promise<{ ready: Set<number>; looks: number }> {
  let going = true;
  const stop = (): void => {
    going = false;
  };
  over.then(stop, stop);
  const ready = new Set<number>();
  let looks = 0;
  let misses = 0;
  while (going) {
    const began = performance.now();
    const health = await tryCall(replica, '/_/health', { patience: lookPatience });
    if ('status' in health) {
      misses = 0;
      expectStatus(health, 200, '/_/health while the handler blocks');
    } else misses += 1;
    expect(misses <= mostMisses, `/_/health while the handler blocks: expected 200 within 1 s, missed ${misses} times`);
    const state = await tryCall(replica, '/_/ready', { patience: lookPatience });
    if ('status' in state) ready.add(state.status);
    looks += 1;
    await pause(Math.max(0, lookEvery - (performance.now() - began)), replica.signal);
  }
  return { ready, looks };
}

export const blockingCases: readonly ContractCase[] = [
  {
    name: 'spins for 8 s in a call: health is answered all the while, ready 503, other calls afterwards',
    section,
    needs: 'process',
    handler: 'contract',
    only: ['bantam-ts'],
    heavy: true,
    patience: 60_000,
    async run(bench) {
      const replica = await bench.ready({ environment: { isolation: 'guard' } });
      const spinning = call(replica, '/spin?ms=8000', { patience: 40_000 });
      spinning.catch(() => undefined);
      await pause(2500, bench.signal); // the guard needs 1 s to notice
      const meanwhile = Array.from({ length: 5 }, (_one, index) =>
        call(replica, '/whole', { method: 'POST', body: `body ${index}`, patience: 40_000 }),
      );
      const all = Promise.all(meanwhile);
      all.catch(() => undefined);
      const { ready, looks } = await watchHealth(replica, spinning);
      expect(looks >= 3, `expected some looks while the handler spins, got ${looks}`);
      expect(ready.has(503), `/_/ready while the handler spins: expected 503, got ${[...ready].join(', ')}`);
      expectStatus(await spinning, 200, 'the call that spins');
      const bodies = (await all).map(({ body }) => body);
      expectEqual(bodies.join(', '), 'body 0, body 1, body 2, body 3, body 4', 'calls that came meanwhile');
      for (const { status } of await all) expectEqual(status, 200, 'a call that came meanwhile');
      expectStatus(await call(replica, '/_/ready'), 200, '/_/ready afterwards');
    },
  },
  {
    name: 'spins for 8 s in a call: everything is answered all the while (Go)',
    section,
    needs: 'process',
    handler: 'contract',
    only: ['bantam-go', 'of-watchdog'],
    heavy: true,
    async run(bench) {
      const replica = await bench.ready();
      const spinning = call(replica, '/spin?ms=8000', { patience: 25_000 });
      spinning.catch(() => undefined);
      const { ready } = await watchHealth(replica, spinning);
      expectEqual([...ready].join(', '), '200', '/_/ready while a handler spins');
      expectStatus(await spinning, 200, 'the call that spins');
    },
  },
  {
    name: 'spins for 8 s while it is imported: health 200 from the fifth second, then it serves',
    section,
    needs: 'process',
    handler: 'contract',
    heavy: true,
    patience: 60_000,
    async run(bench) {
      const replica = await bench.open({ environment: { CONTRACT_LOAD: 'spin:9000' } });
      const waiting = call(replica, '/calls', { patience: 40_000 });
      waiting.catch(() => undefined);
      // faas-netes bears 503 or silence for some 6 s.
      await pause(Math.max(0, 5500 - (performance.now() - replica.started)), bench.signal);
      const { ready } = await watchHealth(replica, waiting);
      expect(ready.has(503), `/_/ready while the handler is imported: expected 503, got ${[...ready].join(', ')}`);
      expectStatus(await waiting, 200, 'the call that came while the handler was imported');
      expectStatus(await call(replica, '/_/ready'), 200, '/_/ready afterwards');
    },
  },
  {
    name: 'serves without a guard where isolation is none',
    section,
    needs: 'process',
    handler: 'contract',
    only: ['bantam-ts'],
    async run(bench) {
      const replica = await bench.ready({ environment: { isolation: 'none' } });
      expectStatus(await call(replica, '/spin?ms=100'), 200, 'a call');
    },
  },
];
