import assert from 'node:assert/strict';
import { readVegetaLog, type Sent, summarize } from './open-model.ts';

const sentOnTime = (count: number, took: number): Sent[] =>
  Array.from({ length: count }, (_, index) => ({ at: index * 2, took, status: 200 }));

describe('the open model', () => {
  it('counts from when a request was due', () => {
    assert.deepEqual(summarize(sentOnTime(500, 3), 500), { p50: 3, p99: 3, max: 3, requests: 500, errors: 0 });
  });

  it('charges a late sending to the server: no coordinated omission', () => {
    // A generator that waits out a pause of 100 ms after request 249 and then sends what is due, each answered in 1 ms.
    const paused = sentOnTime(500, 1).map((sent, index) => ({
      ...sent,
      at: index < 250 ? sent.at : Math.max(sent.at, 600),
    }));
    const { p50, p99, max } = summarize(paused, 500);
    assert.equal(p50, 1);
    assert.equal(max, 101);
    assert.ok(p99 > 90, `p99 is ${p99}`);
  });

  it('is not deceived by a late first request', () => {
    const late = sentOnTime(100, 1).map((sent, index) => (index === 0 ? sent : { ...sent, at: sent.at - 1.5 }));
    const { p50, max } = summarize(late, 500);
    assert.equal(p50, 1);
    assert.equal(max, 2.5);
  });

  it('counts what was not answered with 200', () => {
    const sent = sentOnTime(4, 1).map((one, index) => ({ ...one, status: [200, 503, 0, 200][index] ?? 0 }));
    assert.equal(summarize(sent, 500).errors, 2);
  });

  it("reads vegeta's log, in nanoseconds since 1970 and in any order", () => {
    const log = [
      '1760000000002000500,200,1500000,0,31,"a, b",,,1,GET,http://127.0.0.1/,',
      '1760000000000000000,0,250000,0,0,,,,0,GET,http://127.0.0.1/,',
      '',
    ].join('\n');
    assert.deepEqual(readVegetaLog(log), [
      { at: 0, took: 0.25, status: 0 },
      { at: 2.0005, took: 1.5, status: 200 },
    ]);
    assert.throws(() => readVegetaLog('vegeta: no such file\n'), /no line of a vegeta log/);
  });
});
