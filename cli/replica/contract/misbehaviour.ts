import { begin, call, expectStatus, send, tryCall } from './call.ts';
import type { ContractCase } from './contract-case.ts';
import { endOf } from './ending.ts';
import { expect, expectEqual, expectMatch, expectNoMatch } from './expectation.ts';
import { expectOwnError } from './identity.ts';
import { metricsOf } from './prometheus.ts';
import type { Replica } from './target.ts';
import { pause, until } from './wait.ts';

const section = 'A handler that misbehaves' as const;
const source = /handler\.(ts|js|go):\d+/;

async function expectAlive(replica: Replica): Promise<void> {
  expectStatus(await call(replica, '/status?code=200'), 200, 'the next call');
  expectStatus(await call(replica, '/_/health'), 200, '/_/health after it');
}

/** A line about a call: what happened, and where in the source. Returns the line. */
async function expectLine(replica: Replica, id: string, error: RegExp): Promise<string> {
  const line = await replica.output.line(new RegExp(id));
  expectMatch(line, error, `the line about call ${id}: error`);
  expectMatch(line, source, `the line about call ${id}: file and line of the source`);
  return line;
}

/** The one line about a failed call: id, method, path without query, the error, where in the source. */
async function expectFailureLine(replica: Replica, id: string, path: RegExp, error: RegExp): Promise<void> {
  const line = await expectLine(replica, id, error);
  expectMatch(line, /\bGET\b/, `the line about call ${id}: method`);
  expectMatch(line, path, `the line about call ${id}: path`);
  expectNoMatch(line, /x=hidden/, `the line about call ${id}: no query string`);
  await pause(100, replica.signal); // for a second line, should there be one
  const lines = replica.output.lines().filter((text) => text.includes(id));
  expectEqual(lines.length, 1, `lines about call ${id}`);
}

