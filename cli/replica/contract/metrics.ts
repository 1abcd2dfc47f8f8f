import { call, expectStatus, send } from './call.ts';
import { bantamRuntimes, type ContractCase } from './contract-case.ts';
import { expect, expectEqual, expectMatch } from './expectation.ts';
import { holdCall } from './identity.ts';
import { type Metrics, metricsOf } from './prometheus.ts';
import type { Replica } from './target.ts';
import { until } from './wait.ts';

/** Prometheus' default buckets in seconds. */
const buckets = ['0.005', '0.01', '0.025', '0.05', '0.1', '0.25', '0.5', '1', '2.5', '5', '10', '+Inf'];

/** A call is counted when it has ended, a moment after its answer. */
async function settled(replica: Replica, calls: number): Promise<Metrics> {
  return await until(
    async () => {
      const metrics = await metricsOf(replica);
      const total = metrics.samples
        .filter(({ name }) => name === 'http_requests_total')
        .reduce((sum, { value }) => sum + value, 0);
      expect(total <= calls, `http_requests_total: expected ${calls} in all, got ${total}`);
      return total === calls ? metrics : undefined;
    },
    `http_requests_total is ${calls} in all`,
    replica.signal,
  );
}

export const metricCases: readonly ContractCase[] = [
  {
    name: 'counts calls by code and method, exactly',
    section: 'Metrics',
    needs: 'process',
    handler: 'contract',
    async run(bench) {
      const replica = await bench.ready();
      for (let round = 0; round < 5; round += 1) await call(replica, '/status?code=200');
      for (let round = 0; round < 3; round += 1) await call(replica, '/count', { method: 'POST', body: 'x' });
      await call(replica, '/status?code=404');
      await call(replica, '/status?code=200', { method: 'HEAD' });
      await call(replica, '/throw');
      const metrics = await settled(replica, 11);
      for (const [code, method, count] of [
        ['200', 'get', 5],
        ['200', 'post', 3],
        ['404', 'get', 1],
        ['200', 'head', 1],
        ['500', 'get', 1],
      ] as const) {
        expectEqual(
          metrics.value('http_requests_total', { code, method }),
          count,
          `http_requests_total{code="${code}",method="${method}"}`,
        );
        expectEqual(
          metrics.value('http_request_duration_seconds_count', { code, method }),
          count,
          `http_request_duration_seconds_count{code="${code}",method="${method}"}`,
        );
      }
      expectEqual(metrics.value('http_requests_in_flight'), 0, 'http_requests_in_flight');
    },
  },
  {
    name: 'does not count what is asked under /_/',
    section: 'Metrics',
    needs: 'process',
    handler: 'any',
    async run(bench) {
      const replica = await bench.ready();
      for (const path of ['/_/health', '/_/ready', '/_/ready?x']) await call(replica, path);
      await call(replica, '/_/health', { method: 'POST' });
      const { samples } = await metricsOf(replica);
      const counted = samples.filter(({ name, value }) => name === 'http_requests_total' && value > 0);
      expectEqual(JSON.stringify(counted), '[]', 'http_requests_total after probes alone');
    },
  },
  {
    name: 'measures how long calls take, in Prometheus’ default buckets',
    section: 'Metrics',
    needs: 'process',
    handler: 'contract',
    async run(bench) {
      const replica = await bench.ready();
      await call(replica, '/sleep?ms=300');
      await call(replica, '/sleep?ms=1');
      const metrics = await settled(replica, 2);
      const labels = { code: '200', method: 'get' };
      const name = 'http_request_duration_seconds';
      const found = metrics.samples.filter((sample) => sample.name === `${name}_bucket`);
      expectEqual(found.map((sample) => sample.labels['le']).join(' '), buckets.join(' '), 'buckets');
      expect(
        found.every(({ value }, index) => value >= (found[index - 1]?.value ?? 0)),
        'expected buckets that count up',
      );
      expectEqual(metrics.value(`${name}_bucket`, { ...labels, le: '+Inf' }), 2, 'calls in all');
      expect(metrics.value(`${name}_bucket`, { ...labels, le: '0.25' }) <= 1, 'expected one call above 0.25 s');
      const sum = metrics.value(`${name}_sum`, labels);
      expect(sum >= 0.29 && sum < 10, `${name}_sum: expected 0.3 s and a little, got ${sum}`);
      expectEqual(metrics.types.get(name), 'histogram', `# TYPE ${name}`);
      expectEqual(metrics.types.get('http_requests_total'), 'counter', '# TYPE http_requests_total');
      expectEqual(metrics.types.get('http_requests_in_flight'), 'gauge', '# TYPE http_requests_in_flight');
    },
  },
  {
    name: 'says how many calls are in flight',
    section: 'Metrics',
    needs: 'process',
    handler: 'contract',
    async run(bench) {
      const replica = await bench.ready();
      const first = await holdCall(replica);
      const second = await holdCall(replica);
      expectEqual((await metricsOf(replica)).value('http_requests_in_flight'), 2, 'http_requests_in_flight');
      await Promise.all([first(), second()]);
      const metrics = await settled(replica, 2);
      expectEqual(metrics.value('http_requests_in_flight'), 0, 'http_requests_in_flight after both have ended');
    },
  },
  {
    name: 'counts calls that it refuses or gives up: 413, 429, 504',
    section: 'Metrics',
    needs: 'process',
    handler: 'contract',
    only: bantamRuntimes,
    async run(bench) {
      const environment = { max_inflight: '1', max_body_size: '1kb', exec_timeout: '300ms' };
      const replica = await bench.ready({ environment });
      await call(replica, '/count', { method: 'POST', body: 'x'.repeat(2000) });
      expectStatus(await call(replica, '/sleep?ms=9000'), 504, 'a call longer than exec_timeout');
      const { request, answer } = send(replica, '/sleep?ms=9000');
      request.end();
      await until(
        async () => (await metricsOf(replica)).value('http_requests_in_flight') === 1 || undefined,
        'a call is in flight',
        bench.signal,
      );
      expectStatus(await call(replica, '/calls'), 429, 'a call beyond max_inflight');
      await (await answer).rest();
      const metrics = await settled(replica, 4);
      for (const [code, method, count] of [
        ['413', 'post', 1],
        ['429', 'get', 1],
        ['504', 'get', 2],
      ] as const)
        expectEqual(
          metrics.value('http_requests_total', { code, method }),
          count,
          `http_requests_total{code="${code}",method="${method}"}`,
        );
    },
  },
  {
    name: 'says what the process uses',
    section: 'Metrics',
    needs: 'process',
    handler: 'any',
    async run(bench) {
      const metrics = await metricsOf(await bench.ready());
      expectMatch(metrics.contentType, /^text\/plain\b/, 'GET /metrics: Content-Type');
      const started = metrics.value('process_start_time_seconds') * 1000;
      expect(
        Math.abs(Date.now() - started) < 120_000,
        `process_start_time_seconds: expected now, got ${started / 1000}`,
      );
      const resident = metrics.value('process_resident_memory_bytes');
      expect(resident > 1e6 && resident < 1e9, `process_resident_memory_bytes: got ${resident}`);
      // It counts in hundredths: a quick start may be none.
      const cpu = metrics.samples.find(({ name }) => name === 'process_cpu_seconds_total');
      expect(cpu !== undefined && cpu.value >= 0, `process_cpu_seconds_total: got ${cpu?.value}`);
      expect(metrics.value('process_open_fds') > 3, 'process_open_fds: expected more than 3');
    },
  },
];
