/** A part of a content: first and last byte, both included. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/**
 * What of `size` bytes a `Range` header asks for: a part, `all` (no header, or one that may be ignored: several parts, another unit), `none`
 * if no byte of it is there or it runs backwards (RFC 9110 section 14.2 lets servers refuse that, and whoever sends it means something else).
 */
export function readRange(header: string | undefined, size: number): ByteRange | 'all' | 'none' {
  const { from, to } = /^bytes=(?<from>\d*)-(?<to>\d*)$/.exec(header?.trim() ?? '')?.groups ?? {};
  if (from === undefined || to === undefined || (from === '' && to === '')) return 'all';
  if (from === '') {
    const length = Math.min(Number(to), size);
    return length === 0 ? 'none' : { first: size - length, last: size - 1 };
  }
  const first = Number(from);
  const last = to === '' ? size - 1 : Math.min(Number(to), size - 1);
  return last < first ? 'none' : { first, last };
}

/** A `Content-Range` of a chunk, `first-last` (distribution-spec, "Pushing a blob in chunks"), also in HTTP's own form. Undefined if it is none. */
export function readChunkRange(header: string): ByteRange | undefined {
  const { from, to } = /^(?:bytes[ =])?(?<from>\d+)-(?<to>\d+)(?:\/(?:\d+|\*))?$/.exec(header.trim())?.groups ?? {};
  if (from === undefined || to === undefined) return undefined;
  const range = { first: Number(from), last: Number(to) };
  return range.last >= range.first && Number.isSafeInteger(range.last) ? range : undefined;
}
