import assert from 'node:assert/strict';
import type { Context } from 'mocha';
import { contractCases } from '../../../cli/replica/contract/cases.ts';
import type { CaseOutcome } from '../../../cli/replica/contract/contract-case.ts';
import { runContract } from '../../../cli/replica/contract/run-contract.ts';
import type { Target } from '../../../cli/replica/contract/target.ts';
import { skip } from '../../real-parts.ts';

/** Milliseconds, enough for each of the cases that a deviation is named for where it is kept. */
const deviationPatience = { light: 5_000, heavy: 20_000 };

export interface ContractSuite {
  /** Makes what is tested. May skip the suite. */
  open(context: Context): Promise<Target>;
  /** Cases that it is known not to keep, by name, and why. Each has to fail: one that does not any more fails the test. */
  readonly deviations?: Readonly<Record<string, string>>;
  readonly concurrency?: number;
}

/** One test for each case. All cases run beside each other; a test waits for the outcome of its own. */
export function describeContract(title: string, suite: ContractSuite): void {
  // To look closer at some: CONTRACT_CASES='drain|second signal'.
  const wanted = new RegExp(process.env['CONTRACT_CASES'] ?? '');
  const cases = contractCases.filter((one) => wanted.test(one.name));

  describe(title, () => {
    const life = new AbortController();
    const settled = new Map<string, (outcome: CaseOutcome) => void>();
    const outcomes = new Map(
      cases.map(({ name }) => [name, new Promise<CaseOutcome>((resolve) => settled.set(name, resolve))]),
    );
    let running: Promise<unknown> = Promise.resolve();

    before(async function () {
      this.timeout(300_000); // the first compilation of Go's standard library
      const target = await suite.open(this);
      running = runContract(target, {
        cases,
        contractHandler: true,
        signal: life.signal,
        // What is known to fail need not take its time for it.
        patience: ({ name, heavy }) =>
          suite.deviations?.[name] === undefined ? undefined : deviationPatience[heavy === true ? 'heavy' : 'light'],
        ...(suite.concurrency === undefined ? {} : { concurrency: suite.concurrency }),
        onOutcome: (outcome) => settled.get(outcome.name)?.(outcome),
      });
      running.catch(() => undefined);
    });
    after(async () => {
      life.abort();
      await running.catch(() => undefined);
    });

    if (wanted.source === '(?:)')
      it('names no deviation of a promise that is none', () => {
        const names = new Set(cases.map(({ name }) => name));
        assert.deepEqual(
          Object.keys(suite.deviations ?? {}).filter((name) => !names.has(name)),
          [],
        );
      });

    for (const { name, section } of cases)
      it(`${section}: ${name}`, async function () {
        this.timeout(300_000);
        const outcome = await Promise.race([outcomes.get(name), running.then(() => outcomes.get(name))]);
        assert.ok(outcome);
        const deviation = suite.deviations?.[name];
        if (outcome.verdict === 'skipped') {
          assert.equal(deviation, undefined, 'a deviation is named for a case that is not tried');
          skip(this, outcome.reason);
        }
        assert.notEqual(outcome.verdict, 'unknown', outcome.reason);
        if (deviation === undefined) assert.equal(outcome.verdict, 'passed', outcome.reason);
        else
          assert.equal(outcome.verdict, 'failed', `it keeps this promise now: it no longer holds that "${deviation}"`);
      });
  });
}
