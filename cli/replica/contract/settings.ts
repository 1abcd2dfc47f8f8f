import { takesConnections, waitUntilReady } from './bench.ts';
import { call, expectStatus } from './call.ts';
import { bantamRuntimes, type ContractCase } from './contract-case.ts';
import { endOf } from './ending.ts';
import { expect, expectEqual, expectMatch, show } from './expectation.ts';
import type { Replica } from './target.ts';
import { pause } from './wait.ts';

/** Values that make no sense, by variable. */
const nonsense: Readonly<Record<string, readonly string[]>> = {
  port: ['http', '70000', '-1', '80.5'],
  metrics_port: ['http', '70000', '-1'],
  read_timeout: ['soon', '-1s', '5 minutes', '1h30'],
  write_timeout: ['soon', '-1s'],
  exec_timeout: ['soon', '-5'],
  healthcheck_interval: ['often', '-1s'],
  drain_timeout: ['soon', '-1ms', '1.5'],
  max_inflight: ['many', '-1', '1.5'],
  max_body_size: ['big', '-1', '10 parsecs'],
  isolation: ['thread', 'Guard'],
  log_format: ['xml', 'JSON5'],
  log_level: ['loud'],
  log_call_id: ['perhaps'],
  prefix_logs: ['perhaps'],
  log_buffer_size: ['long', '-1'],
};

/** Those of them that of-watchdog knows as well. */
const common = [
  'port',
  'read_timeout',
  'write_timeout',
  'exec_timeout',
  'healthcheck_interval',
  'max_inflight',
  'prefix_logs',
  'log_buffer_size',
];

const refusals = Object.entries(nonsense).map(
  ([name, values]): ContractCase => ({
    name: `refuses a ${name} that makes no sense, by name`,
    section: 'Settings',
    needs: 'process',
    handler: 'any',
    ...(name === 'isolation' ? { only: ['bantam-ts'] } : common.includes(name) ? {} : { only: bantamRuntimes }),
    async run(bench) {
      for (const value of values) {
        const replica = await bench.spawn({ environment: { [name]: value } });
        await Promise.race([endOf(replica), refuseToServe(replica, `${name}=${value}`)]);
        const said = replica.output.lines().join(' | ');
        const line = replica.output.lines().find((text) => text.includes(name) && text.includes(value));
        expect(line !== undefined, `${name}=${value}: expected a line that names both, got ${show(said)}`);
        expectEqual(await endOf(replica), 1, `${name}=${value}: exit code`);
      }
    },
  }),
);

/** Rejects when the replica takes connections: it should have ended. */
async function refuseToServe(replica: Replica, what: string): Promise<void> {
  const port = Number(/:(\d{1,5})$/.exec(replica.url)?.[1] ?? 0);
  if (port === 0 || port > 65_535) return await new Promise(() => undefined); // a port that is none: nobody to ask
  while (!(await takesConnections('127.0.0.1', port))) await pause(50, replica.signal);
  // One that refuses its settings only after it has opened its port still ends.
  const alive = pause(1000, replica.signal).then(() => true);
  const running = await Promise.race([replica.ended.then(() => false), alive]);
  expect(!running, `${what}: expected an end with a line that names it, but it serves`);
}

