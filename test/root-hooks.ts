import type { Context, RootHookObject } from 'mocha';
import './gateway/target.ts';
import { enterTest, unreachedCodes, watchAssertions } from './reached-codes.ts';
import { closeParts } from './real-parts.ts';

// The user's own settings must not decide a test.
for (const name of Object.keys(process.env))
  if (
    /^(BANTAM_(?!BED|CHROMIUM|FUZZ|FAAS_CLI|SUITE_(?:TARGET|MOVED)|OF_WATCHDOG)|OPENFAAS_|FORCE_COLOR$|NO_COLOR$|GITHUB_ACTIONS$)/.test(
      name,
    )
  )
    delete process.env[name];

watchAssertions();

/** Root hooks of mocha: the test bed ends with the run, and a whole run must have reached every error code. */
export const mochaHooks: RootHookObject = {
  beforeEach(this: Context) {
    enterTest(this.currentTest);
  },
  async afterAll(this: Context) {
    this.timeout(120_000);
    await closeParts();
    const top = this.test?.parent;
    const unreached = top === undefined ? undefined : unreachedCodes(top);
    if (unreached !== undefined && unreached.length > 0)
      throw new Error(
        `no test reaches ${unreached.join(', ')}: an error that cannot happen has no code, any other has a test`,
      );
  },
};
