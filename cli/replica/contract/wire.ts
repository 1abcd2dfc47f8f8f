import { call, expectStatus } from './call.ts';
import { openConnection } from './connection.ts';
import type { ContractCase } from './contract-case.ts';
import { expectEqual, expectMatch } from './expectation.ts';

/** HTTP as ill-behaved or old clients speak it. None of it may end the process. */
export const wireCases: readonly ContractCase[] = [
  {
    name: 'answers pipelined requests in their order',
    section: 'Answers',
    needs: 'process',
    handler: 'any',
    async run(bench) {
      const connection = await openConnection(await bench.ready());
      const ids = Array.from({ length: 10 }, (_one, index) => `pipe-${index}`);
      const requests = ids.map((id) => `GET /_/health HTTP/1.1\r\nHost: x\r\nX-Call-Id: ${id}\r\n\r\n`);
      connection.write(`${requests.join('')}GET /_/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      const text = await connection.closed();
      const answered = [...text.matchAll(/^x-call-id: (pipe-\d+)\r$/gim)].map((match) => match[1]);
      expectEqual(answered.join(' '), ids.join(' '), 'call ids of the answers');
      expectEqual([...text.matchAll(/^HTTP\/1\.1 200 /gm)].length, 11, 'answers with 200');
    },
  },
  {
    name: 'answers pipelined calls of the handler in their order, a slow one first',
    section: 'Answers',
    needs: 'process',
    handler: 'contract',
    async run(bench) {
      const connection = await openConnection(await bench.ready());
      connection.write(
        'GET /sleep?ms=200 HTTP/1.1\r\nHost: x\r\nX-Call-Id: pipe-1\r\n\r\n' +
          'POST /whole HTTP/1.1\r\nHost: x\r\nX-Call-Id: pipe-2\r\nContent-Length: 5\r\n\r\nhello' +
          'GET /_/ready HTTP/1.1\r\nHost: x\r\nX-Call-Id: pipe-3\r\nConnection: close\r\n\r\n',
      );
      const text = await connection.closed();
      const answered = [...text.matchAll(/^x-call-id: (pipe-\d+)\r$/gim)].map((match) => match[1]);
      expectEqual(answered.join(' '), 'pipe-1 pipe-2 pipe-3', 'call ids of the answers');
      expectMatch(text, /slept[\s\S]*hello[\s\S]*OK/, 'bodies');
    },
  },
  {
    name: 'refuses headers of 2 MB with 431 and lives',
    section: 'Answers',
    needs: 'process',
    handler: 'any',
    async run(bench) {
      const replica = await bench.ready();
      const connection = await openConnection(replica);
      connection.write(`GET /_/health HTTP/1.1\r\nHost: x\r\nX-Large: ${'x'.repeat(2_000_000)}\r\n\r\n`);
      expectMatch(await connection.read(/\r\n\r\n/), /^HTTP\/1\.1 431 /, 'headers of 2 MB');
      connection.destroy();
      expectStatus(await call(replica, '/_/health'), 200, '/_/health after it');
    },
  },
  {
    name: 'refuses headers of 64 KB with 431 and lives',
    section: 'Answers',
    needs: 'process',
    handler: 'any',
    async run(bench) {
      const replica = await bench.ready();
      const connection = await openConnection(replica);
      connection.write(`GET /_/health HTTP/1.1\r\nHost: x\r\nX-Large: ${'x'.repeat(64 * 1024)}\r\n\r\n`);
      expectMatch(await connection.read(/\r\n\r\n/), /^HTTP\/1\.1 431 /, 'headers of 64 KB');
      connection.destroy();
      expectStatus(await call(replica, '/_/health'), 200, '/_/health after it');
    },
  },
  {
    name: 'takes headers of 8 KB',
    section: 'Answers',
    needs: 'url',
    handler: 'any',
    async run(replica) {
      const headers = { 'X-Token': 'x'.repeat(8 * 1024) };
      expectStatus(await call(replica, '/_/health', { headers }), 200, '/_/health with headers of 8 KB');
    },
  },
  {
    name: 'answers 400 to what is no HTTP and lives',
    section: 'Answers',
    needs: 'process',
    handler: 'any',
    async run(bench) {
      const replica = await bench.ready();
      for (const text of [
        'HELLO\r\n\r\n',
        'GET /_/health HTTP/one\r\nHost: x\r\n\r\n',
        'GET /_/health HTTP/1.1\r\nHost: x\r\nno colon here\r\n\r\n',
        'POST /_/health HTTP/1.1\r\nHost: x\r\nContent-Length: ten\r\n\r\n',
        'GET /_/health HTTP/1.1\r\n\r\n',
      ]) {
        const connection = await openConnection(replica);
        connection.write(text);
        expectMatch(await connection.read(/\r\n/), /^HTTP\/1\.1 400 /, `to ${JSON.stringify(text)}`);
        connection.destroy();
      }
      expectStatus(await call(replica, '/_/health'), 200, '/_/health after it');
    },
  },
  {
    name: 'answers a request to upgrade to HTTP/2 in HTTP/1.1',
    section: 'Answers',
    needs: 'process',
    handler: 'contract',
    async run(bench) {
      const connection = await openConnection(await bench.ready());
      connection.write(
        'GET /calls HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n' +
          'HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n',
      );
      const text = await connection.read(/\r\n\r\n[\s\S]*1/);
      expectMatch(text, /^HTTP\/1\.1 200 /, 'the answer to Upgrade: h2c');
      expectMatch(text, /^x-call-id: \S+\r$/im, 'the answer to Upgrade: h2c');
      connection.destroy();
    },
  },
  {
    name: 'lives on when callers hang up at any moment',
    section: 'Answers',
    needs: 'process',
    handler: 'contract',
    async run(bench) {
      const replica = await bench.ready();
      for (const text of [
        '',
        'GET',
        'GET /calls HTTP/1.1\r\nHo',
        'POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf',
        'POST /stream HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel',
        'GET /events?count=100&ms=10 HTTP/1.1\r\nHost: x\r\n\r\n',
      ]) {
        const connection = await openConnection(replica);
        connection.write(text);
        connection.destroy();
        const polite = await openConnection(replica);
        polite.write(text);
        polite.end();
        expectStatus(await call(replica, '/status?code=200'), 200, `a call after ${JSON.stringify(text)}`);
        polite.destroy();
      }
    },
  },
];
