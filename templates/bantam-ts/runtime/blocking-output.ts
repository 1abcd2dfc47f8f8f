import { writeSync } from 'node:fs';
import { Socket } from 'node:net';

const sleeper = new Int32Array(new SharedArrayBuffer(4));

/**
 * Makes writes to stdout and stderr wait where they are pipes, as those of a container are. Node says they do, but after
 * one that the pipe could not take at once it keeps all that follows in memory until the handler pauses.
 */
export function waitForOutput(): void {
  for (const stream of [process.stdout, process.stderr]) {
    if (!(stream instanceof Socket) || stream.isTTY) continue;
    const { fd } = stream;
    let isRead = true;
    stream._write = (chunk: Uint8Array | string, encoding, done) => {
      try {
        if (isRead) writeAll(fd, typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk);
      } catch (error) {
        // Nobody reads the log any more. The function goes on: an error would be logged, and fail again, and be logged.
        if (isBroken(error)) isRead = false;
        else done(error instanceof Error ? error : new Error(String(error)));
        if (isRead) return;
      }
      done();
    };
  }
}

function writeAll(fd: number, bytes: Uint8Array): void {
  let written = 0;
  while (written < bytes.length) {
    try {
      written += writeSync(fd, bytes, written);
    } catch (error) {
      if (codeOf(error) !== 'EAGAIN') throw error;
      Atomics.wait(sleeper, 0, 0, 2); // full: whoever reads it needs a moment
    }
  }
}

function isBroken(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'EPIPE' || code === 'ECONNRESET' || code === 'EBADF';
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
