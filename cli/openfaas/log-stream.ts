/**
 * Splits a stream of bytes into lines without their ends; blank lines are left out (faasd ends its log with one).
 * Characters and lines may be cut anywhere between two chunks. A last line without an end is given too.
 * Throws a RangeError for a line of over a mebibyte: that is no log.
 */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > longestLine) throw new RangeError('a line of the log is longer than 1 MiB');
    for (const line of lines) if (line.trim() !== '') yield line;
  }
  rest += decoder.decode();
  if (rest.trim() !== '') yield rest;
}

const longestLine = 1 << 20;
