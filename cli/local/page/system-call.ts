import type { LocalCredentials } from '../gateway/basic-auth.ts';
import { Refusal } from './refusal.ts';

const bound = 20_000;

/**
 * Asks the gateway's own /system for a change, so that the page can do nothing that other clients cannot, and the dialect judges it alike.
 * Throws a Refusal with the gateway's words unless it agrees.
 */
export async function changeThroughSystem(
  { url, credentials }: { readonly url: string; readonly credentials: LocalCredentials },
  { method, path, body }: { readonly method: 'POST' | 'DELETE'; readonly path: string; readonly body: unknown },
  signal: AbortSignal,
): Promise<void> {
  const answer = await fetch(`${url}${path}`, {
    method,
    headers: {
      authorization: `Basic ${Buffer.from(`${credentials.user}:${credentials.password}`, 'utf8').toString('base64')}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify(body),
    redirect: 'manual',
    signal: AbortSignal.any([signal, AbortSignal.timeout(bound)]),
  });
  const text = (await answer.text()).trim();
  if (answer.ok) return;
  throw new Refusal(
    answer.status === 404 ? 404 : 502,
    `the gateway answered ${answer.status}${text === '' ? '' : `: ${text}`}`,
  );
}
