import { UserError } from '../errors.ts';
import { SlowAnswer } from './http.ts';
import { abortError, describeNetworkFailure } from './network-failure.ts';
import type { Answer, Exchange } from './sender.ts';

/** What reading a body needs to know. `timeout`: longest silence between two chunks, milliseconds. */
export interface BodyOptions {
  readonly exchange: Exchange;
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
}

/** The body as a stream that ends with BAN-E301 when the registry falls silent, breaks off, or sends next to nothing for a minute. Cancelling closes the connection. */
export function openBody(answer: Answer, options: BodyOptions): ReadableStream<Uint8Array> {
  const { exchange, timeout, signal } = options;
  const reader = answer.body[Symbol.asyncIterator]();
  let received = 0;
  let waited = 0;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        let silent = false;
        const timer = setTimeout(() => {
          silent = true;
          answer.release();
        }, timeout);
        const began = performance.now();
        try {
          const next = await reader.next();
          waited += performance.now() - began;
          if (next.done === true) {
            answer.release();
            controller.close();
            return;
          }
          received += next.value.length;
          if (isDripping(received, waited))
            throw new Error(`it sent ${received} bytes in ${Math.round(waited / 1000)} s`);
          controller.enqueue(next.value);
        } catch (error) {
          answer.release();
          if (signal?.aborted === true) throw abortError(signal);
          const cause = silent
            ? new SlowAnswer(`it fell silent for ${timeout / 1000} s after ${received} bytes`)
            : error;
          throw describeNetworkFailure(cause, exchange.registry, exchange.url, exchange.method);
        } finally {
          clearTimeout(timer);
        }
      },
      cancel() {
        answer.release();
      },
    },
    { highWaterMark: 0 },
  );
}

/** Bytes per second below which a body counts as dripping: nothing that a Pi is connected by is that slow. Waiting for the reader does not count. */
const slowest = 2048;

/** How long a body may drip, milliseconds. */
const patience = 60_000;

/** Whether a body is not worth waiting for: `received` bytes in `waited` milliseconds. */
export function isDripping(received: number, waited: number): boolean {
  return waited > patience && received < (waited / 1000) * slowest;
}

/** Reads a small body whole. Throws BAN-E304 beyond `limit` bytes. */
export async function readBody(answer: Answer, limit: number, options: BodyOptions): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of openBody(answer, options)) {
    length += chunk.length;
    if (length > limit) {
      const { registry, method, url } = options.exchange;
      throw new UserError(
        'BAN-E304',
        `the registry ${registry} answers ${method} ${url.pathname} with more than ${limit} bytes`,
        {
          hint: 'check that the address is that of a registry',
        },
      );
    }
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}
