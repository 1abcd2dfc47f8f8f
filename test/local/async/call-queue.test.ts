import assert from 'node:assert/strict';
import { CallQueue } from '../../../cli/local/async/call-queue.ts';
import type { Delivered, NewCall, QueueBounds, Tried } from '../../../cli/local/async/queue-parts.ts';
import type { CallAnswer, QueuedCall } from '../../../cli/local/async/queued-call.ts';
import { until } from '../until.ts';

/** A disk in memory that can be full, and tells what was written before what. */
class Records {
  readonly calls = new Map<number, QueuedCall>();
  readonly bodies = new Map<number, Uint8Array>();
  readonly answers = new Map<number, { answer: CallAnswer; result: Uint8Array }>();
  readonly log: string[] = [];
  full = false;

  async accept(call: QueuedCall, body: Uint8Array): Promise<void> {
    await this.#write(`accept ${call.id}`);
    this.calls.set(call.sequence, call);
    this.bodies.set(call.sequence, body);
  }
  async update(call: QueuedCall): Promise<void> {
    await this.#write(`${call.state} ${call.id} ${call.attempts}`);
    this.calls.set(call.sequence, call);
  }
  async answered(call: QueuedCall, answer: CallAnswer, result: Uint8Array): Promise<void> {
    await this.#write(`answered ${call.id}`);
    this.calls.set(call.sequence, call);
    this.bodies.delete(call.sequence);
    this.answers.set(call.sequence, { answer, result });
  }
  async body(call: QueuedCall): Promise<Uint8Array> {
    return this.bodies.get(call.sequence) ?? new Uint8Array();
  }
  async answer(call: QueuedCall): Promise<{ answer: CallAnswer; result: Uint8Array } | undefined> {
    return this.answers.get(call.sequence);
  }
  async remove(call: QueuedCall): Promise<void> {
    await this.#write(`remove ${call.id}`);
    this.calls.delete(call.sequence);
  }
  async #write(text: string): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    if (this.full) throw new Error('no space left');
    this.log.push(text);
  }
}

