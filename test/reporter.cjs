// Mocha's spec reporter, then every skipped test with its reason, then the one line that scripts read.
const Mocha = require('mocha');

const { EVENT_RUN_END, EVENT_TEST_PENDING } = Mocha.Runner.constants;

module.exports = class Reporter extends Mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const skipped = [];
    runner.on(EVENT_TEST_PENDING, (test) => skipped.push(test));
    runner.once(EVENT_RUN_END, () => {
      if (skipped.length > 0) {
        console.log('skipped:');
        for (const test of skipped)
          console.log(`  ${test.fullTitle()}${test.skipReason === undefined ? '' : `: ${test.skipReason}`}`);
        console.log('');
      }
      const { passes, failures, pending } = this.stats;
      console.log(`${passes} passed, ${failures} failed, ${pending} skipped`);
    });
  }
};
