import { Interrupted } from '../../cli/errors.ts';
import type { Clock } from '../../cli/rollout/clock.ts';

/** A clock that only sleeping moves: a minute of waiting takes no time. */
export interface VirtualClock extends Clock {
  /** All pauses so far, in milliseconds. */
  readonly pauses: readonly number[];
}

/** Starts at `start`. Throws once more than `budget` milliseconds were slept: a loop that never ends is a failure. */
export function createVirtualClock(start = 1000, budget = 600_000): VirtualClock {
  let now = start;
  const pauses: number[] = [];
  return {
    pauses,
    now: () => now,
    async sleep(milliseconds, signal) {
      if (signal.aborted) throw new Interrupted();
      pauses.push(milliseconds);
      now += milliseconds;
      if (now - start > budget) throw new Error('slept for too long');
    },
  };
}
