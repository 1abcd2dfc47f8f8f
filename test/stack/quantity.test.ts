import assert from 'node:assert/strict';
import { isQuantity, quantityOf, suggestQuantity } from '../../cli/stack/quantity.ts';

describe('quantities', () => {
  for (const [text, number] of [
    ['0', 0],
    ['134217728', 134_217_728],
    ['0.5', 0.5],
    ['.5', 0.5],
    ['1.', 1],
    ['100m', 0.1],
    ['250u', 0.000_25],
    ['5n', 5e-9],
    ['2k', 2000],
    ['64M', 64e6],
    ['1Ki', 1024],
    ['128Mi', 128 * 2 ** 20],
    ['+1Ki', 1024],
    ['1.5Gi', 1.5 * 2 ** 30],
    ['1E', 1e18],
    ['1Ei', 2 ** 60],
    ['1e3', 1000],
    ['2E-3', 0.002],
  ] as const) {
    it(`${text} is ${number}`, () => {
      assert.ok(isQuantity(text));
      assert.ok(Math.abs(quantityOf(text) - number) <= number * 1e-12, String(quantityOf(text)));
    });
  }

  for (const [text, meant] of [
    ['128MB', '128Mi'],
    ['128 Mi', '128Mi'],
    ['128mi', '128Mi'],
    ['1gb', '1Gi'],
    ['64K', '64Ki'],
    ['much', '128Mi, 1Gi, 0.5 or 100m'],
  ] as const) {
    it(`${text} is none, and ${meant} is suggested`, () => {
      assert.ok(!isQuantity(text));
      assert.ok(Number.isNaN(quantityOf(text)));
      assert.equal(suggestQuantity(text), meant);
    });
  }
});
