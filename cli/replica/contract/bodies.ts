import { begin, call, expectStatus, send } from './call.ts';
import { openConnection } from './connection.ts';
import { bantamRuntimes, type ContractCase } from './contract-case.ts';
import { expect, expectEqual, expectMatch } from './expectation.ts';

/** Bytes of every value, more than one read takes. */
const bytes = Buffer.from(Array.from({ length: 300_000 }, (_byte, index) => (index * 31) % 256));

/** What `/echo` says it received. */
interface Echo {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export const bodyCases: readonly ContractCase[] = [
  {
    name: 'passes bodies through unharmed, every byte of them, both ways',
    section: 'Answers',
    needs: 'url',
    handler: 'contract',
    async run(replica) {
      for (const path of ['/whole', '/stream']) {
        const answer = await call(replica, path, { method: 'POST', body: bytes });
        expectStatus(answer, 200, `POST ${path}`);
        expect(answer.bytes.equals(bytes), `POST ${path}: expected the same ${bytes.length} bytes, got others`);
      }
      const large = 'bantam '.repeat(700_000);
      const answer = await call(replica, '/whole', { method: 'POST', body: large });
      expect(answer.body === large, 'POST /whole: expected the same 4.9 MB, got others');
      expectEqual((await call(replica, '/whole', { method: 'POST' })).body, '', 'POST /whole without a body');
    },
  },
  {
    name: 'hands on method, path, query and headers as they came',
    section: 'Answers',
    needs: 'url',
    handler: 'contract',
    async run(replica) {
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
        const withBody = method !== 'GET' && method !== 'OPTIONS';
        const answer = await call(replica, '/echo/a%2Fb/c%20d/?x=1&x=2&y=%26', {
          method,
          headers: { 'X-One': 'first', 'Content-Type': 'text/x-bantam' },
          ...(withBody ? { body: 'h\u00e9' } : {}),
        });
        expectStatus(answer, 200, `${method} /echo`);
        const echo = JSON.parse(answer.body) as Echo;
        expectEqual(echo.method, method, 'method');
        expectEqual(echo.path, '/echo/a%2Fb/c%20d/', 'path');
        expectEqual(echo.query, 'x=1&x=2&y=%26', 'query');
        expectEqual(echo.headers['x-one'], 'first', 'header X-One');
        expectEqual(echo.headers['content-type'], 'text/x-bantam', 'header Content-Type');
        expectEqual(echo.body, withBody ? 'h\u00e9' : '', 'body');
      }
    },
  },
  {
    name: 'hands on several cookies as several',
    section: 'Answers',
    needs: 'url',
    handler: 'contract',
    async run(replica) {
      const cookies = (await call(replica, '/cookies')).headers('set-cookie');
      expectEqual(cookies.join(' & '), 'a=1; Path=/ & b=2, really', 'Set-Cookie');
    },
  },
  {
    name: 'answers HEAD without a body',
    section: 'Answers',
    needs: 'url',
    handler: 'contract',
    async run(replica) {
      for (const path of ['/status?code=200', '/whole', '/events?count=3&ms=1']) {
        const answer = await call(replica, path, { method: 'HEAD' });
        expectStatus(answer, 200, `HEAD ${path}`);
        expectEqual(answer.body, '', `HEAD ${path}: body`);
      }
    },
  },
  {
    name: 'answers HEAD so that the connection serves the next call',
    section: 'Answers',
    needs: 'process',
    handler: 'contract',
    async run(bench) {
      const connection = await openConnection(await bench.ready());
      for (let round = 0; round < 2; round += 1) {
        connection.write('HEAD /status?code=200 HTTP/1.1\r\nHost: x\r\n\r\n');
        const head = await connection.read(/\r\n\r\n/);
        expectMatch(head, /^HTTP\/1\.1 200 [\s\S]*\r\n\r\n$/, 'HEAD: a head and nothing behind it');
      }
      connection.write('GET /status?code=200 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
      expectMatch(await connection.closed(), /^HTTP\/1\.1 200 /, 'GET after HEAD on the same connection');
    },
  },
  {
    name: 'bounds a body of known length: 413 before it is sent',
    section: 'Settings',
    needs: 'process',
    handler: 'contract',
    only: bantamRuntimes,
    async run(bench) {
      const replica = await bench.ready({ environment: { max_body_size: '2kb' } });
      const fits = await call(replica, '/count', { method: 'POST', body: 'x'.repeat(2048) });
      expectEqual(fits.body, '2048', 'POST /count with exactly max_body_size');
      const before = Number((await call(replica, '/calls')).body);
      const connection = await openConnection(replica);
      connection.write('POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 2049\r\n\r\n');
      expectMatch(await connection.read(/\r\n\r\n/), /^HTTP\/1\.1 413 /, 'one byte more, not even sent');
      connection.destroy();
      expectEqual((await call(replica, '/calls')).body, String(before + 1), 'calls of the handler: not the one of 413');
    },
  },
  {
    name: 'bounds a body of unknown length: 413',
    section: 'Settings',
    needs: 'process',
    handler: 'contract',
    only: bantamRuntimes,
    async run(bench) {
      const replica = await bench.ready({ environment: { max_body_size: '2kb' } });
      const chunked = { method: 'POST', headers: { 'Transfer-Encoding': 'chunked' } };
      const fits = await call(replica, '/count', { ...chunked, body: 'x'.repeat(2048) });
      expectEqual(fits.body, '2048', 'POST /count with exactly max_body_size in chunks');
      const { request, answer } = send(replica, '/count', chunked);
      request.write('x'.repeat(2048));
      request.write('x');
      expectStatus(await (await answer).rest(), 413, 'POST /count with one byte more, in chunks');
      request.destroy();
      expectStatus(await call(replica, '/calls'), 200, 'the next call');
    },
  },
  {
    name: 'bounds a body at 100 MB unless told otherwise',
    section: 'Settings',
    needs: 'process',
    handler: 'contract',
    only: bantamRuntimes,
    async run(bench) {
      const replica = await bench.ready();
      const connection = await openConnection(replica);
      connection.write(`POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: ${100 * 1024 * 1024 + 1}\r\n\r\n`);
      expectMatch(await connection.read(/\r\n\r\n/), /^HTTP\/1\.1 413 /, 'Content-Length of 100 MB and one byte');
      connection.destroy();
      await replica.end();
      const unbounded = await bench.ready({ environment: { max_body_size: '0' } });
      const other = await openConnection(unbounded);
      other.write(
        `POST /stream HTTP/1.1\r\nHost: x\r\nContent-Length: ${200 * 1024 * 1024}\r\n\r\n${'first '.repeat(4)}`,
      );
      expectMatch(await other.read(/first/), /^HTTP\/1\.1 200 /, '200 MB with max_body_size 0');
    },
  },
  {
    name: 'answers an expected 100-continue, then takes the body',
    section: 'Answers',
    needs: 'process',
    handler: 'contract',
    async run(bench) {
      const connection = await openConnection(await bench.ready());
      connection.write(
        'POST /whole HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n',
      );
      await connection.read(/^HTTP\/1\.1 100 Continue\r\n\r\n/);
      connection.write('hello');
      expectMatch(await connection.closed(), /^HTTP\/1\.1 200 [\s\S]*hello/, 'the answer after 100 Continue');
    },
  },
  {
    name: 'hands the trailers of a request to the handler',
    section: 'Answers',
    needs: 'process',
    handler: 'contract',
    only: ['bantam-go', 'of-watchdog'],
    async run(bench) {
      const connection = await openConnection(await bench.ready());
      connection.write(
        'POST /trailers HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\nConnection: close\r\n\r\n' +
          '5\r\nhello\r\n0\r\nX-Sum: abc\r\n\r\n',
      );
      expectMatch(await connection.closed(), /request trailer: abc/, 'the trailer X-Sum that the handler saw');
    },
  },
  {
    name: 'hands the trailers of the handler to the caller',
    section: 'Answers',
    needs: 'process',
    handler: 'contract',
    async run(bench) {
      const answer = await call(await bench.ready(), '/trailers', { method: 'POST', body: 'x' });
      expectEqual(answer.trailers['x-checksum'], 'abc123', 'the trailer X-Checksum of the answer');
    },
  },
  {
    name: 'streams both ways: the answer begins before the request has ended',
    section: 'Answers',
    needs: 'url',
    handler: 'contract',
    async run(replica) {
      const { request, answer } = send(replica, '/stream', { method: 'POST' });
      request.write('one\n');
      const open = await answer;
      expectEqual(await open.next(), 'one\n', 'POST /stream: what came before the request had ended');
      request.end('two\n');
      expectEqual((await open.rest()).body, 'two\n', 'POST /stream: the rest');
    },
  },
  {
    name: 'does not hold back an event stream',
    section: 'Answers',
    needs: 'url',
    handler: 'contract',
    async run(replica) {
      const answer = await begin(replica, '/events?count=2&ms=1500', { headers: { Accept: 'text/event-stream' } });
      expectMatch(answer.header('content-type'), /^text\/event-stream/, 'GET /events: Content-Type');
      const began = performance.now();
      expectMatch(await answer.next(), /^data: 1\n\n$/, 'GET /events: the first event, alone');
      await answer.rest();
      // The second event is sent 1.5 s after the first: had the first been held back, both had come together.
      expect(performance.now() - began > 700, 'GET /events: expected the first event at once, got it with the second');
    },
  },
];
