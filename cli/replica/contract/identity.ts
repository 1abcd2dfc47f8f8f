import { type Answer, call, expectStatus, send } from './call.ts';
import { bantamRuntimes, type ContractCase } from './contract-case.ts';
import { expect, expectEqual, expectMatch, expectNoMatch } from './expectation.ts';
import type { Reachable, Replica } from './target.ts';

const identityHeaders = [
  'x-bantam-revision',
  'x-bantam-deploy',
  'x-bantam-replica',
  'x-call-id',
  'x-start-time',
  'x-duration-seconds',
] as const;

/** Every answer of both runtimes names these, once each. */
export function expectIdentity(answer: Pick<Answer, 'status' | 'headers'>, what: string): void {
  for (const name of identityHeaders) {
    const values = answer.headers(name);
    expect(values.length === 1, `${what} (${answer.status}): expected one ${name}, got ${values.length}`);
  }
  expectMatch(answer.headers('x-bantam-replica')[0], /\S/, `${what}: X-Bantam-Replica`);
  expectMatch(answer.headers('x-call-id')[0], /^[\x21-\x7e]{1,128}$/, `${what}: X-Call-Id`);
  expectMatch(answer.headers('x-start-time')[0], /^\d+$/, `${what}: X-Start-Time`);
  expectMatch(answer.headers('x-duration-seconds')[0], /^\d+\.\d{6}$/, `${what}: X-Duration-Seconds`);
}

/** An answer that the runtime made itself because it could not serve the call: `text/plain`, one line, with the call id. */
export function expectOwnError(answer: Answer, status: number, what: string): void {
  expectStatus(answer, status, what);
  expectIdentity(answer, what);
  expectMatch(answer.header('content-type'), /^text\/plain\b/, `${what} (${status}): Content-Type`);
  expectMatch(answer.body, /^[^\n]+\n?$/, `${what} (${status}): the body, one line`);
  const id = answer.header('x-call-id') ?? '';
  expect(answer.body.includes(id), `${what} (${status}): expected the call id ${id} in the body, got ${answer.body}`);
  if (status === 429 || status === 503)
    expectEqual(answer.header('retry-after'), '1', `${what} (${status}): Retry-After`);
}

/** Values of X-Call-Id that are taken as they are, and some that are not: what to send, and why it is none. */
const keptIds = ['caller-7', 'a', '!"#$%&()*+,-./:;<=>?@[]^_`{|}~', 'x'.repeat(128)];
const strangeIds = { 'with a space': 'a b', 'of 129 characters': 'x'.repeat(129), 'beyond ASCII': 'caf\u00e9' };

async function expectCallIds(replica: Reachable, path: string): Promise<void> {
  for (const id of keptIds) {
    const answer = await call(replica, path, { headers: { 'X-Call-Id': id } });
    expectEqual(answer.header('x-call-id'), id, `GET ${path} with X-Call-Id: ${id}: X-Call-Id`);
  }
  const made = new Set<string>();
  for (const [what, id] of [...Object.entries(strangeIds), ['absent', undefined]] as const) {
    const answer = await call(replica, path, { headers: id === undefined ? {} : { 'X-Call-Id': id } });
    const got = answer.header('x-call-id') ?? '';
    expectMatch(got, /^[\x21-\x7e]{16,128}$/, `GET ${path} with an X-Call-Id ${what}: a new X-Call-Id`);
    made.add(got);
  }
  expectEqual(made.size, Object.keys(strangeIds).length + 1, `GET ${path}: different new call ids`);
}