describe('the queue of asynchronous calls', () => {
  const bounds: QueueBounds = { calls: 100, bytes: 1000, workers: 2, callbacks: 2, diskPause: 5 };
  const answer: CallAnswer = { status: 200, headers: [], duration: 0.1 };
  const done: Tried = { answer, result: Buffer.from('said'), retryAfter: undefined };
  const newCall = (id: string, more: Partial<NewCall> = {}): NewCall => ({
    id,
    function: 'hello',
    method: 'POST',
    target: '/',
    headers: [],
    acceptedAt: 0,
    dueAt: 0,
    ...more,
  });

  let records: Records;
  let failures: unknown[];
  let delivered: string[];
  let deliver: (call: QueuedCall, posts: number) => Delivered;
  const queues: CallQueue[] = [];
  const open = (
    attempt: (call: QueuedCall, signal: AbortSignal) => Promise<Tried>,
    more: Partial<QueueBounds> = {},
  ): CallQueue => {
    const queue = new CallQueue({
      records,
      attempt: (call, _body, signal) => attempt(call, signal),
      deliver: async (call, _answer, posts) => {
        delivered.push(call.id);
        return deliver(call, posts);
      },
      failed: (error) => failures.push(error),
      bounds: { ...bounds, ...more },
    });
    queues.push(queue);
    queue.resume([], 0, 0);
    return queue;
  };
  /** Attempts that end when the test says so. */
  const gate = () => {
    const waiting = new Map<string, (tried: Tried) => void>();
    const attempt = (call: QueuedCall, signal: AbortSignal): Promise<Tried> =>
      new Promise((resolve, reject) => {
        waiting.set(call.id, resolve);
        signal.addEventListener('abort', () => reject(new Error('aborted')));
      });
    const finish = (id: string, tried: Tried = done): void => {
      waiting.get(id)?.(tried);
      waiting.delete(id);
    };
    return { waiting, attempt, finish };
  };

  beforeEach(() => {
    records = new Records();
    failures = [];
    delivered = [];
    deliver = () => ({ done: true });
  });
  afterEach(async () => {
    for (const queue of queues.splice(0)) await queue.drain(0);
  });

  it('keeps a call before it is begun, says that it is begun before it is made, and forgets it at the end', async () => {
    const queue = open(async () => done);
    assert.equal(await queue.accept(newCall('a'), Buffer.from('x')), 'accepted');
    await until('it is over', () => queue.waiting().waiting === 0);
    assert.deepEqual(records.log, ['accept a', 'running a 1', 'remove a']);
  });

  it('makes no more calls of one function at once than it may, oldest first, and those of others beside', async () => {
    const { waiting, attempt, finish } = gate();
    const queue = open(attempt);
    for (const id of ['a', 'b', 'c', 'd']) await queue.accept(newCall(id), Buffer.from(''));
    await queue.accept(newCall('other', { function: 'other' }), Buffer.from(''));
    await until('three are under way', () => waiting.size === 3);
    assert.deepEqual([...waiting.keys()].sort(), ['a', 'b', 'other']);
    assert.deepEqual(queue.waiting(), { waiting: 5, running: 3 });
    assert.deepEqual(queue.waiting('hello'), { waiting: 4, running: 2 });
    finish('b');
    await until('the next begins', () => waiting.has('c'));
    assert.ok(!waiting.has('d'));
  });

  it('refuses what is too much: calls, or bytes of bodies; and takes more once some are over', async () => {
    const { waiting, attempt, finish } = gate();
    const queue = open(attempt, { calls: 2 });
    assert.equal(await queue.accept(newCall('large'), Buffer.alloc(1001)), 'full');
    const taken = await Promise.all(['a', 'b', 'c'].map((id) => queue.accept(newCall(id), Buffer.alloc(100))));
    assert.deepEqual(taken, ['accepted', 'accepted', 'full']);
    await until('they are under way', () => waiting.size === 2);
    finish('a');
    await until('one is over', () => queue.waiting().waiting === 1);
    assert.equal(await queue.accept(newCall('d'), Buffer.alloc(100)), 'accepted');
  });

  it('does not confirm what the disk does not take', async () => {
    const queue = open(async () => assert.fail('never begun'));
    records.full = true;
    await assert.rejects(queue.accept(newCall('a'), Buffer.from('x')), /no space left/);
    assert.deepEqual(queue.waiting(), { waiting: 0, running: 0 });
  });

  it('tries again as it is told, and keeps that', async () => {
    const attempts: number[] = [];
    const queue = open(async (call) => {
      attempts.push(call.attempts);
      return call.attempts < 3 ? { ...done, retryAfter: 1 } : done;
    });
    await queue.accept(newCall('a'), Buffer.from(''));
    await until('it is over', () => queue.waiting().waiting === 0);
    assert.deepEqual(attempts, [1, 2, 3]);
    assert.deepEqual(records.log, [
      'accept a',
      'running a 1',
      'waiting a 1',
      'running a 2',
      'waiting a 2',
      'running a 3',
      'remove a',
    ]);
  });

  it('keeps the answer before the callback is told, and tells it again until it is taken', async () => {
    deliver = (_call, posts) => (posts < 3 ? { retryAfter: 1 } : { done: true });
    const queue = open(async () => done);
    await queue.accept(newCall('a', { callback: 'http://127.0.0.1:9/' }), Buffer.from(''));
    await until('it is taken', () => records.calls.size === 0);
    assert.deepEqual(delivered, ['a', 'a', 'a']);
    assert.deepEqual(records.log, ['accept a', 'running a 1', 'answered a', 'remove a']);
    assert.equal(queue.undelivered, 0);
  });

  it('goes on where a killed one was: begun tries again, answered ones never, and waits that have a clock’s error in them end', async () => {
    const base: QueuedCall = { ...newCall('x'), sequence: 1, bytes: 0, attempts: 0, state: 'waiting' };
    const left: QueuedCall[] = [
      { ...base, id: 'begun', sequence: 4, attempts: 10, state: 'running' },
      { ...base, id: 'answered', sequence: 5, attempts: 1, state: 'answered', callback: 'http://127.0.0.1:9/' },
      { ...base, id: 'future', sequence: 6, attempts: 2, dueAt: Number.MAX_SAFE_INTEGER },
    ];
    for (const call of left) records.calls.set(call.sequence, call);
    records.answers.set(5, { answer, result: Buffer.from('kept') });
    const made: string[] = [];
    const queue = open(async (call) => {
      made.push(`${call.id} ${call.attempts}`);
      return done;
    });
    queue.resume(left, 1000, 10);
    await until('all is over', () => records.calls.size === 0);
    assert.deepEqual(made, ['begun 10', 'future 3'], 'a try that was cut off counts for nothing');
    assert.deepEqual(delivered, ['answered']);
    await queue.accept(newCall('new'), Buffer.from(''));
    await until('it is over', () => records.calls.size === 0);
    assert.ok(made.includes('new 1'));
    assert.equal(records.log.filter((line) => line.startsWith('accept')).length, 1);
  });

  it('makes no call twice because the disk is full when its answer comes', async () => {
    const made: string[] = [];
    const { waiting, attempt, finish } = gate();
    const queue = open(async (call, signal) => {
      made.push(call.id);
      return await attempt(call, signal);
    });
    await queue.accept(newCall('a'), Buffer.from(''));
    await until('it is under way', () => waiting.size === 1);
    records.full = true;
    finish('a');
    await until('it is told', () => failures.length === 1);
    records.full = false;
    await until('it is over', () => records.calls.size === 0);
    assert.deepEqual(made, ['a']);
    assert.equal(failures.length, 1, 'said once');
  });

  it('begins nothing while the disk takes nothing, and then does', async () => {
    const made: string[] = [];
    const queue = open(async (call) => {
      made.push(call.id);
      return done;
    });
    const left: QueuedCall = { ...newCall('left'), sequence: 1, bytes: 0, attempts: 0, state: 'waiting' };
    records.calls.set(1, left);
    records.full = true;
    queue.resume([left], 0, 10);
    await until('it is told', () => failures.length === 1);
    assert.deepEqual(made, []);
    records.full = false;
    await until('it is over', () => records.calls.size === 0);
    assert.deepEqual([made, failures.length], [['left'], 1]);
  });

  it('drains: nothing new begins, what is under way ends, the rest stays for the next', async () => {
    const { waiting, attempt, finish } = gate();
    const queue = open(attempt, { workers: 1 });
    for (const id of ['a', 'b']) await queue.accept(newCall(id), Buffer.from(''));
    await until('one is under way', () => waiting.size === 1);
    const drained = queue.drain(60_000);
    assert.equal(await queue.accept(newCall('late'), Buffer.from('')), 'closed');
    finish('a');
    await drained;
    assert.deepEqual(
      [...records.calls.values()].map(({ id, state }) => [id, state]),
      [['b', 'waiting']],
    );
  });

  it('cuts off what does not end in time, and leaves it as begun', async () => {
    const { waiting, attempt } = gate();
    const queue = open(attempt);
    await queue.accept(newCall('a'), Buffer.from(''));
    await until('it is under way', () => waiting.size === 1);
    await queue.drain(1);
    assert.deepEqual(
      [...records.calls.values()].map(({ id, state }) => [id, state]),
      [['a', 'running']],
    );
    assert.deepEqual(failures, []);
  });
});
