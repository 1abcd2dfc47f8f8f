import { UserError } from '../errors.ts';
import { isDigest } from '../oci/digest.ts';
import { formatReference, type Reference } from '../oci/reference.ts';
import { expectSuccess, type Sent, unexpected } from './answers.ts';
import { openBody } from './body.ts';
import type { Registry } from './registry.ts';
import type { Ask } from './requests.ts';
import { isBrokenConnection } from './sender.ts';
import { pauseAfter, type Tries } from './uploads.ts';

/** The calls that read blobs. `timeout`: longest silence within an answer, milliseconds. */
export function openBlobs(ask: Ask, timeout: number, tries: Tries): Pick<Registry, 'blob' | 'hasBlob'> {
  /** Opens a blob from a byte on. Registries and storages that do not know Range send all of it: then the beginning is read over. */
  const openFrom = async (
    reference: Reference,
    digest: string,
    offset: number,
    signal: AbortSignal | undefined,
  ): Promise<ReadableStream<Uint8Array>> => {
    const headers: Record<string, string> = offset === 0 ? {} : { range: `bytes=${offset}-` };
    const sent = await ask(reference, { method: 'GET', path: `blobs/${digest}`, action: 'pull', headers, signal });
    await expectSuccess(sent, `blob ${digest} of ${formatReference(reference)}`, { timeout, signal });
    const body = openBody(sent.answer, { exchange: sent.exchange, timeout, signal });
    const skip = offset - startOf(sent, offset);
    return skip === 0 ? body : ReadableStream.from(skipBytes(body, skip));
  };

  /** Reads on where a connection broke, as long as there is progress. */
  const resume = async function* (
    first: ReadableStream<Uint8Array>,
    reference: Reference,
    digest: string,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    let stream = first;
    let received = 0;
    let failures = 0;
    for (let mark = 0; ; ) {
      try {
        for await (const chunk of stream) {
          received += chunk.length;
          yield chunk;
        }
        return;
      } catch (error) {
        failures = received - mark >= progress ? 1 : failures + 1;
        mark = received;
        if (!isBrokenConnection(error) || failures >= tries.attempts) throw error;
      }
      await pauseAfter(failures, `blob ${digest} from byte ${received}`, reference.registry, tries, signal);
      stream = await openFrom(reference, digest, received, signal);
    }
  };

  return {
    async blob(reference, digest, signal) {
      if (!isDigest(digest)) throw new UserError('BAN-E306', `"${digest}" is no digest of a blob`);
      const first = await openFrom(reference, digest, 0, signal);
      return ReadableStream.from(resume(first, reference, digest, signal));
    },
    async hasBlob(reference, digest, signal) {
      const sent = await ask(reference, {
        method: 'HEAD',
        path: `blobs/${digest}`,
        action: 'pull',
        headers: {},
        signal,
      });
      const { status } = sent.answer;
      if (status !== 404)
        await expectSuccess(sent, `blob ${digest} of ${formatReference(reference)}`, { timeout, signal });
      sent.answer.release();
      return status !== 404;
    },
  };
}

/** Bytes between two broken connections that count as progress. */
const progress = 256 * 1024;

/** Where in the blob an answer begins (RFC 9110, section 14.4). Throws BAN-E304 if that is neither its beginning nor what was asked for. */
function startOf({ answer, exchange }: Sent, wanted: number): number {
  if (answer.status !== 206) return 0;
  const start = Number(/^bytes (\d+)-/.exec(answer.header('content-range') ?? '')?.[1] ?? Number.NaN);
  if (start === wanted) return start;
  answer.release();
  throw unexpected(exchange, `206 with another part than the one asked for (from byte ${wanted})`);
}

async function* skipBytes(
  bytes: AsyncIterable<Uint8Array>,
  count: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let left = count;
  for await (const chunk of bytes) {
    if (left < chunk.length) yield left === 0 ? chunk : chunk.subarray(left);
    left = Math.max(0, left - chunk.length);
  }
}