export const misbehaviourCases: readonly ContractCase[] = [
  {
    name: 'throws: 500, one line, lives',
    section,
    needs: 'process',
    handler: 'contract',
    async run(bench) {
      const replica = await bench.ready();
      const answer = await call(replica, '/throw?x=hidden', { headers: { 'X-Call-Id': 'caller-9' } });
      expectOwnError(answer, 500, 'GET /throw');
      expectNoMatch(answer.body, /no luck/, 'the answer: the reason is for the log, not for the caller');
      await expectFailureLine(replica, 'caller-9', /\/throw/, /no luck.*today/);
      await expectAlive(replica);
    },
  },
  {
    name: 'throws something that is no error: 500, one line, lives',
    section,
    needs: 'process',
    handler: 'contract',
    async run(bench) {
      const replica = await bench.ready();
      for (const kind of ['text', 'nothing', 'strange']) {
        const answer = await call(replica, `/throw-${kind}`, { headers: { 'X-Call-Id': `caller-${kind}` } });
        expectOwnError(answer, 500, `GET /throw-${kind}`);
        await replica.output.line(new RegExp(`caller-${kind}`));
      }
      await expectAlive(replica);
    },
  },
  {
    name: 'throws after its answer has begun: the connection ends, one line, lives',
    section,
    needs: 'process',
    handler: 'contract',
    async run(bench) {
      const replica = await bench.ready();
      const answer = await begin(replica, '/throw-late?x=hidden', { headers: { 'X-Call-Id': 'caller-11' } });
      expectStatus({ ...answer, body: '', bytes: Buffer.alloc(0), trailers: {} }, 200, 'GET /throw-late');
      const rest = await answer.rest().catch((thrown: unknown) => thrown);
      expect(rest instanceof Error, 'GET /throw-late: half an answer must not look like a whole one');
      await expectFailureLine(replica, 'caller-11', /\/throw-late/, /no luck later/);
      await expectAlive(replica);
    },
  },
  {
    name: 'returns no Response: 500, what it returned, lives',
    section,
    needs: 'process',
    handler: 'contract',
    only: ['bantam-ts'],
    async run(bench) {
      const replica = await bench.ready();
      for (const [kind, said] of [
        ['undefined', /undefined/],
        ['text', /string/],
        ['object', /object/],
        ['null', /null/],
      ] as const) {
        const headers = { 'X-Call-Id': `returned-${kind}` };
        expectOwnError(await call(replica, `/return?kind=${kind}`, { headers }), 500, `a handler that returns ${kind}`);
        const line = await replica.output.line(new RegExp(`returned-${kind}`));
        expectMatch(line.replaceAll(`returned-${kind}`, ''), said, `the line about a handler that returns ${kind}`);
      }
      await expectAlive(replica);
    },
  },
  {
    name: 'answers nothing at all (Go): 200',
    section,
    needs: 'process',
    handler: 'contract',
    only: ['bantam-go'],
    async run(bench) {
      expectStatus(await call(await bench.ready(), '/nothing'), 200, 'a handler that writes nothing');
    },
  },
  {
    name: 'rejects or throws later, outside the call: what it had answered, one line with the id of the call, lives',
    section,
    needs: 'process',
    handler: 'contract',
    only: ['bantam-ts'],
    async run(bench) {
      const replica = await bench.ready();
      for (const kind of ['reject', 'throw']) {
        const headers = { 'X-Call-Id': `later-${kind}` };
        const answer = await call(replica, `/later?kind=${kind}`, { headers });
        expectStatus(answer, 200, `GET /later?kind=${kind}`);
        expectEqual(answer.body, 'answered', `GET /later?kind=${kind}`);
        await expectLine(replica, `later-${kind}`, /too late/);
      }
      await expectAlive(replica);
    },
  },
  {
    name: 'panics in a goroutine of its own: Go’s own trace, ends',
    section,
    needs: 'process',
    handler: 'contract',
    only: ['bantam-go'],
    async run(bench) {
      const replica = await bench.ready();
      await tryCall(replica, '/later?kind=panic');
      expectEqual(await endOf(replica), 2, 'exit code');
      const text = replica.output.lines('stderr').join('\n');
      expectMatch(text, /panic: too late[\s\S]*goroutine \d+/, 'stderr');
    },
  },
  {
    name: 'calls process.exit: 500, who called it, lives',
    section,
    needs: 'process',
    handler: 'contract',
    only: ['bantam-ts'],
    async run(bench) {
      const replica = await bench.ready();
      for (const code of ['0', '3']) {
        const headers = { 'X-Call-Id': `leaving-${code}` };
        expectOwnError(await call(replica, `/exit?code=${code}`, { headers }), 500, `process.exit(${code})`);
        await expectLine(replica, `leaving-${code}`, /exit/);
      }
      await expectAlive(replica);
    },
  },
  {
    name: 'calls os.Exit: ends',
    section,
    needs: 'process',
    handler: 'contract',
    only: ['bantam-go'],
    async run(bench) {
      const replica = await bench.ready();
      const answer = await tryCall(replica, '/exit?code=7');
      expect(!('status' in answer), 'os.Exit: expected no answer');
      expectEqual(await endOf(replica), 7, 'exit code');
    },
  },
  {
    name: 'hears that its caller has left; the call ends, the process lives',
    section,
    needs: 'process',
    handler: 'contract',
    async run(bench) {
      const replica = await bench.ready();
      const left = await begin(replica, '/slow-answer?ms=20000');
      await left.next();
      left.leave();
      const { request, answer } = send(replica, '/sleep?ms=20000');
      request.end();
      await until(
        async () => (await metricsOf(replica)).value('http_requests_in_flight') >= 1 || undefined,
        'a second call is in flight',
        bench.signal,
      );
      request.destroy();
      await answer.catch(() => undefined);
      await until(
        async () => (await call(replica, '/aborted')).body === '2' || undefined,
        'the signals or contexts of both calls are aborted',
        bench.signal,
      );
      await until(
        async () => (await metricsOf(replica)).value('http_requests_in_flight') === 0 || undefined,
        'http_requests_in_flight is 0 again',
        bench.signal,
      );
      await expectAlive(replica);
    },
  },
  {
    name: 'answers after the caller has left: no line about it, lives',
    section,
    needs: 'process',
    handler: 'contract',
    async run(bench) {
      const replica = await bench.ready();
      const headers = { 'X-Call-Id': 'gone-1' };
      const { request, answer } = send(replica, '/stubborn?ms=300', { headers });
      request.end();
      await until(
        async () => (await metricsOf(replica)).value('http_requests_in_flight') >= 1 || undefined,
        'the call is in flight',
        bench.signal,
      );
      request.destroy();
      await answer.catch(() => undefined);
      await until(
        async () => (await call(replica, '/stubborn-answers')).body === '1' || undefined,
        'the handler answers although nobody listens',
        bench.signal,
      );
      await expectAlive(replica);
      expectNoMatch(replica.output.lines().join('\n'), /gone-1/, 'output about the caller who left');
    },
  },
  {
    name: 'does not read the body of its call: answered, and the next call too',
    section,
    needs: 'process',
    handler: 'contract',
    async run(bench) {
      const replica = await bench.ready();
      const body = 'x'.repeat(3_000_000);
      const answer = await tryCall(replica, '/status?code=200', { method: 'POST', body });
      // A server may close the connection once it has answered: the client may see that before the answer.
      if ('status' in answer) expectStatus(answer, 200, 'POST with 3 MB that nobody reads');
      await expectAlive(replica);
    },
  },
];
