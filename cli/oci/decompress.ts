import { pipeline, Readable } from 'node:stream';
import { createContext, Script } from 'node:vm';
import { createGunzip } from 'node:zlib';
import { Decompress } from 'fzstd';

/**
 * Decompresses a layer as a stream: gzip, zstd or none, told by its first bytes as containerd does (media types are often wrong).
 * Throws a plain Error on damaged data. Ending early ends the source.
 */
export async function* decompress(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const iterator = bytes[Symbol.asyncIterator]();
  try {
    const { first, ended } = await readAtLeast(iterator, 18);
    const all = joined(first, ended ? undefined : iterator);
    if (first[0] === 0x1f && first[1] === 0x8b) yield* gunzip(all);
    else if (isZstd(first)) yield* unzstd(all);
    else yield* all;
  } finally {
    await iterator.return?.();
  }
}

async function readAtLeast(
  iterator: AsyncIterator<Uint8Array>,
  count: number,
): Promise<{ first: Uint8Array; ended: boolean }> {
  let first = new Uint8Array();
  while (first.length < count) {
    const next = await iterator.next();
    if (next.done === true) return { first, ended: true };
    first = Buffer.concat([first, next.value]);
  }
  return { first, ended: false };
}

async function* joined(
  first: Uint8Array,
  rest: AsyncIterator<Uint8Array> | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (first.length > 0) yield first;
  if (rest === undefined) return;
  for (;;) {
    const next = await rest.next();
    if (next.done === true) return;
    yield next.value;
  }
}

async function* gunzip(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const unpacked = createGunzip({ chunkSize: 64 * 1024 });
  // A failure of either end destroys both; the loop below then throws it, so there is nothing left to do here.
  pipeline(Readable.from(bytes, { objectMode: true }), unpacked, () => {});
  for await (const chunk of unpacked) yield chunk;
}

/** Zstandard frames (RFC 8878) or a skippable frame, which zstd:chunked and seekable layers begin with. */
function isZstd(first: Uint8Array): boolean {
  const magic = new DataView(first.buffer, first.byteOffset, first.byteLength);
  if (first.length < 4) return false;
  const number = magic.getUint32(0, true);
  return number === 0xfd2fb528 || (number & 0xfffffff0) >>> 0 === 0x184d2a50;
}

/**
 * Node 20 has no zstd, so a library in JavaScript does it. Small slices: 1 KiB can grow to 32 MiB (run-length blocks), all of it handed over at
 * once. A damaged block of twenty bytes can keep the library busy for minutes, copying to behind the end of its block, and nothing but V8 itself
 * can end that; a group of slices has {@link longestGroup} for what takes milliseconds.
 */
async function* unzstd(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  let ready: Uint8Array[] = [];
  let size = 0;
  const decoder = new Decompress((chunk) => {
    ready.push(chunk);
    size += chunk.length;
  });
  const withinTime = openTimer();
  let checked = false;
  for await (const chunk of bytes) {
    if (!checked) checkWindow(chunk);
    checked = true;
    for (let offset = 0; offset < chunk.length; ) {
      const end = Math.min(chunk.length, offset + 64 * 1024);
      withinTime(() => {
        for (; offset < end && size < 1024 * 1024; offset += 1024)
          decoder.push(chunk.subarray(offset, Math.min(end, offset + 1024)));
      });
      yield* ready;
      ready = [];
      size = 0;
    }
  }
  decoder.push(new Uint8Array(), true);
  yield* ready;
}

/** Milliseconds: a thousand times what a slow Pi needs. */
const longestGroup = 2000;

/** Does work that nothing inside of it can be trusted to end. Throws an Error if it has not ended in time. A context costs a millisecond: one for all. */
function openTimer(): (work: () => void) => void {
  const holder: { work: (() => void) | undefined } = { work: undefined };
  const context = createContext(holder);
  return (work) => {
    holder.work = work;
    try {
      endable.runInContext(context, { timeout: longestGroup });
    } catch (error) {
      // It is an Error of the context's own kind, not of ours.
      const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
      if (code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
      throw new Error('its zstd data does not come to an end', { cause: error });
    }
  };
}

const endable = new Script('work()');

/** Refuses a frame that wants more than 128 MiB of memory, as zstd itself does (ZSTD_WINDOWLOG_LIMIT_DEFAULT). */
function checkWindow(first: Uint8Array): void {
  const descriptor = first[4] ?? 0;
  const singleSegment = (descriptor & 0x20) !== 0;
  if (first[0] !== 0x28 || singleSegment) return;
  if (10 + ((first[5] ?? 0) >> 3) > 27) throw new Error('its zstd window is larger than 128 MiB');
}
