import { EventEmitter } from 'node:events';

/** A call that the gateway has begun to pass on. Bodies and headers are never kept; `path` is without its query, which may hold a password. */
export interface StartedCall {
  /** Counts the calls of this gateway from 1: unique, whereas a client may choose the same id twice. */
  readonly sequence: number;
  /** The `X-Call-Id` that client, function and log lines show. */
  readonly id: string;
  /** The function's plain name, also of one that does not exist. */
  readonly function: string;
  /** Whether there is such a function. */
  readonly known: boolean;
  readonly method: string;
  /** What the function sees, without the query. */
  readonly path: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** Whether the call came out of the queue of `/async-function/`. */
  readonly asynchronous: boolean;
}

/** How a call ended. Only `answered` means that the client got the whole answer. */
export type CallEnding = 'answered' | 'client left' | 'function broke off' | 'timed out' | 'gateway closed';

/** A call that is over. */
export interface FinishedCall extends StartedCall {
  /** What the client got, also when the answer broke off later; 499 if the client left before there was one. */
  readonly status: number;
  readonly ending: CallEnding;
  /** From the request's headers to the last byte of the answer. */
  readonly milliseconds: number;
  /** Bytes of the bodies alone, as far as they came. */
  readonly requestBytes: number;
  readonly answerBytes: number;
  /** Base address of the replica that was asked; `undefined` if there was none. */
  readonly replica: string | undefined;
}

interface CallEvents {
  started: [StartedCall];
  finished: [FinishedCall];
}

/** What is added to a started call when it ends. */
export type CallResult = Omit<FinishedCall, keyof StartedCall | 'milliseconds'>;

/** What runtimes answer themselves: whoever watches a deployment asks it dozens of times, and would push all else out of the memory. */
const ownPath = /^\/_\//;

/** Whether a call is one of a function, not one of its runtime (`/_/ready`, `/_/health`, `/_/info`). */
export function isOfFunction({ path }: Pick<StartedCall, 'path'>): boolean {
  return !ownPath.test(path);
}

/** How many finished calls are remembered if nothing else is asked for. */
const defaultMemory = 200;

/** Announces each call of a function when it starts and when it ends, and remembers the last ones and those under way: for /metrics and the page. */
export class CallActivity {
  readonly events = new EventEmitter<CallEvents>();
  readonly #memory: number;
  readonly #finished: FinishedCall[] = [];
  readonly #running = new Map<number, StartedCall>();
  #sequence = 0;

  constructor(memory = defaultMemory) {
    this.#memory = memory;
    // One listener per open page and the counters; there is no sensible limit.
    this.events.setMaxListeners(0);
  }

  /** Calls under way, in the order of their start. */
  get running(): readonly StartedCall[] {
    return [...this.#running.values()];
  }

  /** How many calls are under way. */
  get runningCount(): number {
    return this.#running.size;
  }

  /** The last finished calls of functions, the latest last; without those that {@link isOfFunction} leaves out. */
  get finished(): readonly FinishedCall[] {
    return [...this.#finished];
  }

  /** Announces the start of a call. The function that comes back announces its end; called again it does nothing. */
  start(call: Omit<StartedCall, 'sequence' | 'startedAt'>): (result: CallResult) => void {
    this.#sequence += 1;
    const started: StartedCall = { ...call, sequence: this.#sequence, startedAt: Date.now() };
    const begun = performance.now();
    this.#running.set(started.sequence, started);
    this.events.emit('started', started);
    return (result) => {
      if (!this.#running.delete(started.sequence)) return;
      const finished: FinishedCall = { ...started, ...result, milliseconds: performance.now() - begun };
      if (isOfFunction(finished)) this.#finished.push(finished);
      if (this.#finished.length > this.#memory) this.#finished.shift();
      this.events.emit('finished', finished);
    };
  }
}
