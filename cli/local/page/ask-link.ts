import * as v from 'valibot';
import { linkSchema } from './messages.ts';

/** How long a running gateway may take to make a link, in milliseconds. */
const bound = 5000;

/**
 * Asks a running gateway for the address of its page with a key that lets one browser in, once. `undefined` where it gives none: its page can
 * still be opened with user and password, so that is no failure.
 */
export async function askPageLink(
  gateway: { readonly url: string; readonly user: string; readonly password: string },
  signal: AbortSignal,
): Promise<string | undefined> {
  const login = Buffer.from(`${gateway.user}:${gateway.password}`, 'utf8').toString('base64');
  const answer = await fetch(`${gateway.url}/ui/api/links`, {
    method: 'POST',
    headers: { authorization: `Basic ${login}` },
    redirect: 'manual',
    signal: AbortSignal.any([signal, AbortSignal.timeout(bound)]),
  }).catch(() => undefined);
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), linkSchema), await answer?.text().catch(() => ''));
  return parsed.success ? parsed.output.url : undefined;
}
