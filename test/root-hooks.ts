import type { Context, RootHookObject } from 'mocha';
import './gateway/target.ts';
import { closeParts } from './real-parts.ts';

// The user's own settings must not decide a test.
for (const name of Object.keys(process.env))
  if (/^(BANTAM_(?!BED|SUITE_TARGET|OF_WATCHDOG)|OPENFAAS_|FORCE_COLOR$|NO_COLOR$)/.test(name))
    delete process.env[name];

/** Root hooks of mocha: the test bed ends with the run. */
export const mochaHooks: RootHookObject = {
  async afterAll(this: Context) {
    this.timeout(120_000);
    await closeParts();
  },
};
