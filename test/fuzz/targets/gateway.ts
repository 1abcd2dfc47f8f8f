import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { openGateway } from '../../../cli/openfaas/client.ts';
import { dialectOf } from '../../../cli/openfaas/dialects.ts';
import { openReplicaProbe } from '../../../cli/replica/http-probe.ts';
import { fateOf } from '../fate.ts';
import { mutatedBytes, mutatedJson, writtenJson } from '../mutate.ts';
import { defineTarget } from '../target.ts';

const status = {
  name: 'hello',
  image: 'registry.lan/hello:1',
  namespace: 'openfaas-fn',
  envVars: { A: '1' },
  secrets: ['api-token'],
  labels: { a: 'b' },
  annotations: { 'bantam.deploy': 'd1', 'bantam.revision': 'r1' },
  limits: { memory: '64Mi' },
  requests: null,
  replicas: 1,
  availableReplicas: 1,
  invocationCount: 12,
  createdAt: '2026-01-01T00:00:00Z',
};
const info = {
  provider: { provider: 'faas-netes-ce', orchestration: 'kubernetes', version: { release: '0.18', sha: 'x' } },
  version: { release: '0.27', sha: 'y' },
  arch: 'arm64',
};
const line = { name: 'hello', namespace: '', instance: 'pod-1', timestamp: '2026-01-01T00:00:00Z', text: 'a line\n' };

const calls = ['info', 'list', 'read', 'secrets', 'logs', 'create', 'remove', 'secret', 'probe'] as const;

interface Exchange {
  readonly call: (typeof calls)[number];
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** How many bytes of the body come before the connection breaks; all, if none. */
  readonly breaksAt: number | undefined;
}

const samples: Readonly<Record<(typeof calls)[number], readonly unknown[]>> = {
  info: [info],
  list: [[status, { ...status, name: 'other' }], null, []],
  read: [status],
  secrets: [[{ name: 'api-token', namespace: 'openfaas-fn' }]],
  logs: [line],
  create: ['', status],
  remove: ['', { error: 'x' }],
  secret: ['', 'already exists'],
  probe: ['ok'],
};

const exchange = fc.constantFrom(...calls).chain((call) => {
  const json = writtenJson(mutatedJson(samples[call]));
  const body = fc.oneof(
    { weight: 5, arbitrary: json.map((text) => Buffer.from(text)) },
    { weight: 2, arbitrary: fc.array(json, { maxLength: 5 }).map((lines) => Buffer.from(lines.join('\n'))) },
    {
      weight: 1,
      arbitrary: mutatedBytes([
        Buffer.from(JSON.stringify(samples[call][0])),
        Buffer.from('<html><body>login</body></html>'),
      ]),
    },
    { weight: 1, arbitrary: fc.constant(Buffer.alloc(0)) },
  );
  return fc.record({
    call: fc.constant(call),
    status: fc.oneof(
      { weight: 4, arbitrary: fc.constant(200) },
      {
        weight: 2,
        arbitrary: fc.constantFrom(201, 202, 204, 301, 302, 304, 400, 401, 403, 404, 409, 418, 500, 502, 503, 599, 999),
      },
    ),
    headers: fc.dictionary(
      fc.constantFrom(
        'content-type',
        'location',
        'x-bantam-deploy',
        'x-bantam-revision',
        'x-bantam-replica',
        'retry-after',
        'content-encoding',
      ),
      fc.oneof(
        fc.constantFrom('text/html', 'application/json', 'http://[', '//x', '/ui/', 'gzip', ''),
        fc.string({ unit: fc.constantFrom(...'abc /:%?"ÿ'), maxLength: 30 }),
      ),
    ),
    body,
    breaksAt: fc.option(fc.nat({ max: 400 }), { nil: undefined, freq: 6 }),
  });
});

let answer: Exchange | undefined;
let server: Server | undefined;

async function listening(): Promise<string> {
  server ??= await new Promise<Server>((resolve) => {
    const made = createServer((request, response) => {
      request.resume();
      if (answer === undefined) return void response.end();
      const { status: code, headers, body, breaksAt } = answer;
      response.writeHead(code, headers);
      if (breaksAt === undefined || breaksAt >= body.length) return void response.end(body);
      response.write(body.subarray(0, breaksAt), () => response.socket?.destroy());
    });
    made.listen(0, '127.0.0.1', () => resolve(made));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Whatever a gateway answers, to everything that is asked of it. */
export const gateway = defineTarget<Exchange>({
  name: 'gateway',
  inputs: exchange,
  show: ({ body, ...rest }) => JSON.stringify({ ...rest, body: Buffer.from(body).toString('latin1') }),
  async attempt(given) {
    answer = given;
    const url = await listening();
    const client = openGateway({ url, timeouts: { read: 3000, write: 3000, invoke: 3000 } });
    return await fateOf(async () => {
      switch (given.call) {
        case 'info':
          return dialectOf(await client.info()).title.length;
        case 'list':
          return await client.list();
        case 'read':
          return await client.read('hello');
        case 'secrets':
          return await client.secrets();
        case 'logs': {
          let lines = 0;
          for await (const each of client.logs({ name: 'hello' })) lines += each.text.length;
          return lines;
        }
        case 'create':
        case 'remove': {
          const answered =
            given.call === 'create'
              ? await client.create({ service: 'hello', image: 'x' })
              : await client.remove('hello');
          for (const dialect of dialects) {
            const judgement = given.call === 'create' ? dialect.judgeCreate(answered) : dialect.judgeRemove(answered);
            if ('reason' in judgement && (judgement.reason === '' || judgement.reason.length > 1000))
              throw new Error('a reason of no use');
          }
          return answered;
        }
        case 'secret': {
          const value = 'canary of the fuzzer';
          const answered = await client.updateSecret({ name: 'x', value });
          for (const dialect of dialects) dialect.judgeSecret('update', answered);
          return answered;
        }
        case 'probe':
          return await openReplicaProbe(url, { timeoutMilliseconds: 2000 }).probe(
            'hello',
            undefined,
            new AbortController().signal,
          );
      }
    });
  },
  async close() {
    server?.closeAllConnections();
    server?.close();
  },
});

const dialects = ['faas-netes', 'faasd', 'another'].map((provider) =>
  dialectOf({ provider: { provider, orchestration: '' }, arch: '' }),
);
