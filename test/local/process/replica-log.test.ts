import assert from 'node:assert/strict';
import { ReplicaLog } from '../../../cli/local/process/replica-log.ts';
import type { RunLine } from '../../../cli/local/replicas/run.ts';

const never = new AbortController().signal;
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));

async function read(log: ReplicaLog, query: { since?: number; tail?: number } = {}): Promise<RunLine[]> {
  const lines: RunLine[] = [];
  for await (const line of log.read({ follow: false, ...query }, never)) lines.push(line);
  return lines;
}

describe('the log of a replica', () => {
  it('makes lines of chunks that end anywhere, of both streams, each later than the one before', async () => {
    const log = new ReplicaLog(undefined, () => Date.parse('2026-01-31T12:00:00Z'));
    const [out, err] = [log.open('stdout'), log.open('stderr')];
    const whole = bytes('grüße\r\n\nzwei');
    out.write(whole.subarray(0, 3));
    err.write(bytes('beside\n'));
    out.write(whole.subarray(3));
    out.end();
    err.end();
    assert.deepEqual(
      (await read(log)).map(({ stream, timestamp, text }) => [stream, timestamp, text]),
      [
        ['stderr', '2026-01-31T12:00:00.000000Z', 'beside'],
        ['stdout', '2026-01-31T12:00:00.000001Z', 'grüße'],
        ['stdout', '2026-01-31T12:00:00.000002Z', ''],
        ['stdout', '2026-01-31T12:00:00.000003Z', 'zwei'],
      ],
    );
  });

  it('keeps the newest lines within its bounds, and cuts long ones', async () => {
    const log = new ReplicaLog({ characters: 100, lines: 10, line: 20 });
    const out = log.open('stdout');
    out.write(bytes(`${'x'.repeat(50)}\n`));
    assert.deepEqual(
      (await read(log)).map(({ text }) => text.length),
      [20, 20, 10],
    );
    for (let count = 0; count < 1000; count += 1) out.write(bytes(`${count}\n`));
    const texts = (await read(log)).map(({ text }) => text);
    assert.ok(texts.length <= 10 && texts.length >= 7, `${texts.length}`);
    assert.equal(texts.at(-1), '999');
    out.write(bytes('y'.repeat(1000)));
    const kept = await read(log);
    assert.ok(kept.reduce((sum, { text }) => sum + text.length, 0) <= 100);
    assert.deepEqual(log.newest(1), ['y'.repeat(20)]);
  });

  it('keeps the end of a flood, and tells how much of it a follower missed', async () => {
    const log = new ReplicaLog({ characters: 1000, lines: 10, line: 20 });
    const out = log.open('stdout');
    out.write(bytes('before\n'));
    const lines = log.read({ follow: true }, never);
    assert.equal((await lines.next()).value?.text, 'before');
    out.write(bytes(Array.from({ length: 1000 }, (_, index) => `${index}\n`).join('')));
    log.end();
    const texts: string[] = [];
    for await (const { text } of lines) texts.push(text);
    const [told = '', ...rest] = texts;
    assert.equal(Number(/^\[bantam local\] (\d+) lines were written faster/.exec(told)?.[1]) + rest.length, 1000);
    assert.ok(rest.length >= 7 && rest.length <= 10, `${rest.length}`);
    assert.equal(rest.at(-1), '999');
  });

  it('gives the newest lines, and those since a moment', async () => {
    let now = 1000;
    const log = new ReplicaLog(undefined, () => now);
    const out = log.open('stdout');
    for (const text of ['one', 'two', 'three']) {
      out.write(bytes(`${text}\n`));
      now += 1000;
    }
    assert.deepEqual(
      (await read(log, { tail: 2 })).map(({ text }) => text),
      ['two', 'three'],
    );
    assert.deepEqual(
      (await read(log, { since: 3000 })).map(({ text }) => text),
      ['three'],
    );
    assert.deepEqual(
      (await read(log, { since: 2000, tail: 1 })).map(({ text }) => text),
      ['three'],
    );
  });

  it('is followed over several runs until it ends, and tells a slow reader what it missed', async () => {
    const log = new ReplicaLog({ characters: 1000, lines: 4, line: 100 });
    log.open('stdout').write(bytes('before\n'));
    const lines = log.read({ follow: true }, never);
    const next = async () => (await lines.next()).value?.text;
    assert.equal(await next(), 'before');
    const waiting = next();
    const second = log.open('stdout');
    second.write(bytes('first\n'));
    assert.equal(await waiting, 'first');
    second.write(bytes('1\n2\n3\n4\n5\n6\n'));
    assert.match((await next()) ?? '', /^\[bantam local\] \d lines were written faster than they were read$/);
    log.end();
    const rest: unknown[] = [];
    for await (const { text } of lines) rest.push(text);
    assert.equal(rest.at(-1), '6');
    assert.ok(rest.length <= 4);
  });

  it('lets a follower go', async () => {
    const log = new ReplicaLog();
    const left = new AbortController();
    const lines = log.read({ follow: true }, left.signal);
    const waiting = lines.next();
    left.abort();
    assert.equal((await waiting).done, true);
  });
});
