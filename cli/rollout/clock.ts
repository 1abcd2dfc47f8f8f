import { setTimeout as delay } from 'node:timers/promises';
import { Interrupted } from '../errors.ts';

/** Time as the rollout sees it: milliseconds from an arbitrary start, never going back. Tests bring their own. */
export interface Clock {
  now(): number;
  /** Throws Interrupted as soon as the signal is aborted. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>;
}

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => performance.now(),
  async sleep(milliseconds, signal) {
    if (signal.aborted) throw new Interrupted();
    await delay(milliseconds, undefined, { signal }).catch((error: unknown) => {
      throw signal.aborted ? new Interrupted() : error;
    });
  },
};
