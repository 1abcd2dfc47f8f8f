import { Interrupted, UserError } from '../../errors.ts';
import { probeAddress } from '../../replica/http-probe.ts';
import type { RunningImage } from '../docker/run-image.ts';
import { healthPath } from './health.ts';
import { pause } from './pause.ts';

/** What is asked; `bound` in milliseconds, `subject` for messages. */
export interface ReadinessQuestion {
  readonly subject: string;
  readonly bound: number;
}

/**
 * Asks a healthy container for `/_/ready` until it is ready. `false` for a foreign runtime, which need not know that path and is asked once.
 * Throws BAN-E603 with the last log lines if a bantam runtime is not ready within the bound, `Interrupted`.
 */
export async function awaitReadiness(
  running: Pick<RunningImage, 'url' | 'logs'>,
  { subject, bound }: ReadinessQuestion,
  signal: AbortSignal,
): Promise<boolean> {
  const end = performance.now() + bound;
  const named = await namesItself(running.url, signal);
  let reason = '';
  do {
    const probe = await probeAddress(running.url, signal);
    if (probe.kind === 'answer' && probe.ready) return true;
    // Who names itself on either path is a bantam runtime.
    if (!named && probe.kind !== 'answer') return false;
    reason = probe.kind === 'answer' ? `status ${probe.status}` : probe.reason;
    await pause(100, signal);
  } while (performance.now() < end);
  if (signal.aborted) throw new Interrupted();
  const details: string[] = [];
  for await (const { text } of running.logs({ tail: 20 }, signal)) details.push(text);
  throw new UserError(
    'BAN-E603',
    `${subject} was healthy, but not ready within ${bound / 1000} s: GET /_/ready: ${reason}`,
    {
      hint: 'a gateway sends it no calls; its log says what it waits for',
      details,
    },
  );
}

/** Whether health is answered with the identity that every bantam runtime puts on its answers. */
async function namesItself(url: string, signal: AbortSignal): Promise<boolean> {
  try {
    const answer = await fetch(new URL(healthPath, url), {
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(2000)]),
    });
    await answer.body?.cancel();
    return answer.headers.has('x-bantam-deploy');
  } catch {
    // Silence names nobody; what is wrong shows when it is asked whether it is ready.
    if (signal.aborted) throw new Interrupted();
    return false;
  }
}
