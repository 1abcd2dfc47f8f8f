import { setTimeout as wait } from 'node:timers/promises';

/** Waits so many milliseconds, or less when `signal` aborts. Never throws: the caller's loop looks at the signal. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await wait(milliseconds, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}
