import assert from 'node:assert/strict';
import { combineSlices, type Slice } from './sample.ts';

const slice: Slice = { requests: 1000, seconds: 1, p50: 1, p99: 2, errors: 0, processor: 0.5, generator: 0.4 };

describe('the slices of a closed loop', () => {
  it('are added up by their length', () => {
    const longer: Slice = { requests: 5000, seconds: 2, p50: 3, p99: 9, errors: 2, processor: 1, generator: 0.5 };
    assert.deepEqual(combineSlices(32, [slice, longer, { ...slice, p99: 4 }]), {
      connections: 32,
      requestsPerSecond: 1750,
      p50: 1,
      p99: 4,
      errors: 2,
      processorTime: 2e6 / 7000,
      generatorLoad: 1.3 / 4,
    });
  });

  it('stay finite when nothing was answered', () => {
    const { requestsPerSecond, processorTime } = combineSlices(1, [{ ...slice, requests: 0 }]);
    assert.equal(requestsPerSecond, 0);
    assert.equal(processorTime, 500_000);
  });
});
