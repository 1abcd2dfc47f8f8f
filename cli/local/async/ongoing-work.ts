import { pause } from '../replicas/pause.ts';

/** What goes on behind a queue: waits, and jobs under way. It ends as a whole: nothing more begins, what is under way may end, for a while. */
export class OngoingWork {
  readonly #failed: (error: unknown) => void;
  readonly #diskPause: number;
  readonly #stop = new AbortController();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #jobs = new Set<Promise<void>>();
  #draining = false;
  #diskFailed = false;

  /** `failed` is told of a disk that takes nothing, once until it does again; `diskPause`: milliseconds between two tries. */
  constructor(failed: (error: unknown) => void, diskPause: number) {
    this.#failed = failed;
    this.#diskPause = diskPause;
  }

  /** Nothing more is to begin. */
  get draining(): boolean {
    return this.#draining;
  }
  /** Aborts when what is under way is to be cut off. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }
  get diskPause(): number {
    return this.#diskPause;
  }

  /** Acts so many milliseconds later, or now; never once it drains. */
  after(milliseconds: number, act: () => void): void {
    if (this.#draining) return;
    if (milliseconds <= 0) {
      act();
      return;
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, milliseconds);
    this.#timers.add(timer);
  }

  /** Remembers a job until it is done. */
  track(job: Promise<void>): void {
    const kept = job.finally(() => this.#jobs.delete(kept));
    this.#jobs.add(kept);
  }

  /** Writes what has happened already until the disk takes it: to forget it would make it happen again. Answers whether it was written before the end. */
  async insist(write: () => Promise<void>): Promise<boolean> {
    for (;;) {
      try {
        await write();
        this.diskWorks();
        return true;
      } catch (error) {
        this.tellDisk(error);
        if (this.#stop.signal.aborted || this.#draining) return false;
        await pause(this.#diskPause, this.#stop.signal);
      }
    }
  }

  /** Tells of a disk that takes nothing. */
  tellDisk(error: unknown): void {
    if (!this.#diskFailed) this.#failed(error);
    this.#diskFailed = true;
  }

  diskWorks(): void {
    this.#diskFailed = false;
  }

  /** Begins nothing more, waits so many milliseconds for what is under way, and cuts off the rest. */
  async drain(milliseconds: number): Promise<void> {
    this.#draining = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    const patience = setTimeout(() => this.#stop.abort(), milliseconds);
    while (this.#jobs.size > 0) await Promise.allSettled(this.#jobs);
    clearTimeout(patience);
  }
}
