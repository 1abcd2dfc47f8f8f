import * as v from 'valibot';
import { type PageEvent, pageEventSchema } from '../messages.ts';
import { ask, Refused } from './api.ts';
import { backOff } from './back-off.ts';
import { LineReader } from './json-lines.ts';

/** How the page is connected. `waiting`: until `until` (milliseconds since 1970), after `failures` tries in a row. */
export type ConnectionState =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'live' }
  | { readonly kind: 'waiting'; readonly until: number; readonly failures: number; readonly reason: string };

export interface ConnectionListener {
  event(event: PageEvent): void;
  changed(state: ConnectionState): void;
  /** The token is no longer good. Nothing is tried again. */
  signedOut(): void;
}

/** The gateway says something every 15 s; after this silence, in milliseconds, the connection counts as lost. */
const silence = 40_000;
const parseEvent = v.safeParser(v.pipe(v.string(), v.parseJson(), pageEventSchema));

/** The one event stream of the page: kept open while the page is seen, opened again with growing pauses. */
export class Connection {
  readonly #listener: ConnectionListener;
  #logs = '';
  #failures = 0;
  #current: AbortController | undefined;
  #timer: number | undefined;
  #stopped = true;

  constructor(listener: ConnectionListener) {
    this.#listener = listener;
    // A browser has few connections per gateway for all its tabs: one that nobody sees gives its own back.
    document.addEventListener('visibilitychange', () => {
      if (this.#stopped) return;
      if (document.hidden) this.#leave();
      else this.retry();
    });
  }

  start(): void {
    this.#stopped = false;
    this.retry();
  }

  /** Whose log lines come; empty for nobody's. */
  followLog(name: string): void {
    if (this.#logs === name) return;
    this.#logs = name;
    if (!this.#stopped) this.retry();
  }

  /** Connects now, whatever was before. */
  retry(): void {
    this.#leave();
    void this.#run();
  }

  stop(): void {
    this.#stopped = true;
    this.#leave();
  }

  #leave(): void {
    window.clearTimeout(this.#timer);
    this.#current?.abort();
    this.#current = undefined;
  }

  async #run(): Promise<void> {
    const leaving = new AbortController();
    this.#current = leaving;
    if (this.#failures === 0) this.#listener.changed({ kind: 'connecting' });
    let reason = 'the gateway ended the connection';
    try {
      const logs = this.#logs === '' ? '' : `?logs=${encodeURIComponent(this.#logs)}`;
      const answer = await ask(`events${logs}`, { signal: leaving.signal });
      await this.#read(answer, leaving);
    } catch (error) {
      if (error instanceof Refused && error.status === 401) {
        if (this.#current === leaving) this.stop();
        return this.#listener.signedOut();
      }
      reason = error instanceof Error ? error.message : String(error);
    }
    if (this.#current !== leaving) return;
    this.#wait(reason);
  }

  #wait(reason: string): void {
    this.#failures += 1;
    const pause = backOff(this.#failures, Math.random());
    this.#listener.changed({ kind: 'waiting', until: Date.now() + pause, failures: this.#failures, reason });
    this.#timer = window.setTimeout(() => void this.#run(), pause);
  }

  /** Until the stream ends or is silent for too long. */
  async #read(answer: Response, leaving: AbortController): Promise<void> {
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
    if (reader === undefined) return;
    const lines = new LineReader();
    let alarm: number | undefined;
    try {
      for (;;) {
        alarm = window.setTimeout(() => void reader.cancel(), silence);
        const { done, value } = await reader.read();
        window.clearTimeout(alarm);
        if (done) return;
        for (const line of lines.push(value)) if (this.#current === leaving) this.#take(line);
      }
    } finally {
      window.clearTimeout(alarm);
      leaving.abort();
    }
  }

  #take(line: string): void {
    const { success, output } = parseEvent(line);
    if (!success) throw new Error('the gateway is of another version than this page: load the page again');
    if (output.type === 'hello') {
      this.#failures = 0;
      this.#listener.changed({ kind: 'live' });
    }
    this.#listener.event(output);
  }
}
