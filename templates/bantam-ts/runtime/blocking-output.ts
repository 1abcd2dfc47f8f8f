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
    stream._write = (chunk: Uint8Array | string, encoding, done) => {
      try {
        writeAll(fd, typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk);
      } catch (error) {
        done(error instanceof Error ? error : new Error(String(error)));
        return;
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
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
      Atomics.wait(sleeper, 0, 0, 2); // full: whoever reads it needs a moment
    }
  }
}
