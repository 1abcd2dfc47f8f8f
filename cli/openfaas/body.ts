import { UserError } from '../errors.ts';
import { describeBody, type Received } from './received.ts';
import type { Incoming } from './transport.ts';

const longestBody = 16 << 20;

/** Reads an answer to its end. Throws BAN-E401 if it breaks off, BAN-E403 for more than 16 MiB, Interrupted. */
export async function readWhole(incoming: Incoming, what: string): Promise<Received> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of incoming.message) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > longestBody) break;
    }
  } catch (error) {
    throw incoming.explain(error);
  } finally {
    incoming.finished();
  }
  const { headers } = incoming.message;
  const received = {
    what,
    status: incoming.status,
    contentType: headers['content-type'] ?? '',
    location: headers.location,
    text: Buffer.concat(chunks).toString('utf8'),
  };
  if (size > longestBody)
    throw new UserError(
      'BAN-E403',
      `${what} answered more than ${longestBody >> 20} MiB, beginning ${describeBody(received)}`,
      { hint: 'is this the gateway’s address?' },
    );
  return received;
}

/** The body as a stream that is read only as fast as its reader takes it; cancelling closes the connection, even while a read is pending. */
export function streamOf(incoming: Incoming): ReadableStream<Uint8Array> {
  const chunks: AsyncIterator<Buffer> = incoming.message[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await chunks.next();
        if (!done) return controller.enqueue(value);
        controller.close();
        incoming.finished();
      } catch (error) {
        incoming.finished();
        throw incoming.explain(error);
      }
    },
    cancel: () => incoming.finished(),
  });
}

/** Headers as fetch has them, from the raw list of names and values. */
export function headersOf(raw: readonly string[]): Headers {
  const headers = new Headers();
  for (let index = 0; index + 1 < raw.length; index += 2) headers.append(raw[index] ?? '', raw[index + 1] ?? '');
  return headers;
}
