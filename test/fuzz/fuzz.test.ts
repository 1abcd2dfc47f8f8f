import assert from 'node:assert/strict';
import pLimit from 'p-limit';
import { planFuzz } from './plan.ts';
import { describeOutcome, type Fuzzer, type Outcome, openFuzzer, usualBounds } from './run.ts';

/** Two thirds of a minute in `npm test`, an hour with `npm run soak`; see CONTRIBUTING.md for the variables. */
const plan = planFuzz(process.env, 30);

describe(`fuzzing from seed ${plan.seed}`, function () {
  this.timeout((plan.seconds * plan.targets.length + 300) * 1000);
  let fuzzer: Fuzzer;
  /** All targets start at once, two at a time; each test waits for its own. */
  const outcomes = new Map<string, Promise<Outcome>>();

  before(async () => {
    fuzzer = await openFuzzer();
    const limit = pLimit(plan.atOnce);
    for (const target of plan.targets) {
      const { seed, seconds, runs } = plan;
      outcomes.set(
        target,
        limit(() => fuzzer.run({ target, seed, seconds, ...(runs === undefined ? {} : { runs }) })),
      );
    }
  });
  after(async () => {
    await Promise.allSettled(outcomes.values());
    await fuzzer?.[Symbol.asyncDispose]();
  });

  for (const target of plan.targets) {
    it(`finds nothing in ${target}`, async () => {
      const outcome = await outcomes.get(target);
      assert.ok(outcome !== undefined);
      if ('failure' in outcome) assert.fail(describeOutcome(outcome));
      if (plan.runs !== undefined) return;
      // Inputs that are all refused at the door, or all fine, try nothing.
      assert.ok(outcome.runs >= 20, describeOutcome(outcome));
      assert.ok((outcome.fates['accepted'] ?? 0) > 0, describeOutcome(outcome));
      assert.ok(Object.keys(outcome.fates).length > 1, describeOutcome(outcome));
    });
  }

  describe('is no good if it cannot find', () => {
    const bounds = { ...usualBounds, processorSeconds: 1, seconds: 2 };
    for (const [way, kind, text] of [
      ['throw', 'throw', /this is no UserError/],
      ['stray', 'throw', /nobody waits for this/],
      ['message', 'throw', /nobody can read: it is undefined/],
      ['hang', 'hang', /s of processor time/],
      ['wait', 'hang', /s of processor time/],
      ['memory', 'memory', /MB/],
    ] as const) {
      it(`what fails with: ${way}`, async () => {
        const outcome = await fuzzer.run({
          target: 'selftest',
          seed: 1,
          seconds: 30,
          bounds,
          environment: { BANTAM_FUZZ_SELFTEST: way },
        });
        assert.ok('failure' in outcome, JSON.stringify(outcome));
        assert.equal(outcome.failure.kind, kind, outcome.failure.text);
        assert.match(outcome.failure.text, text);
        if (kind !== 'throw' || way === 'stray') return;
        // The seed of the failure alone leads to it again, at once.
        const seed = Number(/SEED=(\d+)/.exec(outcome.again)?.[1]);
        const again = await fuzzer.run({
          target: 'selftest',
          seed,
          seconds: 30,
          runs: 1,
          environment: { BANTAM_FUZZ_SELFTEST: way },
        });
        assert.ok('failure' in again && again.failure.offset === 0, JSON.stringify(again));
      });
    }

    it('and passes what is fine', async () => {
      const outcome = await fuzzer.run({ target: 'selftest', seed: 1, seconds: 30, runs: 200 });
      assert.ok('runs' in outcome && outcome.runs === 200, JSON.stringify(outcome));
      assert.ok(outcome.peakMegabytes > 20 && outcome.peakMegabytes < 200, String(outcome.peakMegabytes));
    });
  });
});
