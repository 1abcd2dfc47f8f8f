import { Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import type { Received } from './received.ts';
import { Refused } from './refused.ts';
import type { EventSettings } from './settings.ts';

/**
 * Reads a body to its end, uncompressed, at most `limit` bytes of it. Throws {@link Refused}: 413 above the limit, 415 for a
 * compression that the template does not know, 400 for bytes that are not compressed as they say.
 */
export async function readBody(
  { headers, body }: Received,
  limit: number,
  like: EventSettings['like'],
): Promise<Buffer> {
  const encoding = (headers['content-encoding'] ?? 'identity').toLowerCase();
  if (encoding === 'identity') {
    if (Number(headers['content-length'] ?? 0) > limit) throw tooLarge();
    return await collect(body(), limit);
  }
  const decompress = chooseDecompressor(encoding, like);
  const compressed = Readable.from(body());
  // An end of the connection has to reach the reader, too.
  compressed.once('error', (error) => decompress.destroy(error));
  try {
    return await collect(compressed.pipe(decompress), limit);
  } catch (error) {
    if (error instanceof Error && 'code' in error && /^(Z_|ERR_)/.test(String(error.code))) {
      throw new Refused(400, error.message);
    }
    throw error;
  } finally {
    compressed.destroy();
    decompress.destroy();
  }
}

function chooseDecompressor(encoding: string, like: EventSettings['like']): ReturnType<typeof createGunzip> {
  if (encoding === 'gzip') return createGunzip();
  if (encoding === 'deflate') return createInflate();
  if (encoding === 'br' && like === 'express5') return createBrotliDecompress();
  throw new Refused(415, `unsupported content encoding "${encoding}"`);
}

async function collect(chunks: AsyncIterable<Uint8Array>, limit: number): Promise<Buffer> {
  const kept: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > limit) throw tooLarge();
    kept.push(chunk);
  }
  return Buffer.concat(kept, size);
}

function tooLarge(): Refused {
  return new Refused(413, 'request entity too large');
}
