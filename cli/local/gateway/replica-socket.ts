import { Socket } from 'node:net';

type Written = (error?: Error | null) => void;

/** What a write fails with once the other side has closed. */
const closedByPeer = /^(?:EPIPE|ECONNRESET)$/;

/**
 * A connection whose other side may close it while we still write. What it said before is then still to be read (413, for instance, of a function
 * that does not take so large a body); a socket of node:net throws it away with the first write that fails. Here such a write is dropped, and
 * it is reading that finds the end.
 */
export class ReplicaSocket extends Socket {
  override _write(chunk: Buffer, encoding: BufferEncoding, written: Written): void {
    super._write(chunk, encoding, forgive(written));
  }

  override _writev(chunks: { chunk: Buffer; encoding: BufferEncoding }[], written: Written): void {
    super._writev?.(chunks, forgive(written));
  }
}

function forgive(written: Written): Written {
  return (error) => {
    const code = error != null && 'code' in error ? String(error.code) : '';
    written(closedByPeer.test(code) ? null : error);
  };
}
