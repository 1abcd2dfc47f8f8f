import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';

/**
 * Passes the bytes of a blob on and writes them beside `file`; at their end, if they are what `digest` says, they become that
 * file. A copy that cannot be written is given up without a word: it would only have saved time. Whoever reads checks the digest.
 */
export async function* keepWhileReading(
  bytes: AsyncIterable<Uint8Array>,
  file: string,
  digest: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const own = `${file}.${randomUUID()}`;
  const hash = createHash('sha256');
  let copy: FileHandle | undefined = await open(own, 'wx').catch(() => undefined);
  const giveUp = async (): Promise<void> => {
    await copy?.close().catch(() => undefined);
    copy = undefined;
    await rm(own, { force: true }).catch(() => undefined);
  };
  try {
    for await (const chunk of bytes) {
      hash.update(chunk);
      await copy?.writeFile(chunk).catch(giveUp);
      yield chunk;
    }
    if (copy === undefined || `sha256:${hash.digest('hex')}` !== digest) return;
    await copy.close();
    copy = undefined;
    await rename(own, file).catch(() => undefined);
  } finally {
    await giveUp();
  }
}
