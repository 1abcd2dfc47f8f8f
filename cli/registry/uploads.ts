import type { Report } from '../events.ts';
import { formatReference, type Reference } from '../oci/reference.ts';
import { expectSuccess, type Sent, unexpected } from './answers.ts';
import { abortError } from './network-failure.ts';
import type { BlobSource, Registry } from './registry.ts';
import type { Ask } from './requests.ts';
import { isBrokenConnection, isBusy } from './sender.ts';

/** How often and after which pauses something is tried. Milliseconds. */
export interface Tries {
  readonly attempts: number;
  readonly wait: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
  readonly report: Report;
}

/** Waits before try number `attempt` + 1: 250 ms, 500 ms, … Throws Interrupted when the signal aborts. */
export async function pauseAfter(
  attempt: number,
  what: string,
  registry: string,
  tries: Tries,
  signal: AbortSignal | undefined,
): Promise<void> {
  const pause = 250 * 2 ** (attempt - 1);
  tries.report({ type: 'trace', about: registry, text: `${what}: once more in ${pause} ms` });
  await tries.wait(pause, signal).catch((error: unknown) => {
    throw signal?.aborted === true ? abortError(signal) : error;
  });
}

/** The call that sends a blob. `timeout`: longest silence within an answer, milliseconds. */
export function openUploads(ask: Ask, timeout: number, tries: Tries): Pick<Registry, 'putBlob'> {
  /**
   * One try of an upload from its first question on: after a broken one the registry may hold half of it, and would take
   * a second body for the rest. `again`: it may work the next time.
   */
  const tryPutBlob = async (
    reference: Reference,
    blob: BlobSource,
    from: string | undefined,
    what: string,
    last: boolean,
    signal: AbortSignal | undefined,
  ): Promise<'there' | 'mounted' | 'sent' | 'again'> => {
    const common = { action: 'pull,push', signal } as const;
    const patience = { timeout, signal };
    const here = await ask(reference, { ...common, method: 'HEAD', path: `blobs/${blob.digest}`, headers: {} });
    here.answer.release();
    if (here.answer.ok) return 'there';
    if (here.answer.status !== 404) await expectSuccess(here, what, patience);
    const mount =
      from === undefined ? '' : `?mount=${encodeURIComponent(blob.digest)}&from=${encodeURIComponent(from)}`;
    const headers = { 'content-length': '0' };
    const begun = await ask(reference, { ...common, method: 'POST', path: `blobs/uploads/${mount}`, headers });
    await expectSuccess(begun, `place for a ${what}`, patience);
    begun.answer.release();
    if (begun.answer.status === 201) return 'mounted';
    const sent = await ask(reference, {
      ...common,
      method: 'PUT',
      path: '',
      at: uploadAddress(begun, blob.digest),
      headers: { 'content-type': 'application/octet-stream' },
      body: { size: blob.size, open: blob.open },
    }).catch((error: unknown) => {
      if (!last && isBrokenConnection(error)) return undefined;
      throw error;
    });
    if (sent === undefined) return 'again';
    const { status } = sent.answer;
    if (!last && (isBusy(status) || status === 404 || status === 416)) {
      sent.answer.release();
      return 'again';
    }
    await expectSuccess(sent, what, patience);
    sent.answer.release();
    return 'sent';
  };

  return {
    async putBlob(reference, blob, from, signal) {
      const what = `blob ${blob.digest} of ${formatReference(reference)}`;
      for (let attempt = 1; ; attempt += 1) {
        const done = await tryPutBlob(reference, blob, from, what, attempt >= tries.attempts, signal);
        // A try that broke off late may have arrived nevertheless: those bytes were sent, too.
        if (done !== 'again') return done === 'there' && attempt > 1 ? 'sent' : done;
        await pauseAfter(attempt, what, reference.registry, tries, signal);
      }
    },
  };
}

/** Where the registry wants the bytes (distribution-spec, "Monolithic upload"). Throws BAN-E304 for no address, and for one that gives up TLS. */
function uploadAddress({ answer, exchange }: Sent, digest: string): URL {
  const { status } = answer;
  const location = answer.header('location') ?? '';
  if (status !== 202 || location === '' || !URL.canParse(location, exchange.url.href))
    throw unexpected(exchange, `${status} without saying where to send the blob`);
  const at = new URL(location, exchange.url);
  // A registry behind a proxy that ends TLS does not always know that it is reached over https.
  if (exchange.url.protocol === 'https:' && at.protocol === 'http:' && at.hostname === exchange.url.hostname) {
    at.protocol = 'https:';
    at.port = exchange.url.port;
  }
  if (exchange.url.protocol === 'https:' && at.protocol !== 'https:')
    throw unexpected(exchange, `and wants the blob over plain http at ${at.host}`, 'check any proxy in front of it');
  // Appended as text: what is there may be signed, byte by byte.
  at.search += `${at.search === '' ? '?' : '&'}digest=${encodeURIComponent(digest)}`;
  return at;
}
