import { readFile } from 'node:fs/promises';
import { call, expectStatus, send, tryCall } from './call.ts';
import { bantamRuntimes, type ContractCase } from './contract-case.ts';
import { endOf } from './ending.ts';
import { expect, expectEqual, expectMatch, expectNoMatch, show, Unkept } from './expectation.ts';
import { metricsOf } from './prometheus.ts';
import type { Replica } from './target.ts';
import { pause, until } from './wait.ts';

const section = 'Logs' as const;
const say = (text: string, stream = 'stdout'): string => `/say?stream=${stream}&text=${encodeURIComponent(text)}`;

/** Highest memory of the process so far in bytes (Linux). */
async function highWater(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(text)?.[1]) * 1024;
}

function parseLine(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // The sentence below says it.
  }
  throw new Unkept(`log_format=json: expected one JSON object for each line, got ${show(line)}`);
}

/** A secret that the handler's error quotes, and one that callers put into paths; the first one is written otherwise in JSON. */
const quoted = 'k7-"very"-secret\\text';
const inPath = 'zz-second-secret';

/** Each field may hold one: `error` (and in text the line), `path` (with `message`), `message` (calls that are cut off). */
const hidesSecrets = (format: 'text' | 'json'): ContractCase => ({
  name: `writes no secret into any field of its own lines, log_format ${format}`,
  section,
  needs: 'process',
  handler: 'contract',
  only: bantamRuntimes,
  async run(bench) {
    const environment = {
      ...{ log_format: format, log_level: 'debug', log_call_id: 'true' },
      ...{ exec_timeout: '20s', healthcheck_interval: '100ms', drain_timeout: '800ms' },
    };
    const replica = await bench.ready({ environment, secrets: { token: `${quoted}\n`, other: `${inPath}\n` } });
    const ask = (id: string, path: string): Promise<unknown> =>
      tryCall(replica, path, { headers: { 'X-Call-Id': id } });
    await ask('in-error', '/throw-secret');
    await ask('in-path', `/nowhere/${inPath}/x`);
    const { request, answer } = send(replica, `/echo/${inPath}`, {
      method: 'POST',
      headers: { 'X-Call-Id': 'in-cut' },
    });
    answer.catch(() => undefined);
    request.write('x');
    await until(
      async () => (await metricsOf(replica)).value('http_requests_in_flight') === 1 || undefined,
      'the call is in flight',
      bench.signal,
    );
    replica.send('SIGTERM');
    expectEqual(await endOf(replica), 1, 'exit code');
    const lines = replica.output.lines();
    for (const id of ['in-error', 'in-path', 'in-cut'])
      expect(
        lines.some((line) => line.includes(id)),
        `expected a line about the call ${id}, got ${show(lines.join(' | '))}`,
      );
    for (const line of lines) {
      const fields = format === 'json' ? Object.entries(parseLine(line)) : [['a line', line] as const];
      for (const [field, value] of [...fields, ['a line', line] as const])
        for (const secret of [quoted, JSON.stringify(quoted).slice(1, -1), inPath])
          expect(!String(value).includes(secret), `${field}: expected no secret, got ${show(String(value))}`);
    }
  },
});

