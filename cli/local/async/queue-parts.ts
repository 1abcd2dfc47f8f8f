import type { CallAnswer, QueuedCall } from './queued-call.ts';

/** What came of one try. */
export interface Tried {
  readonly answer: CallAnswer;
  readonly result: Uint8Array;
  /** Milliseconds until the next try; `undefined`: this answer is the last word. */
  readonly retryAfter: number | undefined;
}

/** A call whose answer waits for its callback. */
export type AnsweredCall = QueuedCall & { readonly callback: string };

/** What came of one post to a callback: done with it, or milliseconds until the next one. */
export type Delivered = { readonly done: true } | { readonly retryAfter: number };

/** What the queue needs. The records are the disk; `attempt` calls the function, `deliver` its callback; both throw only when the signal aborts. */
export interface QueueParts {
  readonly records: {
    accept(call: QueuedCall, body: Uint8Array): Promise<void>;
    update(call: QueuedCall): Promise<void>;
    answered(call: QueuedCall, answer: CallAnswer, result: Uint8Array): Promise<void>;
    body(call: QueuedCall): Promise<Uint8Array>;
    answer(call: QueuedCall): Promise<{ readonly answer: CallAnswer; readonly result: Uint8Array } | undefined>;
    remove(call: QueuedCall): Promise<void>;
  };
  readonly attempt: (call: QueuedCall, body: Uint8Array, signal: AbortSignal) => Promise<Tried>;
  readonly deliver: (
    call: AnsweredCall,
    answer: { readonly answer: CallAnswer; readonly result: Uint8Array },
    posts: number,
    signal: AbortSignal,
  ) => Promise<Delivered>;
  /** The state cannot be written; said once until it can be again. */
  readonly failed: (error: unknown) => void;
  readonly bounds: QueueBounds;
}

export interface QueueBounds {
  /** Calls that may wait, of all functions together. */
  readonly calls: number;
  /** Bytes of bodies that may wait. */
  readonly bytes: number;
  /** Calls of one function under way at once. */
  readonly workers: number;
  /** Posts to callbacks under way at once. */
  readonly callbacks: number;
  /** Milliseconds between two tries to write to a disk that takes nothing. */
  readonly diskPause: number;
}

/** What a client says of a call; the rest is the queue's. */
export type NewCall = Omit<QueuedCall, 'sequence' | 'attempts' | 'state' | 'bytes'>;
