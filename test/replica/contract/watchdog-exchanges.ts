import type { Answer } from '../../../cli/replica/contract/call.ts';
import { call, send } from '../../../cli/replica/contract/call.ts';
import { metricsOf } from '../../../cli/replica/contract/prometheus.ts';
import type { Bench, Replica } from '../../../cli/replica/contract/target.ts';
import { until } from '../../../cli/replica/contract/wait.ts';

/** What one question brought: an answer, lines of output, or names on the metrics port. Numbers that differ each time are zeros. */
export interface Observation {
  readonly status?: number;
  /** `X-…` headers and Retry-After, by lower-case name. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly lines?: readonly string[];
  readonly metrics?: readonly string[];
}

/** A question that of-watchdog and our runtimes are asked alike. */
export interface Exchange {
  readonly name: string;
  ask(bench: Bench): Promise<Observation>;
}

/** The file of test/recordings/of-watchdog/. */
export interface Recording {
  readonly version: string;
  readonly recorded: string;
  readonly observations: Readonly<Record<string, Observation>>;
}

const ask = (
  name: string,
  path: string,
  { environment = {}, method = 'GET' }: { environment?: Record<string, string>; method?: string } = {},
): Exchange => ({
  name,
  ask: async (bench) => observe(await call(await bench.ready({ environment }), path, { method })),
});

const whileBusy = (name: string, path: string): Exchange => ({
  name,
  async ask(bench) {
    const replica = await bench.ready({ environment: { max_inflight: '1' } });
    const { request, answer } = send(replica, '/sleep?ms=1000');
    request.end();
    await until(
      async () => (await metricsOf(replica)).value('http_requests_in_flight') === 1 || undefined,
      'a call is in flight',
      bench.signal,
    );
    const observation = observe(await call(replica, path));
    await (await answer).rest();
    return observation;
  },
});

const withGate = (answer: string): Exchange => ({
  name: `ready with ready_path whose answer is ${answer}`,
  async ask(bench) {
    const replica = await bench.ready({ environment: { ready_path: '/gate' } });
    await call(replica, `/gate?answer=${answer}`, { method: 'POST' });
    return { status: (await call(replica, '/_/ready')).status };
  },
});

const afterSignal = (path: string): Exchange => ({
  name: `${path} after SIGTERM, within healthcheck_interval`,
  async ask(bench) {
    const environment = { healthcheck_interval: '3s' };
    const replica = await bench.ready({ environment });
    replica.send('SIGTERM');
    await until(
      async () => (await call(replica, '/_/ready')).status === 503 || undefined,
      'the signal has arrived',
      bench.signal,
    );
    return { status: (await call(replica, path)).status };
  },
});

const lineOf = (name: string, path: string, pattern: RegExp, environment: Record<string, string>): Exchange => ({
  name,
  async ask(bench) {
    const replica = await bench.ready({ environment });
    await call(replica, path);
    return { lines: [zero(await replica.output.line(pattern))] };
  },
});

export const exchanges: readonly Exchange[] = [
  ask('health', '/_/health'),
  ask('health by HEAD', '/_/health', { method: 'HEAD' }),
  ask('health by POST', '/_/health', { method: 'POST' }),
  ask('ready', '/_/ready'),
  ask('ready by POST', '/_/ready', { method: 'POST' }),
  ask('a call', '/sleep?ms=1'),
  ask('a call by HEAD', '/status?code=200', { method: 'HEAD' }),
  ask('a call that the handler answers 404', '/nowhere'),
  ask('a call that the handler answers 204', '/empty'),
  ask('a call that takes longer than exec_timeout', '/sleep?ms=3000', { environment: { exec_timeout: '300ms' } }),
  whileBusy('a call beyond max_inflight', '/calls'),
  whileBusy('ready while max_inflight calls are in flight', '/_/ready'),
  whileBusy('health while max_inflight calls are in flight', '/_/health'),
  withGate('200'),
  withGate('204'),
  withGate('503'),
  withGate('404'),
  withGate('302'),
  afterSignal('/_/health'),
  afterSignal('/_/ready'),
  lineOf('the line of a call', '/status?code=200', /\/status.*- 200/, { log_call_id: 'true' }),
  lineOf('a line of the handler with prefix_logs', '/say?stream=stdout&text=hello', /hello$/, { prefix_logs: 'true' }),
  {
    name: 'names, labels and types on the metrics port',
    async ask(bench) {
      const replica = await bench.ready();
      await call(replica, '/status?code=200');
      await call(replica, '/status?code=404', { method: 'POST' });
      return { metrics: await namesOf(replica) };
    },
  },
  {
    name: 'calls in flight on the metrics port',
    async ask(bench) {
      const replica = await bench.ready();
      const { request, answer } = send(replica, '/sleep?ms=1000');
      request.end();
      const seen = await until(
        async () => (await metricsOf(replica)).value('http_requests_in_flight') || undefined,
        'a call is in flight',
        bench.signal,
      );
      await (await answer).rest();
      return { metrics: [`http_requests_in_flight ${seen}`] };
    },
  },
];

async function namesOf(replica: Replica): Promise<string[]> {
  const { samples, types } = await until(
    async () => {
      const metrics = await metricsOf(replica);
      const counted = metrics.samples.filter(({ name }) => name === 'http_requests_total').length;
      return counted >= 2 ? metrics : undefined;
    },
    'two kinds of calls are counted',
    replica.signal,
  );
  const named = samples
    .filter(({ name }) => /^(http|process)_/.test(name))
    .map(
      ({ name, labels }) =>
        `${name}{${Object.entries(labels)
          .map(([key, value]) => `${key}="${value}"`)
          .sort()}}`,
    );
  const typed = [...types].filter(([name]) => /^(http|process)_/.test(name)).map(([name, type]) => `${name}: ${type}`);
  return [...new Set([...named, ...typed])].sort();
}

function observe(answer: Answer): Observation {
  const names = ['x-duration-seconds', 'x-start-time', 'x-call-id', 'retry-after'];
  const found = names.flatMap((name) => {
    const value = answer.header(name);
    return value === undefined ? [] : [[name, value.replace(/\d/g, '0')] as const];
  });
  return { status: answer.status, headers: Object.fromEntries(found), body: answer.body };
}

/** Times as zeros, so that two runs say the same. */
function zero(line: string): string {
  return line
    .replace(/\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d/, '0000/00/00 00:00:00')
    .replace(/\(\d+\.(\d+)s\)/, (_whole, digits: string) => `(0.${digits.replace(/\d/g, '0')}s)`)
    .replace(/\[[^\]]+\]$/, '[id]');
}
