import { request } from 'node:http';

/** What one look at a function's health found. `reason` says what was seen instead of health. */
export type Health = { readonly healthy: true } | { readonly healthy: false; readonly reason: string };

/** The path that every OpenFaaS runtime answers itself, without the handler. */
export const healthPath = '/_/health';

/**
 * Asks `address` once, over a fresh connection; any status of 200 to 399 is health (as a kubelet judges it), no redirect is followed.
 * Bounded; never throws, an abort counts as "not healthy".
 */
export function askHealth(address: string, timeoutMilliseconds: number, signal: AbortSignal): Promise<Health> {
  return new Promise((resolve) => {
    const asked = request(new URL(healthPath, address), { agent: false, signal, timeout: timeoutMilliseconds });
    // `timeout` watches silence only; this one also ends an answer that drips.
    const timer = setTimeout(
      () => asked.destroy(new Error(`no answer within ${timeoutMilliseconds / 1000} s`)),
      timeoutMilliseconds,
    );
    asked.on('response', (answer) => {
      answer.resume();
      const status = answer.statusCode ?? 0;
      resolve(status >= 200 && status < 400 ? { healthy: true } : { healthy: false, reason: `status ${status}` });
    });
    asked.on('error', (error) => resolve({ healthy: false, reason: error.message }));
    asked.on('close', () => clearTimeout(timer));
    asked.end();
  });
}
