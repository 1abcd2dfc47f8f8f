import { readFile } from 'node:fs/promises';
import { Agent } from 'node:http';
import { begin, call, expectStatus, tryCall } from './call.ts';
import type { ContractCase } from './contract-case.ts';
import { endOf } from './ending.ts';
import { expect, expectEqual, expectMatch } from './expectation.ts';
import { expectIdentity, expectOwnError } from './identity.ts';
import type { Replica } from './target.ts';
import { until } from './wait.ts';

/** When the process itself began, in milliseconds of `performance.now`: as Linux has it, elsewhere when it was asked for. */
async function ownStart({ pid, started }: Replica): Promise<number> {
  if (pid === undefined || process.platform !== 'linux') return started;
  const [stat, uptime] = await Promise.all([readFile(`/proc/${pid}/stat`, 'utf8'), readFile('/proc/uptime', 'utf8')]);
  // The 22nd field, in hundredths of a second since the machine began; the name in parentheses may have spaces.
  const ticks = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  return performance.now() - Number.parseFloat(uptime) * 1000 + ticks * 10;
}

/** Starting and being ready. What the handler does while it loads says its CONTRACT_LOAD. */
export const lifeCases: readonly ContractCase[] = [
  {
    name: 'answers health and ready, GET and HEAD',
    section: 'Life',
    needs: 'url',
    handler: 'any',
    async run(replica) {
      for (const path of ['/_/health', '/_/ready', '/_/ready?again', '/_/health?x=1']) {
        const answer = await call(replica, path);
        expectStatus(answer, 200, `GET ${path}`);
        expectEqual(answer.body.trim(), 'OK', `GET ${path}: body`);
        const head = await call(replica, path, { method: 'HEAD' });
        expectStatus(head, 200, `HEAD ${path}`);
        expectEqual(head.body, '', `HEAD ${path}: body`);
      }
    },
  },
  {
    name: 'lets nobody keep a copy of health or ready',
    section: 'Life',
    needs: 'url',
    handler: 'any',
    async run(replica) {
      for (const path of ['/_/health', '/_/ready'])
        expectMatch((await call(replica, path)).header('cache-control'), /no-store/, `GET ${path}: Cache-Control`);
    },
  },
  {
    name: 'answers 405 to other methods on health and on ready',
    section: 'Life',
    needs: 'url',
    handler: 'any',
    async run(replica) {
      for (const path of ['/_/health', '/_/ready'])
        for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])
          expectStatus(await call(replica, path, { method }), 405, `${method} ${path}`);
    },
  },
  {
    name: 'runs none of the user’s code for health and ready',
    section: 'Life',
    needs: 'process',
    handler: 'contract',
    async run(bench) {
      const replica = await bench.ready();
      for (let round = 0; round < 10; round += 1)
        for (const path of ['/_/health', '/_/ready', '/_/health?x', '/_/ready?x'])
          expectStatus(await call(replica, path), 200, `GET ${path}`);
      await call(replica, '/_/ready', { method: 'POST' });
      expectEqual((await call(replica, '/calls')).body, '1', 'calls of the handler, this one included');
    },
  },
  {
    name: 'asks the handler for /_/ready where ready_path says so',
    section: 'Life',
    needs: 'process',
    handler: 'contract',
    async run(bench) {
      const replica = await bench.open({ environment: { ready_path: '/gate' } });
      await until(
        async () => (await call(replica, '/_/ready')).status === 200 || undefined,
        '/_/ready is 200 while GET /gate answers 200',
        bench.signal,
      );
      for (const status of [503, 404, 302]) {
        expectStatus(await call(replica, `/gate?answer=${status}`, { method: 'POST' }), 204, 'POST /gate');
        expectStatus(await call(replica, '/_/ready'), 503, `/_/ready while GET /gate answers ${status}`);
        expectStatus(await call(replica, '/_/health'), 200, '/_/health, which does not ask');
      }
      await call(replica, '/gate?answer=204', { method: 'POST' });
      expectStatus(await call(replica, '/_/ready'), 200, '/_/ready while GET /gate answers 204');
    },
  },
  {
    name: 'opens its port before the handler is loaded: health 503, but 200 after 4 s; ready 503; calls wait and succeed',
    section: 'Life',
    needs: 'process',
    handler: 'contract',
    heavy: true,
    async run(bench) {
      const replica = await bench.open({ environment: { CONTRACT_LOAD: 'sleep:8000' } });
      const own = await ownStart(replica);
      const opened = (performance.now() - own) / 1000;
      const waiting = call(replica, '/calls', { patience: 25_000 });
      waiting.catch(() => undefined);
      const early = await call(replica, '/_/health');
      expectStatus(early, 503, 'GET /_/health while the handler loads');
      expectIdentity(early, 'GET /_/health while the handler loads');
      expectIdentity(await call(replica, '/_/ready'), 'GET /_/ready while the handler loads');
      let lastUnhealthy = 0;
      await until(
        async () => {
          expectStatus(await call(replica, '/_/ready'), 503, 'GET /_/ready while the handler loads');
          const asked = (performance.now() - own) / 1000;
          const { status } = await call(replica, '/_/health');
          if (status !== 200) lastUnhealthy = asked;
          return status === 200 || undefined;
        },
        'GET /_/health is 200 although the handler still loads',
        bench.signal,
      );
      const seconds = (performance.now() - replica.started) / 1000;
      expect(seconds > 3.9, `health turns 200 after 4 s: expected that, got it after ${seconds.toFixed(1)} s`);
      // Where a process takes a second to open its port, it also takes its time to look at the clock for the first time.
      const latest = 4.5 + (opened < 1 ? 0 : opened);
      const late = lastUnhealthy.toFixed(1);
      expect(lastUnhealthy < latest, `health: expected 503 for the first 4 s of the process, got one after ${late} s`);
      expectStatus(await call(replica, '/_/ready'), 503, 'GET /_/ready although health is 200');
      expectStatus(await waiting, 200, 'the call that came before the handler was loaded');
      expectStatus(await call(replica, '/_/ready'), 200, 'GET /_/ready after the handler was loaded');
    },
  },
  {
    name: 'lets 1000 calls wait for the handler and answers 503 to one more',
    section: 'Life',
    needs: 'process',
    handler: 'contract',
    heavy: true,
    patience: 60_000,
    async run(bench) {
      const replica = await bench.open({ environment: { CONTRACT_LOAD: 'sleep:10000' } });
      const refused: number[] = [];
      const calls = Array.from({ length: 1010 }, async (_one, index) => {
        const answer = await tryCall(replica, `/status?code=200&n=${index}`, { patience: 40_000 });
        if ('status' in answer && answer.status === 503) {
          expectOwnError(answer, 503, 'a call beyond the 1000 that wait');
          refused.push(index);
        } else expectStatus(answer, 200, 'one of 1000 waiting calls');
      });
      const all = Promise.all(calls);
      all.catch(() => undefined);
      await until(() => refused.length >= 10 || undefined, '10 of 1010 calls are refused at once', bench.signal);
      expectStatus(await call(replica, '/_/ready'), 503, 'GET /_/ready beside 1000 waiting calls');
      await all;
      expectEqual(refused.length, 10, 'refused of 1010 calls');
    },
  },
  {
    name: 'ends with 1, its reason and 503 for waiting calls where the handler cannot be loaded',
    section: 'Life',
    needs: 'process',
    handler: 'contract',
    only: ['bantam-ts', 'of-watchdog'],
    async run(bench) {
      const replica = await bench.open({ environment: { CONTRACT_LOAD: 'fail:2000' } });
      const waiting = await call(replica, '/calls');
      expectOwnError(waiting, 503, 'a call that waits for a handler that cannot be loaded');
      const code = await endOf(replica);
      expectEqual(code, 1, 'exit code');
      expectMatch(replica.output.lines('stderr').join(' '), /no such luck/, 'the reason, on stderr');
    },
  },
  {
    name: 'ends with its reason where the handler cannot be loaded',
    section: 'Life',
    needs: 'process',
    handler: 'contract',
    async run(bench) {
      const replica = await bench.spawn({ environment: { CONTRACT_LOAD: 'fail' } });
      const code = await endOf(replica);
      expect(typeof code === 'number' && code > 0, `exit code: expected a failure, got ${code}`);
      await replica.output.line(/no such luck/);
    },
  },
  {
    name: 'keeps a connection open for the next call',
    section: 'Answers',
    needs: 'process',
    handler: 'any',
    async run(bench) {
      const replica = await bench.ready();
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      try {
        const ports = new Set<number | undefined>();
        for (let round = 0; round < 3; round += 1) {
          const answer = await begin(replica, '/_/health', { agent });
          ports.add(answer.request.socket?.localPort);
          await answer.rest();
        }
        expectEqual(ports.size, 1, 'connections of three calls in a row');
      } finally {
        agent.destroy();
      }
    },
  },
];
