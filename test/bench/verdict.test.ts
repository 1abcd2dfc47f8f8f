import assert from 'node:assert/strict';
import { spreadOf } from './spread.ts';
import { decide, ratioOf, type Target, type Verdict } from './verdict.ts';

const atLeastSix: Target = { bound: 'at least', value: 6 };
const atMostHalf: Target = { bound: 'at most', value: 0.5 };

describe('the verdict on a target', () => {
  const table: readonly [string, readonly number[], Target, Verdict][] = [
    ['every round above', [6, 7, 8], atLeastSix, 'met'],
    ['every round below', [4, 5, 5.99], atLeastSix, 'missed'],
    ['one round below', [5.9, 7, 8], atLeastSix, 'unknown'],
    ['one round above', [4, 5, 6], atLeastSix, 'unknown'],
    ['every round under the most', [0.3, 0.4, 0.5], atMostHalf, 'met'],
    ['every round over the most', [0.51, 0.6, 0.7], atMostHalf, 'missed'],
    ['one round over the most', [0.4, 0.45, 0.51], atMostHalf, 'unknown'],
    ['two rounds only', [9, 9], atLeastSix, 'unknown'],
    ['no round', [], atLeastSix, 'unknown'],
  ];
  for (const [what, ratios, target, verdict] of table)
    it(`is ${verdict} for ${what}`, () => assert.equal(decide(spreadOf(ratios), target), verdict));
});

describe('a ratio', () => {
  it('is taken round by round', () => {
    assert.deepEqual(ratioOf([10, 40, 90], [10, 20, 30]), { median: 2, min: 1, max: 3, count: 3 });
  });

  it('leaves out rounds where one side has no good figure', () => {
    assert.equal(ratioOf([10, undefined, 90], [10, 20, 0])?.count, 1);
    assert.equal(ratioOf([10, 20], [10])?.count, 1);
    assert.equal(ratioOf([undefined], [1]), undefined);
  });
});
