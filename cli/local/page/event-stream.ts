import { type CallActivity, type FinishedCall, isOfFunction } from '../gateway/activity.ts';
import { pause } from '../replicas/pause.ts';
import type { Provider } from '../replicas/provider.ts';
import { guardingHeaders } from './assets.ts';
import type { FunctionWatch } from './function-watch.ts';
import type { CallView, FunctionView, Hello, LogLineView, PageEvent } from './messages.ts';

/** What an event stream tells about. `logs` is the function whose log lines are wanted. */
export interface EventSources {
  readonly hello: Hello;
  readonly watch: FunctionWatch;
  readonly activity: CallActivity;
  readonly provider: Pick<Provider, 'list' | 'logs'>;
  readonly logs: string | undefined;
  readonly closing: AbortSignal;
  /** Milliseconds between two messages of the same kind. */
  readonly rhythm?: number | undefined;
}

/** Unless another is given: a page cannot show more. */
const usualRhythm = 150;
/** Something is said at least so often, so that the page notices when nothing comes. */
const heartbeat = 15_000;
/** Of calls and of lines, so many wait for a slow page; older ones are counted, not kept. */
const mostCalls = 200;
const mostLines = 500;
/** Lines from before the page asked. */
const tail = 300;
/** Pause after a log that could not be read, in milliseconds, besides the second that every end of a log costs. */
const logRetry = 4000;
/** A longer line is cut. */
const longestLine = 8192;

/** `GET /ui/api/events`: see {@link PageEvent}. A page that reads slowly gets less, never late. */
export function openEventStream(sources: EventSources): Response {
  const stream = new EventStream(sources);
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => stream.start(controller),
    pull: () => stream.flush(),
    cancel: () => stream.end(),
  });
  return new Response(body, {
    headers: { ...guardingHeaders, 'Cache-Control': 'no-store', 'Content-Type': 'application/x-ndjson' },
  });
}

class EventStream {
  readonly #sources: EventSources;
  readonly #left = new AbortController();
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #functions = new Map<string, FunctionView | undefined>();
  #calls: CallView[] = [];
  #callsSkipped = 0;
  #callsMoved = false;
  #lines: LogLineView[] = [];
  #linesSkipped = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(sources: EventSources) {
    this.#sources = sources;
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#controller = controller;
    const { hello, watch, activity, logs, closing } = this.#sources;
    const left = this.#left.signal;
    this.#send(hello);
    const unwatch = watch.subscribe((changes) => {
      for (const [name, view] of changes) this.#functions.set(name, view);
      this.#schedule();
    });
    this.#sendFunctions(true);
    for (const call of activity.finished) this.#addCall(call);
    this.#sendCalls();
    const started = (): void => {
      this.#callsMoved = true;
      this.#schedule();
    };
    const finished = (call: FinishedCall): void => {
      this.#addCall(call);
      this.#schedule();
    };
    activity.events.on('started', started).on('finished', finished);
    const beat = setInterval(() => {
      if ((this.#controller?.desiredSize ?? 0) > 0) this.#send({ type: 'alive' });
    }, heartbeat);
    const close = (): void => {
      this.#controller?.close();
      this.end();
    };
    closing.addEventListener('abort', close);
    left.addEventListener('abort', () => {
      unwatch();
      clearInterval(beat);
      clearTimeout(this.#timer);
      activity.events.off('started', started).off('finished', finished);
      closing.removeEventListener('abort', close);
    });
    if (closing.aborted) close();
    else if (logs !== undefined) void this.#followLogs(logs);
  }

  end(): void {
    this.#left.abort();
  }

  /** Sends what has gathered, unless the reader is behind. */
  flush(): void {
    if (this.#left.signal.aborted || (this.#controller?.desiredSize ?? 0) <= 0) return;
    if (this.#functions.size > 0) this.#sendFunctions(false);
    if (this.#callsMoved) this.#sendCalls();
    if (this.#lines.length > 0) this.#sendLines();
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#left.signal.aborted) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.flush();
    }, this.#sources.rhythm ?? usualRhythm);
  }

  #send(event: PageEvent): void {
    if (!this.#left.signal.aborted) this.#controller?.enqueue(Buffer.from(`${JSON.stringify(event)}\n`, 'utf8'));
  }

  #sendFunctions(whole: boolean): void {
    const changed = [...this.#functions.values()].filter((view) => view !== undefined);
    const removed = [...this.#functions].flatMap(([name, view]) => (view === undefined ? [name] : []));
    this.#functions = new Map();
    this.#send({ type: 'functions', whole, changed, removed });
  }

  #addCall(call: FinishedCall): void {
    if (!isOfFunction(call)) return;
    const { sequence, id, function: name, method, path, status, ending, startedAt } = call;
    const { milliseconds, requestBytes, answerBytes, asynchronous } = call;
    const what = { sequence, id, function: name, method, path, asynchronous };
    this.#callsMoved = true;
    this.#calls.push({ ...what, status, ending, startedAt, milliseconds, requestBytes, answerBytes });
    if (this.#calls.length <= mostCalls) return;
    this.#calls.shift();
    this.#callsSkipped += 1;
  }

  #sendCalls(): void {
    const event = { calls: this.#calls, skipped: this.#callsSkipped, running: this.#sources.activity.runningCount };
    [this.#calls, this.#callsSkipped, this.#callsMoved] = [[], 0, false];
    this.#send({ type: 'calls', ...event });
  }

  #sendLines(): void {
    const event = { function: this.#sources.logs ?? '', lines: this.#lines, skipped: this.#linesSkipped };
    [this.#lines, this.#linesSkipped] = [[], 0];
    this.#send({ type: 'logs', ...event });
  }

  /** Reads a function's log for as long as the page is there, also when the function is removed and comes back. */
  async #followLogs(name: string): Promise<void> {
    const signal = this.#left.signal;
    let last = '';
    while (!signal.aborted) {
      const before = last;
      const query = { name, follow: true, ...(before === '' ? { tail } : { since: Date.parse(before) }) };
      try {
        for await (const line of this.#sources.provider.logs(query, signal)) {
          if (signal.aborted) return;
          // A log that is read again begins with what was read before.
          if (line.timestamp <= before) continue;
          if (line.timestamp > last) last = line.timestamp;
          this.#addLine(line);
        }
      } catch (error) {
        if (signal.aborted) return;
        const reason = error instanceof Error ? error.message : String(error);
        const text = `[bantam local] the log cannot be read, and is tried again: ${reason}`;
        this.#addLine({ instance: '', timestamp: new Date().toISOString(), text });
        await pause(logRetry, signal);
      }
      await pause(1000, signal);
    }
  }

  #addLine({ instance, timestamp, text }: LogLineView): void {
    this.#lines.push({ instance, timestamp, text: cut(text) });
    if (this.#lines.length > mostLines) {
      this.#lines.shift();
      this.#linesSkipped += 1;
    }
    this.#schedule();
  }
}

function cut(text: string): string {
  return text.length <= longestLine
    ? text
    : `${text.slice(0, longestLine)} … (${text.length - longestLine} more characters)`;
}
