import { AsyncLocalStorage } from 'node:async_hooks';
import type { Answer, Incoming } from './http-messages.ts';
import { chooseCallId, chooseStartTime } from './identity.ts';
import { abortRequest } from './make-request.ts';

/** The call that the running code belongs to, also after an `await` or in a timer that it has set. */
export const currentCall = new AsyncLocalStorage<Call>();

/** One request, from its head to the end of its answer. */
export class Call {
  readonly id: string;
  readonly method: string;
  /** Without the query string: that is for no log. */
  readonly path: string;
  readonly startTime: string;
  readonly incoming: Incoming;
  readonly answer: Answer;
  /** What the handler gets of it. */
  request: Request | undefined;
  /** Answered by the runtime in place of the handler; what the handler still says is dropped. */
  refused = false;
  /** A WebSocket or an event stream: `exec_timeout` is not for these. */
  endless = false;
  readonly #began = performance.now();
  #leaving: AbortController | undefined;
  #left: Error | undefined;

  constructor(incoming: Incoming, answer: Answer) {
    this.incoming = incoming;
    this.answer = answer;
    this.id = chooseCallId(incoming.headers);
    this.startTime = chooseStartTime(incoming.headers, performance.timeOrigin + this.#began);
    this.method = incoming.method ?? 'GET';
    const url = incoming.url ?? '/';
    const query = url.indexOf('?');
    this.path = query === -1 ? url : url.slice(0, query);
  }

  /** Seconds since the head of the request was read. */
  seconds(): number {
    return (performance.now() - this.#began) / 1000;
  }

  /** Aborted when there is nobody left to answer. Made when first asked for: that costs a little. */
  get signal(): AbortSignal {
    this.#leaving ??= new AbortController();
    if (this.#left !== undefined) this.#leaving.abort(this.#left);
    return this.#leaving.signal;
  }

  abort(reason: Error): void {
    this.#left ??= reason;
    this.#leaving?.abort(this.#left);
    if (this.request !== undefined) abortRequest(this.request, this.#left);
  }

  /** Answers in place of the handler with one line that names the call; ends the connection where an answer has begun. */
  refuse(status: number, reason: string): void {
    if (this.answer.headersSent) {
      this.refused = true;
      this.answer.destroy();
      return;
    }
    if (this.refused) return;
    this.refused = true;
    const retry = status === 429 || status === 503 ? { 'Retry-After': '1' } : undefined;
    const text = `${reason} (call ${this.id})\n`;
    const headers = {
      'Content-Type': 'text/plain; charset=utf-8',
      'Content-Length': Buffer.byteLength(text),
      ...retry,
    };
    this.answer.trailers = undefined;
    this.answer.statusMessage = ''; // of an attempt that failed
    this.answer.writeHead(status, headers);
    this.answer.end(text);
    if (!this.incoming.complete) this.incoming.discard(new Error(reason));
  }
}
