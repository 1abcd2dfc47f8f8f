import { currentCall } from './call.ts';
import type { LogSettings } from './settings.ts';

type StreamName = 'stdout' | 'stderr';

/**
 * Turns the handler's output into lines with a prefix, or into JSON. Where no setting asks for that, its output is left
 * alone: nothing is as fast and as faithful.
 */
export function shapeOutput(settings: LogSettings): void {
  if (settings.format !== 'json' && !settings.prefix) return;
  for (const name of ['stdout', 'stderr'] as const) shapeStream(name, settings);
}

function shapeStream(name: StreamName, { format, longestLine }: LogSettings): void {
  const stream = process[name];
  const write = stream.write.bind(stream);
  const render = format === 'json' ? renderJson : renderPrefixed;
  const lines = new Lines(longestLine);
  stream.write = (chunk: Uint8Array | string, ...rest: unknown[]): boolean => {
    const encoding = typeof rest[0] === 'string' ? (rest[0] as BufferEncoding) : undefined;
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk, encoding) : Buffer.from(chunk);
    const done = rest.find((value) => typeof value === 'function');
    const text = lines
      .add(bytes)
      .map((line) => render(name, line))
      .join('');
    // Node writes to a file or pipe at once, so nothing piles up however much it is.
    const isRoom = text === '' || write(text);
    if (done !== undefined) process.nextTick(done);
    return isRoom;
  };
  process.on('exit', () => {
    for (const line of lines.rest()) write(render(name, line));
  });
}

/** Cuts a stream of bytes into lines of at most `longest` bytes. */
export class Lines {
  readonly #longest: number;
  #begun: Buffer = Buffer.alloc(0);

  constructor(longest: number) {
    this.#longest = longest;
  }

  /** The lines that are complete with these bytes, without their ends. */
  add(bytes: Buffer): string[] {
    const all = this.#begun.length === 0 ? bytes : Buffer.concat([this.#begun, bytes]);
    const lines: string[] = [];
    let start = 0;
    while (start < all.length) {
      const newline = all.indexOf(10, start);
      const end = newline === -1 ? all.length : newline;
      if (newline === -1 && end - start <= this.#longest) break;
      const cut = end - start > this.#longest ? characterBefore(all, start, start + this.#longest) : end;
      lines.push(all.toString('utf8', start, cut));
      start = cut === newline ? cut + 1 : cut;
    }
    this.#begun = Buffer.from(all.subarray(start)); // a copy: the piece alone, not all it was cut from
    return lines;
  }

  /** What is left of a line that has no end. */
  rest(): string[] {
    return this.#begun.length === 0 ? [] : [this.#begun.toString('utf8')];
  }
}

/** The last place not after `end` where a character begins: none is cut in two, unless it is longer than a line. */
function characterBefore(bytes: Buffer, start: number, end: number): number {
  let place = end;
  while (place > start + 1 && ((bytes[place] ?? 0) & 0xc0) === 0x80 && end - place < 4) place -= 1;
  return place;
}

function renderPrefixed(stream: StreamName, line: string): string {
  const time = new Date().toISOString().slice(0, 19).replace('T', ' ').replaceAll('-', '/');
  return `${time} ${stream}: ${line}\n`;
}

function renderJson(stream: StreamName, message: string): string {
  const level = stream === 'stderr' ? 'error' : 'info';
  const call_id = currentCall.getStore()?.id;
  return `${JSON.stringify({ time: new Date().toISOString(), level, message, call_id, stream })}\n`;
}
