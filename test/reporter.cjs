// Mocha's spec reporter, then what took longest, hooks included, then every skipped test with its reason, then once more what failed (a log is often read from its end),
// then the one line that scripts read.
const Mocha = require('mocha');

const { EVENT_HOOK_END, EVENT_RUN_END, EVENT_TEST_END, EVENT_TEST_FAIL, EVENT_TEST_PENDING } = Mocha.Runner.constants;

/** Milliseconds from which on something is worth a line. */
const slow = 8000;

module.exports = class Reporter extends Mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const skipped = [];
    const failed = [];
    const timed = [];
    for (const event of [EVENT_HOOK_END, EVENT_TEST_END])
      runner.on(event, (ended) => timed.push([ended, ended.duration ?? 0]));
    runner.on(EVENT_TEST_PENDING, (test) => skipped.push([test, test.skipReason]));
    runner.on(EVENT_TEST_FAIL, (test, error) => failed.push([test, String(error?.message ?? error).slice(0, 500)]));
    runner.once(EVENT_RUN_END, () => {
      const slowest = timed
        .filter(([, milliseconds]) => milliseconds >= slow)
        .sort(([, one], [, other]) => other - one);
      list(
        'slowest',
        slowest.slice(0, 30).map(([ended, milliseconds]) => [ended, `${Math.round(milliseconds / 1000)} s`]),
      );
      list('skipped', skipped);
      list('failed', failed);
      const { passes, failures, pending } = this.stats;
      console.log(`${passes} passed, ${failures} failed, ${pending} skipped`);
    });
  }
};

function list(word, tests) {
  if (tests.length === 0) return;
  console.log(`${word}:`);
  for (const [test, reason] of tests) console.log(`  ${test.fullTitle()}${reason === undefined ? '' : `: ${reason}`}`);
  console.log('');
}
