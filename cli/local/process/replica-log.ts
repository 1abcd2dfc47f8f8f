import { EventEmitter, once } from 'node:events';
import { StringDecoder } from 'node:string_decoder';
import type { RunLine, RunLogQuery } from '../replicas/run.ts';

/** How much is kept of one replica: characters, and lines. A function that writes 100 MB takes no more. */
export interface LogBounds {
  readonly characters: number;
  readonly lines: number;
  /** Characters of one line; a longer one becomes several. */
  readonly line: number;
}

const defaultBounds: LogBounds = { characters: 512 * 1024, lines: 5000, line: 16 * 1024 };

/**
 * The newest lines that the runs of one replica wrote, in memory only: a folder on an SD card would be worn out by them. A follower who reads
 * too slowly is told how many lines it missed; nobody waits for it.
 */
export class ReplicaLog {
  readonly #bounds: LogBounds;
  readonly #now: () => number;
  readonly #events = new EventEmitter<{ line: []; end: [] }>();
  #lines: RunLine[] = [];
  /** Lines that were dropped from the beginning. */
  #dropped = 0;
  #characters = 0;
  #last = 0;
  /** The latest millisecond and its text: lines come in crowds. */
  #moment = { milliseconds: 0, text: '1970-01-01T00:00:00.000' };
  #ended = false;

  constructor(bounds: LogBounds = defaultBounds, now: () => number = Date.now) {
    this.#bounds = bounds;
    this.#now = now;
    this.#events.setMaxListeners(0);
  }

  /** Takes bytes of one stream of a run; call `end` at its end, for a last line without newline. */
  open(stream: RunLine['stream']): { write(chunk: Uint8Array): void; end(): void } {
    const decoder = new StringDecoder('utf8');
    let rest = '';
    const take = (text: string, isEnd: boolean): void => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      // Of a flood only its end would be kept.
      const skipped = Math.max(0, lines.length - this.#bounds.lines);
      if (skipped > 0) this.#forget(skipped);
      for (let at = skipped; at < lines.length; at += 1) this.#addLong(stream, lines[at] ?? '');
      while (rest.length > this.#bounds.line) {
        this.#add(stream, rest.slice(0, this.#bounds.line));
        rest = rest.slice(this.#bounds.line);
      }
      if (isEnd && rest !== '') this.#add(stream, rest);
      this.#events.emit('line');
    };
    return {
      write: (chunk) => take(decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)), false),
      end: () => {
        take(decoder.end(), true);
        rest = '';
      },
    };
  }

  /** The newest lines' texts. */
  newest(count: number): readonly string[] {
    return this.#lines.slice(-count).map(({ text }) => text);
  }

  /** Ends all followers once they have read what is there. */
  end(): void {
    this.#ended = true;
    this.#events.emit('end');
  }

  async *read({ follow, since, tail }: RunLogQuery, signal: AbortSignal): AsyncGenerator<RunLine, void> {
    const wanted = this.#lines.filter(({ timestamp }) => since === undefined || Date.parse(timestamp) >= since);
    // Counted over all lines there ever were.
    let next = this.#dropped + this.#lines.length;
    yield* tail === undefined ? wanted : wanted.slice(Math.max(0, wanted.length - tail));
    while (follow && !signal.aborted) {
      if (next < this.#dropped) {
        yield this.#missed(this.#dropped - next);
        next = this.#dropped;
      }
      const line = this.#lines[next - this.#dropped];
      if (line !== undefined) {
        next += 1;
        yield line;
      } else if (this.#ended) return;
      else await this.#wait(signal);
    }
  }

  async #wait(signal: AbortSignal): Promise<void> {
    const left = new AbortController();
    const either = AbortSignal.any([signal, left.signal]);
    const events = [once(this.#events, 'line', { signal: either }), once(this.#events, 'end', { signal: either })];
    try {
      await Promise.race(events);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      left.abort();
      await Promise.allSettled(events);
    }
  }

  #missed(count: number): RunLine {
    const timestamp = this.#lines[0]?.timestamp ?? new Date(this.#now()).toISOString();
    return {
      stream: 'stderr',
      timestamp,
      text: `[bantam local] ${count} lines were written faster than they were read`,
    };
  }

  #addLong(stream: RunLine['stream'], text: string): void {
    const { line } = this.#bounds;
    const plain = text.endsWith('\r') ? text.slice(0, -1) : text;
    for (let at = 0; at === 0 || at < plain.length; at += line) this.#add(stream, plain.slice(at, at + line));
  }

  #add(stream: RunLine['stream'], text: string): void {
    this.#lines.push({ stream, timestamp: this.#stamp(), text });
    this.#characters += text.length;
    if (this.#characters > this.#bounds.characters || this.#lines.length > this.#bounds.lines) this.#drop();
  }

  /** All there is, and so many lines that come after it. */
  #forget(following: number): void {
    this.#dropped += this.#lines.length + following;
    this.#lines = [];
    this.#characters = 0;
  }

  /** More than need be, so that it is not done for each line. */
  #drop(): void {
    const { characters, lines } = this.#bounds;
    let count = 0;
    while (
      count < this.#lines.length - 1 &&
      (this.#characters > characters * 0.75 || this.#lines.length - count > lines * 0.75)
    ) {
      this.#characters -= this.#lines[count]?.text.length ?? 0;
      count += 1;
    }
    this.#lines = this.#lines.slice(count);
    this.#dropped += count;
  }

  /** RFC 3339 with microseconds, later for every line: lines of one chunk keep their order among those of other replicas. */
  #stamp(): string {
    const now = this.#now() * 1000;
    this.#last = now > this.#last ? now : this.#last + 1;
    const milliseconds = Math.floor(this.#last / 1000);
    if (this.#moment.milliseconds !== milliseconds)
      this.#moment = { milliseconds, text: new Date(milliseconds).toISOString().slice(0, -1) };
    return `${this.#moment.text}${String(this.#last % 1000).padStart(3, '0')}Z`;
  }
}