export const logCases: readonly ContractCase[] = [
  {
    name: 'leaves what the handler writes where the handler writes it',
    section,
    needs: 'process',
    handler: 'contract',
    async run(bench) {
      const replica = await bench.ready();
      await call(replica, say('to stdout: {"a": 1}  é'));
      await call(replica, say('to stderr', 'stderr'));
      await replica.output.line(/to stderr/);
      await replica.output.line(/to stdout/);
      expect(replica.output.lines('stdout').includes('to stdout: {"a": 1}  é'), 'expected the line on stdout as it is');
      expect(replica.output.lines('stderr').includes('to stderr'), 'expected the line on stderr as it is');
    },
  },
  {
    name: 'writes its own lines to stderr, and none for a call unless asked to',
    section,
    needs: 'process',
    handler: 'contract',
    async run(bench) {
      const replica = await bench.ready();
      const before = replica.output.lines().length;
      for (let round = 0; round < 5; round += 1) await call(replica, '/status?code=200');
      await call(replica, say('after the calls'));
      await replica.output.line(/after the calls/);
      expectEqual(replica.output.lines().slice(before).join(' | '), 'after the calls', 'output since it was ready');
      expectEqual(replica.output.lines('stdout').join(' | '), 'after the calls', 'stdout');
    },
  },
  {
    name: 'writes a line for each call with log_call_id, that ends with its id',
    section,
    needs: 'process',
    handler: 'contract',
    only: bantamRuntimes,
    async run(bench) {
      const replica = await bench.ready({ environment: { log_call_id: 'true' } });
      const headers = { 'X-Call-Id': 'line-1' };
      await call(replica, '/count?hidden=1', { method: 'POST', body: 'abc', headers });
      const line = await replica.output.line(/line-1/);
      expectMatch(line, /POST \/count - 200 OK - ContentLength: 1B \(\d+\.\d{4}s\) \[line-1\]$/, 'the line of a call');
      await call(replica, '/status?code=404', { headers: { 'X-Call-Id': 'line-2' } });
      expectMatch(
        await replica.output.line(/line-2/),
        /GET \/status - 404 Not Found - .*\[line-2\]$/,
        'the line of a 404',
      );
      await call(replica, '/_/health', { headers: { 'X-Call-Id': 'line-3' } });
      await call(replica, say('after it'));
      await replica.output.line(/^after it/);
      expectNoMatch(replica.output.lines().join('\n'), /line-3/, 'output about /_/health');
    },
  },
  {
    name: 'writes the line for each call with log_level debug too',
    section,
    needs: 'process',
    handler: 'contract',
    only: bantamRuntimes,
    async run(bench) {
      const replica = await bench.ready({ environment: { log_level: 'debug' } });
      await call(replica, '/status?code=200', { headers: { 'X-Call-Id': 'line-4' } });
      await replica.output.line(/GET \/status - 200 OK - .*line-4/);
    },
  },
  {
    name: 'says nothing of its own with log_level error while all goes well',
    section,
    needs: 'process',
    handler: 'contract',
    only: bantamRuntimes,
    async run(bench) {
      const replica = await bench.ready({ environment: { log_level: 'error', healthcheck_interval: '100ms' } });
      await call(replica, say('only this'));
      await call(replica, '/throw', { headers: { 'X-Call-Id': 'and-that' } });
      await replica.output.line(/and-that/);
      replica.send('SIGTERM');
      await endOf(replica);
      expectEqual(replica.output.lines().length, 2, `lines of ${show(replica.output.lines().join(' | '))}`);
    },
  },
  {
    name: 'writes date, time and stream before each line of the handler with prefix_logs',
    section,
    needs: 'process',
    handler: 'contract',
    async run(bench) {
      const replica = await bench.ready({ environment: { prefix_logs: 'true' } });
      for (const stream of ['stdout', 'stderr']) {
        await call(replica, say(`prefixed ${stream}`, stream));
        const line = await replica.output.line(new RegExp(`prefixed ${stream}`));
        const prefix = new RegExp(`^\\d{4}[-/]\\d\\d[-/]\\d\\d[ T]\\d\\d:\\d\\d:\\d\\d\\S* ${stream}:? `);
        expectMatch(line, prefix, `a line of the handler's on ${stream}`);
      }
    },
  },
  {
    name: 'writes a line longer than log_buffer_size in several, none of it lost, and goes on',
    section,
    needs: 'process',
    handler: 'contract',
    async run(bench) {
      const environment = { log_buffer_size: '1000', prefix_logs: 'true' };
      const replica = await bench.ready({ environment });
      await call(replica, '/long-line?bytes=3500');
      await call(replica, say('the next line'));
      await replica.output.line(/the next line/);
      const parts = replica.output.lines('stdout').map((line) => /[xX]+$/.exec(line)?.[0].length ?? 0);
      const long = parts.filter((length) => length > 0);
      expectEqual(
        long.reduce((sum, length) => sum + length, 0),
        3500,
        `characters of a line of 3500, in parts of ${long.join(', ')}`,
      );
      expect(Math.max(...long) <= 1000, `expected parts of at most 1000, got ${long.join(', ')}`);
    },
  },
  {
    name: 'writes every line as a JSON object with log_format json',
    section,
    needs: 'process',
    handler: 'contract',
    only: bantamRuntimes,
    async run(bench) {
      const environment = { log_format: 'json', log_call_id: 'true', healthcheck_interval: '200ms' };
      const replica = await bench.ready({ environment });
      await call(replica, say('plain "text"\twith\\marks'));
      await call(replica, say('on stderr', 'stderr'));
      await call(replica, '/throw?x=hidden', { headers: { 'X-Call-Id': 'json-1' } });
      await call(replica, '/count', { method: 'POST', body: 'abc', headers: { 'X-Call-Id': 'json-2' } });
      await replica.output.line(/json-2/);
      replica.send('SIGTERM');
      await endOf(replica);
      const lines = replica.output.lines().map((line) => parseLine(line));
      for (const line of lines) {
        expectMatch(String(line['time']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?/, 'time of a line');
        expectMatch(String(line['level']), /^(error|warn|info|debug)$/, 'level of a line');
        expect(typeof line['message'] === 'string', 'message of a line: expected a string');
      }
      const said = lines.find((line) => line['message'] === 'plain "text"\twith\\marks');
      expectEqual(said?.['stream'], 'stdout', 'stream of a line that the handler wrote');
      const other = lines.find((line) => line['message'] === 'on stderr');
      expectEqual(other?.['stream'], 'stderr', 'stream of a line that the handler wrote to stderr');
      const failed = lines.find((line) => line['call_id'] === 'json-1' && line['level'] === 'error');
      expectEqual(failed?.['method'], 'GET', 'method of the line about a call that failed');
      expectEqual(failed?.['path'], '/throw', 'path of the line about a call that failed');
      expectMatch(String(failed?.['error']), /no luck/, 'error of the line about a call that failed');
      const done = lines.find((line) => line['call_id'] === 'json-2' && line['status'] !== undefined);
      expectEqual(done?.['status'], 200, 'status of the line of a call');
      expectEqual(typeof done?.['seconds'], 'number', 'type of seconds of the line of a call');
    },
  },
  {
    name: 'writes no query string, header, body or secret into its own lines',
    section,
    needs: 'process',
    handler: 'contract',
    only: bantamRuntimes,
    async run(bench) {
      const secret = 'k7-very-secret-text';
      const environment = { log_level: 'debug', log_call_id: 'true', healthcheck_interval: '100ms' };
      const replica = await bench.ready({
        environment,
        secrets: { token: `${secret}\n`, other: 'zz-second-secret\n' },
      });
      const headers = { Authorization: 'Bearer hidden-header', Cookie: 'a=hidden-cookie' };
      const body = 'hidden-body';
      for (const path of ['/whole', '/throw', '/throw-late', '/throw-secret', '/status', '/nowhere', '/stream'])
        await call(replica, `${path}?hidden-query=1&code=404`, { method: 'POST', headers, body }).catch(
          () => undefined,
        );
      await call(replica, '/secret?name=token&hidden-query=1', { headers });
      await pause(100, bench.signal);
      replica.send('SIGTERM');
      await endOf(replica);
      const text = replica.output.lines().join('\n');
      expectNoMatch(text, /hidden-(query|header|cookie|body)/, 'output');
      expectNoMatch(text, /k7-very-secret-text|zz-second-secret/, 'output');
      expectMatch(text, /throw-secret/, 'output, about the call that failed with a secret in its error');
    },
  },
  hidesSecrets('text'),
  hidesSecrets('json'),
  {
    name: 'writes 100 MB of a handler’s lines, all of them, in bounded memory, to a slow reader too',
    section,
    needs: 'process',
    handler: 'contract',
    heavy: true,
    patience: 90_000,
    async run(bench) {
      const replica = await bench.ready();
      const before = await memoryOf(replica);
      replica.output.pause();
      const answer = call(replica, '/log?mb=100', { patience: 80_000 });
      answer.catch(() => undefined);
      await pause(1500, bench.signal);
      replica.output.resume();
      expectStatus(await answer, 200, 'GET /log?mb=100');
      await until(
        () => replica.output.bytes('stdout') >= 100 * 1024 * 1024 || undefined,
        'all of 100 MB arrive',
        bench.signal,
        30_000,
      );
      expectEqual(replica.output.bytes('stdout'), 100 * 1024 * 1024, 'bytes on stdout');
      const grown = (await memoryOf(replica)) - before;
      expect(grown < 80e6, `memory: expected it to grow by less than 80 MB, got ${Math.round(grown / 1e6)} MB`);
      expectStatus(await call(replica, '/_/health'), 200, '/_/health after it');
    },
  },
];

async function memoryOf(replica: Replica): Promise<number> {
  return replica.pid === undefined || process.platform !== 'linux' ? 0 : await highWater(replica.pid);
}
