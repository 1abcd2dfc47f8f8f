import assert from 'node:assert/strict';
import { Interrupted } from '../../../cli/errors.ts';
import { faasNetes } from '../../../cli/local/dialect/faas-netes.ts';
import {
  createFunctionCaller,
  type FunctionCaller,
  type StoredCall,
} from '../../../cli/local/gateway/function-call.ts';
import { ReplicaConnections } from '../../../cli/local/gateway/replica-connections.ts';
import { Proxied } from './proxied.ts';

describe('a call whose body is stored', function () {
  this.timeout(30_000);
  let gateway: Proxied;
  let callFunction: FunctionCaller;
  const never = new AbortController().signal;

  beforeEach(async () => {
    gateway = await Proxied.open();
    callFunction = createFunctionCaller({
      dialect: faasNetes,
      connections: new ReplicaConnections((name) => (name === 'fn' ? gateway.addresses : undefined), 300),
      activity: gateway.activity,
      answerBound: 300,
      largestAnswer: 1000,
    });
  });
  afterEach(async () => {
    await gateway[Symbol.asyncDispose]();
  });
  const stored = (more: Partial<StoredCall> = {}): StoredCall => ({
    name: 'fn',
    method: 'POST',
    target: '/path?query=1',
    headers: [],
    body: Buffer.from('grüße'),
    callId: 'call-1',
    ...more,
  });

  it('reaches the function as it came, over a connection of its own', async () => {
    let raw: string[] = [];
    await gateway.replica((incoming, outgoing) => {
      raw = incoming.rawHeaders;
      outgoing.setHeader('X-Seen', `${incoming.method} ${incoming.url}`);
      incoming.pipe(outgoing);
    });
    const ended = gateway.finished();
    const headers = [
      'X-Mine',
      '\xe4',
      'x-mine',
      '2',
      'Transfer-Encoding',
      'chunked',
      'Connection',
      'X-Hop',
      'X-Hop',
      '1',
      'Expect',
      '100-continue',
      'Content-Length',
      '7',
      'Host',
      'gateway.lan',
      'X-Call-Id',
      'other',
    ];
    const { status, body, from, sent, truncated, headers: answered } = await callFunction(stored({ headers }), never);
    assert.deepEqual([status, String(body), from, sent, truncated], [200, 'grüße', 'function', true, false]);
    assert.equal(answered[answered.indexOf('X-Seen') + 1], 'POST /path?query=1');
    assert.ok(!answered.some((name) => /^(?:connection|transfer-encoding|keep-alive)$/i.test(name)));
    const pairs = raw.flatMap((name, index) => (index % 2 === 0 ? [`${name}: ${raw[index + 1]}`] : []));
    assert.deepEqual(pairs.slice(0, 3), ['X-Mine: \xe4', 'x-mine: 2', 'Host: gateway.lan']);
    assert.ok(pairs.includes('X-Call-Id: call-1') && pairs.includes('Content-Length: 7'));
    assert.ok(!pairs.some((pair) => /hop|expect|transfer|other/i.test(pair)), pairs.join());
    const { asynchronous, requestBytes, answerBytes, id, path } = await ended;
    assert.deepEqual([asynchronous, requestBytes, answerBytes, id, path], [true, 7, 7, 'call-1', '/path']);
  });

  it('may have no body, and any method', async () => {
    await gateway.replica((incoming, outgoing) => {
      outgoing.end(`${incoming.method} ${incoming.headers['content-length']} ${incoming.headers['transfer-encoding']}`);
    });
    for (const method of ['POST', 'GET', 'PUT']) {
      const { body } = await callFunction(stored({ method, body: Buffer.alloc(0) }), never);
      assert.equal(String(body), `${method} 0 undefined`);
    }
  });

  it('gets the first bytes of an answer that is too large', async () => {
    await gateway.replica((_, outgoing) => void outgoing.end('x'.repeat(100_000)));
    const { body, truncated, status } = await callFunction(stored(), never);
    assert.deepEqual([body.length, truncated, status], [1000, true, 200]);
  });

  it('is told apart when the gateway answers in the function’s place, and whether anything was sent', async () => {
    const outcome = async (name: string) => {
      const { status, from, sent, body } = await callFunction(stored({ name }), never);
      assert.equal(from, 'gateway');
      return [status, sent, String(body)];
    };
    assert.deepEqual((await outcome('nope')).slice(0, 2), [404, false]);
    assert.deepEqual(await outcome('fn'), [503, false, 'No endpoints available for: fn.']);
    await gateway.deadReplica();
    assert.deepEqual(await outcome('fn'), [500, false, "Can't reach service for: fn."]);
    gateway.addresses.length = 0;
    await gateway.replica((incoming) => incoming.socket.destroy());
    assert.deepEqual(await outcome('fn'), [500, true, "Can't reach service for: fn."]);
    gateway.addresses.length = 0;
    await gateway.replica(() => undefined);
    assert.deepEqual(await outcome('fn'), [504, true, 'fn did not answer within 0.3 s.']);
    gateway.addresses.length = 0;
    await gateway.replica((_, outgoing) => void outgoing.write('begun'));
    assert.deepEqual((await outcome('fn')).slice(0, 2), [504, true]);
    assert.deepEqual(
      gateway.activity.finished.map(({ ending }) => ending),
      ['answered', 'answered', 'answered', 'function broke off', 'timed out', 'timed out'],
    );
  });

  it('ends when nobody wants it any more', async () => {
    const stop = new AbortController();
    const left = new Promise<void>((resolve) => {
      void gateway.replica((incoming) => {
        incoming.socket.on('close', resolve);
        stop.abort();
      });
    });
    while (gateway.addresses.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await assert.rejects(callFunction(stored(), stop.signal), Interrupted);
    await left;
    await assert.rejects(callFunction(stored(), stop.signal), Interrupted);
    assert.equal(gateway.activity.runningCount, 0);
  });
});
