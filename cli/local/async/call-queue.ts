import { CallbackLine } from './callback-line.ts';
import { OngoingWork } from './ongoing-work.ts';
import type { NewCall, QueueParts, Tried } from './queue-parts.ts';
import type { QueuedCall } from './queued-call.ts';

/** One function's line: those that may begin now, oldest first. */
interface Lane {
  readonly ready: QueuedCall[];
  running: number;
  /** All that are not answered, those that wait for their next try included. */
  count: number;
}

/**
 * Calls that were accepted, until they are over. What is true of a call is on the disk before it is acted upon: accepted before it is confirmed, begun
 * before the function is called, answered before the callback is. So a gateway that is killed repeats the try that was under way, and nothing else:
 * each call reaches its function at least once, and no more after an answer was kept.
 */
export class CallQueue {
  readonly #parts: QueueParts;
  readonly #work: OngoingWork;
  readonly #callbacks: CallbackLine;
  readonly #lanes = new Map<string, Lane>();
  #calls = 0;
  #bytes = 0;
  #sequence = 0;
  #open = false;

  constructor(parts: QueueParts) {
    this.#parts = parts;
    this.#work = new OngoingWork(parts.failed, parts.bounds.diskPause);
    this.#callbacks = new CallbackLine(parts, this.#work);
  }

  /**
   * Opens the queue with what an earlier gateway left, `now` in milliseconds since 1970. A try that was cut off counts for nothing; a clock that went back
   * makes nobody wait longer than `longestWait`.
   */
  resume(calls: readonly QueuedCall[], now: number, longestWait: number): void {
    for (const { sequence } of calls) this.#sequence = Math.max(this.#sequence, sequence);
    this.#open = true;
    for (const call of calls) {
      if (call.state === 'answered') {
        if (call.callback !== undefined) this.#callbacks.add({ ...call, callback: call.callback });
        continue;
      }
      this.#count(call);
      const begun = call.state === 'running';
      const attempts = begun ? Math.max(0, call.attempts - 1) : call.attempts;
      const waits = begun ? 0 : Math.min(Math.max(0, call.dueAt - now), longestWait);
      this.#later({ ...call, attempts, state: 'waiting' }, waits);
    }
  }

  /** Keeps a new call and lets it begin. `full`: too many wait; `closed`: not resumed yet, or draining. Throws BAN-E626. */
  async accept(call: NewCall, body: Uint8Array): Promise<'accepted' | 'full' | 'closed'> {
    // Before it is known which numbers are taken, none is given.
    if (!this.#open || this.#work.draining) return 'closed';
    const { bounds, records } = this.#parts;
    // Counted before it is written, so that many at once do not pass the bound together.
    if (this.#calls >= bounds.calls || this.#bytes + body.length > bounds.bytes) return 'full';
    this.#sequence += 1;
    const sequence = this.#sequence;
    const accepted: QueuedCall = { ...call, bytes: body.length, sequence, attempts: 0, state: 'waiting' };
    this.#count(accepted);
    try {
      await records.accept(accepted, body);
    } catch (error) {
      this.#uncount(accepted);
      throw error;
    }
    this.#later(accepted, 0);
    return 'accepted';
  }

  /** How many calls wait for the answer of their function, and how many of them are under way; of one function or of all. */
  waiting(name?: string): { readonly waiting: number; readonly running: number } {
    const lane = name === undefined ? undefined : this.#lanes.get(name);
    if (name !== undefined) return { waiting: lane?.count ?? 0, running: lane?.running ?? 0 };
    const running = [...this.#lanes.values()].reduce((sum, each) => sum + each.running, 0);
    return { waiting: this.#calls, running };
  }

  /** Answered calls whose callback has not taken the answer. */
  get undelivered(): number {
    return this.#callbacks.count;
  }

  /** Begins nothing more and waits for what is under way, so many milliseconds at most; what is left stays on the disk for the next gateway. */
  async drain(milliseconds: number): Promise<void> {
    await this.#work.drain(milliseconds);
  }

  #lane(name: string): Lane {
    const lane = this.#lanes.get(name) ?? { ready: [], running: 0, count: 0 };
    this.#lanes.set(name, lane);
    return lane;
  }

  #count(call: QueuedCall): void {
    this.#calls += 1;
    this.#bytes += call.bytes;
    this.#lane(call.function).count += 1;
  }

  #uncount(call: QueuedCall): void {
    this.#calls -= 1;
    this.#bytes -= call.bytes;
    const lane = this.#lane(call.function);
    lane.count -= 1;
    if (lane.count === 0) this.#lanes.delete(call.function);
  }

  /** Puts a call into its line, now or later. */
  #later(call: QueuedCall, milliseconds: number): void {
    this.#work.after(milliseconds, () => {
      this.#lane(call.function).ready.push(call);
      this.#begin(call.function);
    });
  }

  #begin(name: string): void {
    const lane = this.#lanes.get(name);
    while (lane !== undefined && !this.#work.draining && lane.running < this.#parts.bounds.workers) {
      const call = lane.ready.shift();
      if (call === undefined) return;
      lane.running += 1;
      this.#work.track(
        this.#try(call).finally(() => {
          lane.running -= 1;
          this.#begin(name);
        }),
      );
    }
  }

  async #try(call: QueuedCall): Promise<void> {
    const { records, attempt } = this.#parts;
    const work = this.#work;
    const begun: QueuedCall = { ...call, attempts: call.attempts + 1, state: 'running' };
    let tried: Tried;
    try {
      await records.update(begun);
      work.diskWorks();
      tried = await attempt(begun, await records.body(begun), work.signal);
    } catch (error) {
      // Cut off by the end of the gateway: the next one repeats it.
      if (work.signal.aborted) return;
      work.tellDisk(error);
      return this.#later(call, work.diskPause);
    }
    const { answer, result, retryAfter } = tried;
    const { callback } = begun;
    if (retryAfter !== undefined) {
      const waiting: QueuedCall = { ...begun, state: 'waiting', dueAt: Date.now() + retryAfter };
      await work.insist(() => records.update(waiting));
      return this.#later(waiting, retryAfter);
    }
    if (callback === undefined) await work.insist(() => records.remove(begun));
    else {
      const answered = { ...begun, callback, state: 'answered' as const };
      if (await work.insist(() => records.answered(answered, answer, result))) this.#callbacks.add(answered);
    }
    this.#uncount(begun);
  }
}
