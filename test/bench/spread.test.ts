import assert from 'node:assert/strict';
import fc from 'fast-check';
import { percentileOf, spreadOf } from './spread.ts';

const figures = fc.array(fc.double({ min: 0, max: 1e9, noNaN: true }), { minLength: 1, maxLength: 60 });

describe('the spread of a figure', () => {
  it('has the middle one, or the mean of the two in the middle', () => {
    assert.deepEqual(spreadOf([3, 1, 2]), { median: 2, min: 1, max: 3, count: 3 });
    assert.deepEqual(spreadOf([4, 1, 2, 3]), { median: 2.5, min: 1, max: 4, count: 4 });
  });

  it('is nothing for nothing', () => {
    assert.equal(spreadOf([]), undefined);
    assert.ok(Number.isNaN(percentileOf([], 0.5)));
  });

  it('keeps its order, whatever the figures and their order', () => {
    fc.assert(
      fc.property(figures, (all) => {
        const spread = spreadOf(all);
        assert.ok(spread !== undefined && spread.min <= spread.median && spread.median <= spread.max);
        assert.deepEqual(spreadOf(all.toReversed()), spread);
      }),
    );
  });

  it('has percentiles by nearest rank', () => {
    const hundred = Array.from({ length: 100 }, (_, index) => index + 1);
    assert.equal(percentileOf(hundred, 0.5), 50);
    assert.equal(percentileOf(hundred, 0.99), 99);
    assert.equal(percentileOf(hundred, 1), 100);
    assert.equal(percentileOf([7], 0.99), 7);
  });

  it('has percentiles that so many figures do not exceed, and that were measured', () => {
    fc.assert(
      fc.property(figures, fc.double({ min: 0, max: 1, noNaN: true }), (all, share) => {
        const found = percentileOf(all, share);
        assert.ok(all.includes(found));
        assert.ok(all.filter((figure) => figure <= found).length >= share * all.length);
      }),
    );
  });
});
