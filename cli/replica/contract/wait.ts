import { setTimeout as sleep } from 'node:timers/promises';
import { Unkept } from './expectation.ts';

/** The promise, or {@link Unkept} with `what` after so many milliseconds, or the reason of `signal`. */
export function within<T>(
  promise: Promise<T>,
  milliseconds: number,
  what: string | (() => string),
  signal: AbortSignal,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    };
    const abort = (): void => {
      settle();
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      settle();
      const expected = typeof what === 'string' ? what : what();
      reject(new Unkept(`${expected}: nothing within ${milliseconds / 1000} s`));
    }, milliseconds);
    signal.addEventListener('abort', abort, { once: true });
    promise.then(
      (value) => {
        settle();
        resolve(value);
      },
      (thrown: unknown) => {
        settle();
        reject(thrown);
      },
    );
    if (signal.aborted) abort();
  });
}

/** Looks again and again until `look` gives something; {@link Unkept} with `what` after so many milliseconds. */
export async function until<T>(
  look: () => Promise<T | undefined> | T | undefined,
  what: string,
  signal: AbortSignal,
  milliseconds = 10_000,
): Promise<T> {
  const end = performance.now() + milliseconds;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > end) throw new Unkept(`${what}: not within ${milliseconds / 1000} s`);
    await sleep(25, undefined, { signal });
  }
}

/** A pause that ends with the case: for what has to go on for a while, never to hope that something has happened. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { signal });
}
