import type { OngoingWork } from './ongoing-work.ts';
import type { AnsweredCall, Delivered, QueueParts } from './queue-parts.ts';

/** Answers on their way to callbacks: some at a time, each until its callback has taken it or is given up. */
export class CallbackLine {
  readonly #parts: QueueParts;
  readonly #work: OngoingWork;
  readonly #ready: { readonly call: AnsweredCall; readonly posts: number }[] = [];
  #underWay = 0;
  #count = 0;

  constructor(parts: QueueParts, work: OngoingWork) {
    this.#parts = parts;
    this.#work = work;
  }

  /** Answers that no callback has taken. */
  get count(): number {
    return this.#count;
  }

  /** Takes a call whose answer is on the disk. */
  add(call: AnsweredCall): void {
    this.#count += 1;
    this.#line(call, 0);
  }

  #line(call: AnsweredCall, posts: number): void {
    this.#ready.push({ call, posts });
    this.#begin();
  }

  #begin(): void {
    while (!this.#work.draining && this.#underWay < this.#parts.bounds.callbacks) {
      const next = this.#ready.shift();
      if (next === undefined) return;
      this.#underWay += 1;
      this.#work.track(
        this.#post(next.call, next.posts + 1).finally(() => {
          this.#underWay -= 1;
          this.#begin();
        }),
      );
    }
  }

  async #post(call: AnsweredCall, posts: number): Promise<void> {
    const { records, deliver } = this.#parts;
    const work = this.#work;
    let delivered: Delivered = { done: true };
    try {
      const kept = await records.answer(call);
      if (kept !== undefined) delivered = await deliver(call, kept, posts, work.signal);
    } catch (error) {
      if (work.signal.aborted) return;
      work.tellDisk(error);
      delivered = { retryAfter: work.diskPause };
    }
    if ('retryAfter' in delivered) return work.after(delivered.retryAfter, () => this.#line(call, posts));
    await work.insist(() => records.remove(call));
    this.#count -= 1;
  }
}
