import { begin, call, expectStatus, send, tryCall } from './call.ts';
import { openConnection } from './connection.ts';
import { bantamRuntimes, type ContractCase } from './contract-case.ts';
import { expect, expectEqual, expectMatch, expectNoMatch } from './expectation.ts';
import { expectOwnError, holdCall } from './identity.ts';
import type { Replica } from './target.ts';
import { until } from './wait.ts';

export const limitCases: readonly ContractCase[] = [
  {
    name: 'answers 429 to calls beyond max_inflight, and on ready meanwhile',
    section: 'Settings',
    needs: 'process',
    handler: 'contract',
    async run(bench) {
      const replica = await bench.ready({ environment: { max_inflight: '2' } });
      const first = await holdCall(replica);
      expectStatus(await call(replica, '/_/ready'), 200, '/_/ready with one of two calls');
      const second = await holdCall(replica);
      const refused = await call(replica, '/calls');
      expectOwnError(refused, 429, 'a third call');
      expectStatus(await call(replica, '/_/ready'), 429, '/_/ready with two of two calls');
      expectStatus(await call(replica, '/_/health'), 200, '/_/health with two of two calls');
      await first();
      await expectCallable(replica, 'after one call has ended');
      await second();
      expectStatus(await call(replica, '/_/ready'), 200, '/_/ready after all calls have ended');
      expectEqual((await call(replica, '/calls')).body, '4', 'calls of the handler: the refused one did not reach it');
    },
  },
  {
    name: 'frees the place of a caller that has left',
    section: 'Settings',
    needs: 'process',
    handler: 'contract',
    async run(bench) {
      const replica = await bench.ready({ environment: { max_inflight: '1' } });
      const { request, answer } = send(replica, '/stream', { method: 'POST' });
      request.write('first ');
      await (await answer).next();
      expectStatus(await call(replica, '/calls'), 429, 'a second call');
      request.destroy();
      await expectCallable(replica, 'after the first caller has left');
    },
  },
  {
    name: 'ends a call at exec_timeout: 504, and the handler hears of it',
    section: 'Settings',
    needs: 'process',
    handler: 'contract',
    async run(bench) {
      const replica = await bench.ready({ environment: { exec_timeout: '400ms' } });
      const began = performance.now();
      expectOwnError(await call(replica, '/sleep?ms=20000'), 504, 'GET /sleep for 20 s with exec_timeout 400ms');
      expect(performance.now() - began < 10_000, 'exec_timeout 400ms: expected 504 long before 20 s');
      await until(
        async () => (await call(replica, '/aborted')).body === '1' || undefined,
        'the handler’s signal or context is aborted',
        bench.signal,
      );
      expectStatus(await call(replica, '/sleep?ms=1'), 200, 'a call that is quick enough');
    },
  },
  {
    name: 'says in its log which call it ended at exec_timeout',
    section: 'Settings',
    needs: 'process',
    handler: 'contract',
    only: bantamRuntimes,
    async run(bench) {
      const replica = await bench.ready({ environment: { exec_timeout: '300ms' } });
      for (const path of ['/stubborn', '/slow-answer']) {
        const id = `late${path.replace('/', '-')}`;
        await tryCall(replica, `${path}?ms=1500&hidden-query`, { headers: { 'X-Call-Id': id } });
        const line = await replica.output.line(new RegExp(id));
        expectMatch(line, /exec_timeout/, 'the line about a call that took too long');
        expect(line.includes(`GET ${path}`), `expected method and path in that line, got ${line}`);
        expectNoMatch(line, /hidden-query/, 'that line');
      }
    },
  },
  {
    name: 'ends the connection at exec_timeout where the answer has begun',
    section: 'Settings',
    needs: 'process',
    handler: 'contract',
    async run(bench) {
      const replica = await bench.ready({ environment: { exec_timeout: '500ms' } });
      const answer = await begin(replica, '/slow-answer?ms=20000');
      expectEqual(await answer.next(), 'first ', 'GET /slow-answer: its first part');
      const rest = await answer.rest().catch((thrown: unknown) => thrown);
      expect(rest instanceof Error, 'GET /slow-answer: expected a connection that ends, got a whole answer');
    },
  },
  {
    name: 'exempts event streams from exec_timeout',
    section: 'Settings',
    needs: 'process',
    handler: 'contract',
    async run(bench) {
      const replica = await bench.ready({ environment: { exec_timeout: '500ms' } });
      const answer = await call(replica, '/events?count=4&ms=400', { headers: { Accept: 'text/event-stream' } });
      expectEqual(answer.body, 'data: 1\n\ndata: 2\n\ndata: 3\n\ndata: 4\n\n', 'GET /events for 1.2 s');
    },
  },
  {
    name: 'ends the connection at write_timeout',
    section: 'Settings',
    needs: 'process',
    handler: 'contract',
    async run(bench) {
      const replica = await bench.ready({ environment: { write_timeout: '500ms' } });
      const answer = await begin(replica, '/slow-answer?ms=20000');
      const rest = await answer.rest().catch((thrown: unknown) => thrown);
      expect(rest instanceof Error, 'GET /slow-answer: expected a connection that ends, got a whole answer');
      const silent = await tryCall(replica, '/sleep?ms=20000');
      expect(!('status' in silent), `GET /sleep: expected a connection that ends, got an answer`);
      await until(
        async () => (await call(replica, '/aborted')).body === '2' || undefined,
        'the signal or context of both calls is aborted',
        bench.signal,
      );
      expectStatus(await call(replica, '/sleep?ms=1'), 200, 'a call that is quick enough');
    },
  },
  {
    name: 'answers 408 at read_timeout where the body does not come',
    section: 'Settings',
    needs: 'process',
    handler: 'contract',
    async run(bench) {
      const replica = await bench.ready({ environment: { read_timeout: '500ms' } });
      const { request, answer } = send(replica, '/count', { method: 'POST', headers: { 'Content-Length': '10' } });
      request.write('x');
      expectOwnError(await (await answer).rest(), 408, 'POST /count with 1 of 10 bytes');
      request.destroy();
      expectEqual((await call(replica, '/count', { method: 'POST', body: 'abc' })).body, '3', 'the next call');
    },
  },
  {
    name: 'ends the connection at read_timeout where the answer has begun',
    section: 'Settings',
    needs: 'process',
    handler: 'contract',
    async run(bench) {
      const replica = await bench.ready({ environment: { read_timeout: '700ms' } });
      const { request, answer } = send(replica, '/stream', { method: 'POST' });
      request.write('first ');
      const open = await answer;
      expectEqual(await open.next(), 'first ', 'POST /stream: what was sent in time');
      const rest = await open.rest().catch((thrown: unknown) => thrown);
      expect(rest instanceof Error, 'POST /stream: expected a connection that ends, got a whole answer');
    },
  },
  {
    name: 'does not wait longer than read_timeout for the head of a request',
    section: 'Settings',
    needs: 'process',
    handler: 'any',
    async run(bench) {
      const replica = await bench.ready({ environment: { read_timeout: '500ms' } });
      const connection = await openConnection(replica);
      connection.write('GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ');
      const text = await connection.closed(20_000);
      if (text !== '') expectMatch(text, /^HTTP\/1\.1 408 /, 'a head that does not come');
      expectStatus(await call(replica, '/_/health'), 200, '/_/health beside it');
    },
  },
];

/** Whether a place is free shows itself a moment after a call has ended. */
async function expectCallable(replica: Replica, when: string): Promise<void> {
  await until(
    async () => (await call(replica, '/calls')).status === 200 || undefined,
    `a call is answered 200 ${when}`,
    replica.signal,
  );
}
