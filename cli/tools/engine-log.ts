import type { EngineLogLine } from './container-engine.ts';

/** One message of Docker's multiplexed log stream. */
interface Frame {
  readonly stream: 'stdout' | 'stderr';
  readonly bytes: Buffer;
}

/** A line longer than this is cut into several, so that a program without newlines cannot fill memory. */
const longestLine = 1 << 20;
const space = 0x20;
const newline = 0x0a;

/**
 * Reads a container's log stream (attach format: one byte stream number, three zeros, four bytes length, payload) with `timestamps=1` into lines.
 * A line over 16 KiB comes as several messages, each with a time of its own; only the first one's is kept.
 */
export async function* readLogLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<EngineLogLine, void> {
  const pending: Record<'stdout' | 'stderr', Buffer> = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
  for await (const { stream, bytes } of frames(chunks)) {
    const begun = pending[stream];
    const whole = begun.length === 0 ? bytes : Buffer.concat([begun, bytes.subarray(bytes.indexOf(space) + 1)]);
    if (whole.at(-1) !== newline && whole.length < longestLine) {
      pending[stream] = Buffer.from(whole);
      continue;
    }
    pending[stream] = Buffer.alloc(0);
    yield lineOf(stream, whole);
  }
  for (const stream of ['stdout', 'stderr'] as const)
    if (pending[stream].length > 0) yield lineOf(stream, pending[stream]);
}

function lineOf(stream: 'stdout' | 'stderr', whole: Buffer): EngineLogLine {
  const end = whole.indexOf(space);
  return {
    stream,
    timestamp: whole.toString('utf8', 0, end),
    text: whole.toString('utf8', end + 1).replace(/\r?\n$/, ''),
  };
}

async function* frames(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Frame, void> {
  let buffered: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    buffered = Buffer.concat([buffered, chunk]);
    let offset = 0;
    while (buffered.length - offset >= 8) {
      const length = buffered.readUInt32BE(offset + 4);
      if (buffered.length - offset - 8 < length) break;
      yield {
        stream: buffered[offset] === 2 ? 'stderr' : 'stdout',
        bytes: buffered.subarray(offset + 8, offset + 8 + length),
      };
      offset += 8 + length;
    }
    buffered = buffered.subarray(offset);
  }
}