export const identityCases: readonly ContractCase[] = [
  {
    name: 'says who answers, on health and on ready',
    section: 'Answers',
    needs: 'url',
    handler: 'any',
    async run(replica) {
      for (const path of ['/_/health', '/_/ready']) expectIdentity(await call(replica, path), `GET ${path}`);
    },
  },
  {
    name: 'keeps the call id of the caller and makes one in place of a strange one, on health',
    section: 'Answers',
    needs: 'url',
    handler: 'any',
    run: (replica) => expectCallIds(replica, '/_/health'),
  },
  {
    name: 'keeps the call id of the caller and makes one in place of a strange one, for the handler',
    section: 'Answers',
    needs: 'url',
    handler: 'contract',
    run: (replica) => expectCallIds(replica, '/calls'),
  },
  {
    name: 'keeps the start time of the caller and says its own in place of a strange one',
    section: 'Answers',
    needs: 'url',
    handler: 'any',
    async run(replica) {
      const kept = await call(replica, '/_/health', { headers: { 'X-Start-Time': '1700000000000000123' } });
      expectEqual(kept.header('x-start-time'), '1700000000000000123', "X-Start-Time, the caller's");
      for (const headers of [{}, { 'X-Start-Time': 'today' }]) {
        const before = Date.now();
        const answer = await call(replica, '/_/health', { headers });
        const milliseconds = Number(answer.header('x-start-time')) / 1e6;
        // Another machine's clock may be off.
        expect(
          Math.abs(milliseconds - before) < 600_000,
          `X-Start-Time: expected nanoseconds since 1970 of now, got ${answer.header('x-start-time')}`,
        );
      }
    },
  },
  {
    name: 'names what it was started with as its revision, deployment and replica',
    section: 'Answers',
    needs: 'process',
    handler: 'any',
    only: bantamRuntimes,
    async run(bench) {
      const names = { BANTAM_REVISION: '77aa', BANTAM_DEPLOY: 'd-77', BANTAM_REPLICA: 'r-77' };
      const answer = await call(await bench.ready({ environment: names }), '/_/ready');
      expectEqual(answer.header('x-bantam-revision'), '77aa', 'X-Bantam-Revision');
      expectEqual(answer.header('x-bantam-deploy'), 'd-77', 'X-Bantam-Deploy');
      expectEqual(answer.header('x-bantam-replica'), 'r-77', 'X-Bantam-Replica');
    },
  },
  {
    name: 'says who answers on every answer of the handler',
    section: 'Answers',
    needs: 'url',
    handler: 'contract',
    async run(replica) {
      for (const path of ['/calls', '/empty', '/status?code=404', '/status?code=503', '/status?code=302', '/nowhere'])
        expectIdentity(await call(replica, path), `GET ${path}`);
      expectIdentity(await call(replica, '/calls', { method: 'HEAD' }), 'HEAD /calls');
      expectIdentity(await call(replica, '/_/health', { method: 'POST' }), 'POST /_/health');
    },
  },
  {
    name: 'says how long the handler took, with six decimals',
    section: 'Answers',
    needs: 'url',
    handler: 'contract',
    async run(replica) {
      const began = performance.now();
      const answer = await call(replica, '/sleep?ms=200');
      const most = (performance.now() - began) / 1000;
      const text = answer.header('x-duration-seconds');
      expectMatch(text, /^\d+\.\d{6}$/, 'X-Duration-Seconds');
      const seconds = Number(text);
      // Timers may fire a millisecond early.
      expect(seconds > 0.19 && seconds <= most, `X-Duration-Seconds: expected 0.2 to ${most}, got ${seconds}`);
    },
  },
  {
    name: 'never passes on the identity of another function',
    section: 'Answers',
    needs: 'process',
    handler: 'contract',
    async run(bench) {
      const replica = await bench.ready({ environment: { BANTAM_REVISION: 'our-revision', BANTAM_DEPLOY: 'ours' } });
      const answer = await call(replica, '/foreign', { headers: { 'X-Call-Id': 'caller-8' } });
      expectEqual(answer.body, 'from another', 'GET /foreign');
      expectIdentity(answer, 'GET /foreign');
      for (const name of identityHeaders) expectNoMatch(answer.header(name) ?? '', /theirs/, `GET /foreign: ${name}`);
      expectEqual(answer.header('x-bantam-revision'), 'our-revision', 'X-Bantam-Revision');
      expectEqual(answer.header('x-bantam-deploy'), 'ours', 'X-Bantam-Deploy');
      expectEqual(answer.header('x-call-id'), 'caller-8', 'X-Call-Id');
      expectEqual(answer.header('x-other'), 'kept', 'X-Other, a header of no meaning to the runtime');
    },
  },
  {
    name: 'says who answers where it fails, refuses and gives up: 408, 413, 429, 500, 504',
    section: 'Answers',
    needs: 'process',
    handler: 'contract',
    only: bantamRuntimes,
    async run(bench) {
      const replica = await bench.ready({
        environment: { max_inflight: '1', max_body_size: '1kb', exec_timeout: '1s', read_timeout: '2s' },
      });
      expectOwnError(await call(replica, '/throw'), 500, 'GET /throw');
      const large = { method: 'POST', body: 'x'.repeat(1025) };
      expectOwnError(await call(replica, '/count', large), 413, 'POST /count with 1025 bytes');
      expectOwnError(await call(replica, '/sleep?ms=20000'), 504, 'GET /sleep, longer than exec_timeout');
      const busy = await holdCall(replica);
      expectOwnError(await call(replica, '/calls'), 429, 'GET /calls beyond max_inflight');
      await busy();
      const slow = send(replica, '/count', { method: 'POST', headers: { 'Content-Length': '10' } });
      slow.request.write('x');
      // exec_timeout may come first where reading the body is part of the call: both are the runtime's own words.
      const answer = await (await slow.answer).rest();
      expectOwnError(answer, answer.status === 504 ? 504 : 408, 'POST /count whose body does not come');
    },
  },
];

/** Holds one call in flight, its answer begun, until the result is called. */
export async function holdCall(replica: Replica): Promise<() => Promise<void>> {
  const { request, answer } = send(replica, '/stream', { method: 'POST' });
  request.write('first ');
  const open = await answer;
  await open.next();
  return async () => {
    request.end();
    await open.rest();
  };
}
