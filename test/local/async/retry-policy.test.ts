import assert from 'node:assert/strict';
import fc from 'fast-check';
import { defaultPolicy, readPolicy, waitBeforeRetry } from '../../../cli/local/async/retry-policy.ts';
import { parseGoDuration } from '../../../cli/stack/go-duration.ts';

const annotations = (values: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [`com.openfaas.retry.${name}`, value]));

describe('the retries of asynchronous calls', () => {
  it('are set by the annotations of OpenFaaS Pro', () => {
    assert.deepEqual(readPolicy(annotations({ attempts: '30', codes: '429, 500', min_wait: '5s', max_wait: '1m' })), {
      attempts: 30,
      codes: new Set([429, 500]),
      firstWait: 5000,
      longestWait: 60_000,
    });
    assert.deepEqual(readPolicy(), defaultPolicy);
    assert.equal(readPolicy(annotations({ attempts: '0' })).attempts, 1);
    // The longest wait is never below the first.
    assert.equal(readPolicy(annotations({ min_wait: '10m' })).longestWait, 600_000);
  });

  it('fall back where an annotation cannot be understood', () => {
    for (const broken of [
      { attempts: 'many' },
      { attempts: '-1' },
      { codes: '' },
      { codes: '5xx' },
      { codes: '429;500' },
      { min_wait: '5' },
      { min_wait: '-5s' },
      { max_wait: 'soon' },
    ])
      assert.deepEqual(readPolicy(annotations(broken)), defaultPolicy, JSON.stringify(broken));
  });

  it('double their wait up to the longest, and end with the last try', () => {
    const policy = readPolicy(annotations({ attempts: '5', min_wait: '2s', max_wait: '10s' }));
    const outcome = { status: 503, from: 'gateway' } as const;
    const waits = [1, 2, 3, 4, 5].map((attempts) => waitBeforeRetry(policy, outcome, attempts, 0));
    assert.deepEqual(waits, [2000, 4000, 8000, 10_000, undefined]);
  });

  it('follow what the function answers, and the gateway’s own failures whatever the codes are', () => {
    const policy = readPolicy(annotations({ codes: '429' }));
    const again = (status: number, from: 'function' | 'gateway'): boolean =>
      waitBeforeRetry(policy, { status, from }, 1, 0) !== undefined;
    assert.deepEqual(
      [200, 404, 429, 500, 503].filter((status) => again(status, 'function')),
      [429],
    );
    assert.deepEqual(
      [400, 404, 413, 500, 502, 503, 504].filter((status) => again(status, 'gateway')),
      [500, 502, 503, 504],
    );
    const standard = [200, 408, 429, 500, 502, 503, 504].filter(
      (status) => waitBeforeRetry(defaultPolicy, { status, from: 'function' }, 1, 0) !== undefined,
    );
    assert.deepEqual(standard, [429, 502, 503, 504], 'a 500 is the answer of a handler that failed');
  });

  it('wait as long as Retry-After says, seconds or a date, but no less than the first wait', () => {
    const now = Date.parse('2026-04-10T09:46:00Z');
    const wait = (retryAfter: string, status = 429): number | undefined =>
      waitBeforeRetry(defaultPolicy, { status, from: 'function', retryAfter }, 1, now);
    assert.equal(wait('30'), 30_000);
    assert.equal(wait('30', 503), 30_000);
    assert.equal(wait('30', 502), 1000);
    assert.equal(wait('0'), 1000);
    assert.equal(wait('Fri, 10 Apr 2026 09:47:00 GMT'), 60_000);
    assert.equal(wait('Fri, 10 Apr 2026 09:40:00 GMT'), 1000);
    assert.equal(wait('a while'), 1000);
    assert.equal(wait('999999999'), 24 * 3_600_000);
  });

  it('have a wait that a timer can hold, whatever is written', () => {
    const texts = fc.dictionary(
      fc.constantFrom('attempts', 'codes', 'min_wait', 'max_wait'),
      fc.oneof(
        fc.string(),
        fc.nat().map((n) => `${n}h`),
        fc.nat().map(String),
      ),
    );
    fc.assert(
      fc.property(texts, fc.integer({ min: 1, max: 1_000_000 }), fc.string(), (values, attempts, retryAfter) => {
        const outcome = { status: 503, from: 'function', retryAfter } as const;
        const wait = waitBeforeRetry(readPolicy(annotations(values)), outcome, attempts, Date.now());
        assert.ok(wait === undefined || (wait >= 0 && wait <= 24 * 3_600_000), String(wait));
      }),
    );
  });

  it('read durations as Go does', () => {
    const examples: readonly (readonly [string, number | undefined])[] = [
      ['10s', 10_000],
      ['1h30m', 5_400_000],
      ['1.5s', 1500],
      ['.5s', 500],
      ['100ms', 100],
      ['0', 0],
      ['10', undefined],
      ['-1s', undefined],
      ['1 s', undefined],
      ['1d', undefined],
      ['', undefined],
    ];
    for (const [text, expected] of examples) assert.equal(parseGoDuration(text), expected, text);
  });
});
