import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { Interrupted } from '../../../cli/errors.ts';
import { tryCall } from '../../../cli/replica/contract/call.ts';
import { contractCases } from '../../../cli/replica/contract/cases.ts';
import type { ContractCase } from '../../../cli/replica/contract/contract-case.ts';
import { expectEqual, Unkept } from '../../../cli/replica/contract/expectation.ts';
import { openProcessTarget } from '../../../cli/replica/contract/process-target.ts';
import { parseMetrics } from '../../../cli/replica/contract/prometheus.ts';
import { runContract, runUrlContract } from '../../../cli/replica/contract/run-contract.ts';

const never = new AbortController().signal;
const facts = { section: 'Answers', handler: 'any' } as const;

/** A program of Node's that runs this text, instead of a function. */
const nodeTarget = (text: string) =>
  openProcessTarget({ runtime: 'bantam-ts', file: process.execPath, arguments: ['--input-type=module', '-e', text] });

describe('running the contract', () => {
  let server: Server | undefined;
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
    server = undefined;
  });

  async function serve(listener: RequestListener): Promise<string> {
    server = createServer(listener).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    assert.ok(typeof address === 'object' && address !== null);
    return `http://127.0.0.1:${address.port}`;
  }

  it('gives every case a name of its own, and a promise', () => {
    const names = contractCases.map(({ name }) => name);
    assert.equal(new Set(names).size, names.length);
    assert.deepEqual(
      contractCases.filter(({ only }) => only?.length === 0),
      [],
    );
  });

  it('says of each case what was expected and what came, and goes on', async () => {
    const url = await serve((_request, response) => response.end('hello'));
    const cases: ContractCase[] = [
      { ...facts, name: 'fails', needs: 'url', run: async () => expectEqual(1, 2, 'the sum') },
      { ...facts, name: 'is broken', needs: 'url', run: () => Promise.reject(new TypeError('oops')) },
      { ...facts, name: 'passes', needs: 'url', run: async () => undefined },
      { ...facts, name: 'needs more', needs: 'process', run: async () => undefined },
      { ...facts, name: 'needs paths', needs: 'url', handler: 'contract', run: async () => undefined },
    ];
    const outcomes = await runUrlContract(url, { cases, signal: never });
    assert.deepEqual(
      outcomes.map(({ name, verdict }) => `${name}: ${verdict}`),
      ['fails: failed', 'is broken: unknown', 'passes: passed', 'needs more: skipped', 'needs paths: skipped'],
    );
    assert.equal(outcomes[0]?.reason, 'the sum: expected 2, got 1');
    assert.match(outcomes[1]?.reason ?? '', /suite itself failed: TypeError: oops/);
  });

  it('holds an address to what needs no more, without calling the handler', async () => {
    const asked = new Set<string>();
    const url = await serve((request, response) => {
      asked.add((request.url ?? '').split('?')[0] ?? '');
      response.end('OK');
    });
    const outcomes = await runUrlContract(url, { cases: contractCases, signal: never });
    const failed = outcomes.filter(({ verdict }) => verdict === 'failed').map(({ name }) => name);
    assert.ok(failed.includes('says who answers, on health and on ready'));
    assert.ok(failed.includes('answers 405 to other methods on health and on ready'));
    assert.deepEqual([...asked].sort(), ['/_/health', '/_/ready']);
    assert.deepEqual(
      outcomes.filter(({ verdict }) => verdict === 'unknown'),
      [],
    );
  });

  it('gives up a case that takes too long', async () => {
    const url = await serve(() => undefined);
    const one: ContractCase = {
      ...facts,
      name: 'waits',
      needs: 'url',
      patience: 100,
      run: async (replica) => void (await tryCall(replica, '/_/health')),
    };
    const [outcome] = await runUrlContract(url, { cases: [one], signal: never });
    assert.equal(outcome?.verdict, 'failed');
    assert.match(outcome?.reason ?? '', /expected an end within 0.1 s/);
  });

  it('ends a replica with its case, however it behaves, and says how it ended where that was not expected', async () => {
    const pids: number[] = [];
    const stubborn: ContractCase = {
      ...facts,
      name: 'starts one that ignores signals',
      needs: 'process',
      async run(bench) {
        const replica = await bench.spawn();
        await replica.output.line(/^here$/);
        replica.send('SIGTERM');
        pids.push(replica.pid ?? 0);
        throw new Unkept('enough');
      },
    };
    const target = nodeTarget(`process.on('SIGTERM', () => {}); console.log('here'); setInterval(() => {}, 1000);`);
    const [outcome] = await runContract(target, { cases: [stubborn], signal: never });
    assert.equal(outcome?.reason, 'enough');
    assert.throws(() => process.kill(pids[0] ?? 0, 0), { code: 'ESRCH' });

    const ready: ContractCase = {
      ...facts,
      name: 'waits',
      needs: 'process',
      run: async (bench) => void (await bench.ready()),
    };
    const [early] = await runContract(nodeTarget(`console.error('no such module'); process.exit(3);`), {
      cases: [ready],
      signal: never,
    });
    assert.equal(early?.verdict, 'failed');
    assert.match(early?.reason ?? '', /expected a running replica, but it ended with 3: no such module/);
  });

  it('does not judge what cannot be started', async () => {
    const target = openProcessTarget({ runtime: 'bantam-go', file: '/nowhere/function', arguments: [] });
    const one: ContractCase = {
      ...facts,
      name: 'starts',
      needs: 'process',
      run: async (bench) => void (await bench.ready()),
    };
    const [outcome] = await runContract(target, { cases: [one], signal: never });
    assert.equal(outcome?.verdict, 'unknown');
    assert.match(outcome?.reason ?? '', /\/nowhere\/function cannot be started/);
  });

  it('stops when it is told to', async () => {
    const life = new AbortController();
    const one: ContractCase = {
      ...facts,
      name: 'waits',
      needs: 'process',
      async run(bench) {
        const replica = await bench.spawn();
        life.abort();
        await replica.output.line(/never/);
      },
    };
    const running = runContract(nodeTarget('setInterval(() => {}, 1000);'), { cases: [one], signal: life.signal });
    await assert.rejects(running, Interrupted);
  });

  it('reads Prometheus’ text format, labels in any order, and nothing else', () => {
    const metrics = parseMetrics(
      '# HELP a b\n# TYPE a counter\na{method="get",code="200"} 3\nb 1.5e+06\nc_bucket{le="+Inf"} 2\n',
    );
    assert.equal(metrics.value('a', { code: '200', method: 'get' }), 3);
    assert.equal(metrics.value('a', { code: '200' }), 0);
    assert.equal(metrics.value('b'), 1_500_000);
    assert.equal(metrics.value('c_bucket', { le: '+Inf' }), 2);
    assert.equal(metrics.types.get('a'), 'counter');
    assert.throws(() => parseMetrics('<html>'), Unkept);
  });
});
