/** `npm run soak`: an hour of fuzzing (BANTAM_FUZZ_SECONDS), a line for each target as it ends; exit 1 if one failed. */
import pLimit from 'p-limit';
import { planFuzz } from './plan.ts';
import { describeOutcome, openFuzzer } from './run.ts';

const plan = planFuzz(process.env, 3600);
console.log(
  `${plan.targets.length} targets, ${plan.seconds.toFixed(0)} s each, ${plan.atOnce} at once, seed ${plan.seed}`,
);
await using fuzzer = await openFuzzer();
const interrupted = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => interrupted.abort());
const limit = pLimit(plan.atOnce);
const failed = new Set<string>();
/** A target that fails at every other input tells nothing new by the hundredth. */
const mostFound = 20;
await Promise.all(
  plan.targets.map((target) =>
    limit(async () => {
      let { seed } = plan;
      // What is found must not end the search: it goes on behind it, for as long as this target has.
      const end = performance.now() + plan.seconds * 1000;
      for (let found = 0; found < mostFound && !interrupted.signal.aborted; found += 1) {
        const seconds = (end - performance.now()) / 1000;
        const runs = plan.runs === undefined ? {} : { runs: plan.runs };
        const outcome = await fuzzer.run({ target, seed, seconds, ...runs }, interrupted.signal);
        console.log(describeOutcome(outcome));
        if (!('failure' in outcome)) return;
        failed.add(target);
        if (plan.runs !== undefined || seconds < 5) return;
        seed += outcome.failure.offset + 1;
      }
    }),
  ),
);
console.log(failed.size === 0 ? 'nothing was found' : `${failed.size} of ${plan.targets.length} targets failed`);
process.exitCode = failed.size === 0 && !interrupted.signal.aborted ? 0 : 1;