export const settingCases: readonly ContractCase[] = [
  ...refusals,
  {
    name: 'takes times as Go durations and as whole seconds, sizes in kb, mb and gb',
    section: 'Settings',
    needs: 'process',
    handler: 'any',
    async run(bench) {
      const all = [
        { read_timeout: '1m30s', write_timeout: '90', exec_timeout: '1.5h', max_body_size: '1gb' },
        { read_timeout: '500ms', healthcheck_interval: '0', drain_timeout: '0s', max_body_size: '512kb' },
        { write_timeout: '2h45m30.5s', healthcheck_interval: '1s', max_body_size: '0', max_inflight: '0' },
        { prefix_logs: 'true', log_call_id: 'true', log_level: 'error', log_format: 'json', log_buffer_size: '4096' },
        { prefix_logs: 'false', log_call_id: 'false', log_level: 'debug', log_format: 'text' },
      ];
      for (const environment of all) {
        const replica = await bench.ready({ environment });
        expectStatus(await call(replica, '/_/health'), 200, `with ${show(JSON.stringify(environment))}`);
        await replica.end();
      }
    },
  },
  {
    name: 'takes a free port for port 0 and metrics_port 0, and names both in its log',
    section: 'Settings',
    needs: 'process',
    handler: 'any',
    only: bantamRuntimes,
    async run(bench) {
      const replica = await bench.spawn({ environment: { port: '0', metrics_port: '0' } });
      const ports = new Map<string, number>();
      for (const [what, pattern] of [
        ['the port', /^(?!.*metrics).*\bport\b\D*(\d{2,5})\b/],
        ['the port of the metrics', /metrics.*\bport\b\D*(\d{2,5})\b/],
      ] as const) {
        const line = await replica.output.line(pattern);
        ports.set(what, Number(pattern.exec(line)?.[1]));
      }
      const url = `http://127.0.0.1:${ports.get('the port')}`;
      expectMatch((await call({ ...replica, url }, '/_/health')).header('x-call-id'), /./, `${url}/_/health`);
      const metrics = `http://127.0.0.1:${ports.get('the port of the metrics')}`;
      expectStatus(await call({ ...replica, url: metrics }, '/metrics'), 200, `${metrics}/metrics`);
    },
  },
  ...(['port', 'metrics_port'] as const).map(
    (name): ContractCase => ({
      name: `says that its ${name} is taken, and ends with 1`,
      section: 'Settings',
      needs: 'process',
      handler: 'any',
      only: bantamRuntimes,
      async run(bench) {
        const first = await bench.ready();
        const { port } = new URL(name === 'port' ? first.url : first.metricsUrl);
        const second = await bench.spawn({ environment: { [name]: port } });
        expectEqual(await endOf(second), 1, 'exit code');
        const text = second.output.lines().join(' | ');
        expect(text.includes(port), `expected the port ${port} in its output, got ${show(text)}`);
        expectMatch(text, /in use|taken/, 'its output');
      },
    }),
  ),
  {
    name: 'listens on the address of BANTAM_HOST only',
    section: 'Settings',
    needs: 'process',
    handler: 'any',
    only: bantamRuntimes,
    async run(bench) {
      const replica = await bench.ready({ environment: { BANTAM_HOST: '127.0.0.1' } });
      const { port } = new URL(replica.url);
      expect(!(await takesConnections('127.0.0.2', Number(port))), `expected no listener on 127.0.0.2:${port}`);
      const other = await bench.spawn({ environment: { BANTAM_HOST: '127.0.0.2' } });
      const url = other.url.replace('127.0.0.1', '127.0.0.2');
      await waitUntilReady({ ...other, url });
    },
  },
  {
    name: 'reads secrets from the folder that secret_mount_path names',
    section: 'Settings',
    needs: 'process',
    handler: 'contract',
    async run(bench) {
      const replica = await bench.ready({ secrets: { token: 's3cret\n' } });
      const answer = await call(replica, '/secret?name=token');
      expectStatus(answer, 200, 'GET /secret?name=token');
      expectEqual(answer.body, 's3cret', 'the secret');
      expectStatus(await call(replica, '/secret?name=other'), 500, 'a secret that is not there');
    },
  },
  {
    name: 'looks for secrets in /var/openfaas/secrets unless told otherwise',
    section: 'Settings',
    needs: 'process',
    handler: 'contract',
    only: bantamRuntimes,
    async run(bench) {
      const replica = await bench.ready();
      await call(replica, '/secret?name=nowhere', { headers: { 'X-Call-Id': 'caller-10' } });
      expectMatch(await replica.output.line(/caller-10/), /\/var\/openfaas\/secrets/, 'the line about call caller-10');
    },
  },
];
