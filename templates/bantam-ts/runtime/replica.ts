import type { Handler } from './handler.ts';

/** Where this replica is in its life: starting → loaded → draining. Shared by what answers and what drains. */
export class Replica {
  #handler: Handler | undefined;
  #draining = false;
  #inFlight = 0;
  #loaded: Promise<Handler>;
  #settleLoaded: (handler: Handler) => void = () => {};
  #onIdle: () => void = () => {};

  constructor() {
    this.#loaded = new Promise((resolve) => {
      this.#settleLoaded = resolve;
    });
  }

  get loaded(): boolean {
    return this.#handler !== undefined;
  }

  get draining(): boolean {
    return this.#draining;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  load(handler: Handler): void {
    this.#handler = handler;
    this.#settleLoaded(handler);
  }

  /** The handler, also for a call that came while it was still being loaded; undefined after `limit` milliseconds. */
  async waitForHandler(limit: number): Promise<Handler | undefined> {
    if (this.#handler !== undefined) return this.#handler;
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), limit);
    });
    try {
      return await Promise.race([this.#loaded, timeout]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Counts a request in; the function returned counts it out. */
  begin(): () => void {
    this.#inFlight += 1;
    return () => {
      this.#inFlight -= 1;
      if (this.#inFlight === 0) this.#onIdle();
    };
  }

  /** From now on not ready. Resolves when no request is in flight, or after `limit` milliseconds. */
  async drain(limit: number): Promise<void> {
    this.#draining = true;
    if (this.#inFlight === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, limit);
      this.#onIdle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
