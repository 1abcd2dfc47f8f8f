import type { Call } from './call.ts';
import type { Handler } from './handler.ts';
import type { Identity } from './identity.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';
import type { Settings } from './settings.ts';

/** How many calls that come before the handler is loaded wait for it, and for how many milliseconds each. */
const mostWaiting = 1000;
const longestWait = 60_000;

/** Where a replica is in its life. */
export type Phase = 'starting' | 'ready' | 'draining';

/** Where this replica is in its life, and its calls. Shared by what answers and what drains. */
export class Replica {
  readonly settings: Settings;
  readonly identity: Identity;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Those in flight, the oldest first. */
  readonly calls = new Set<Call>();
  handler: Handler | undefined;
  /** Called when the phase has changed. */
  onPhase: () => void = () => {};
  #draining = false;
  #waiting = new Set<(handler: Handler | undefined) => void>();

  constructor(settings: Settings, identity: Identity, log: Log, metrics: Metrics) {
    this.settings = settings;
    this.identity = identity;
    this.log = log;
    this.metrics = metrics;
  }

  get phase(): Phase {
    if (this.#draining) return 'draining';
    return this.handler === undefined ? 'starting' : 'ready';
  }

  get isFull(): boolean {
    return this.settings.maxInflight > 0 && this.calls.size >= this.settings.maxInflight;
  }

  load(handler: Handler): void {
    this.handler = handler;
    this.onPhase();
    this.#release(handler);
  }

  /** There will be no handler: calls that wait for it need not wait longer. */
  giveUp(): void {
    this.#release(undefined);
  }

  drain(): void {
    this.#draining = true;
    this.onPhase();
  }

  begin(call: Call): void {
    this.calls.add(call);
    this.metrics.inFlight += 1;
  }

  end(call: Call): void {
    if (!this.calls.delete(call)) return;
    this.metrics.inFlight -= 1;
    this.metrics.count(call.answer.statusCode, call.method, call.seconds());
    this.log.finish(call);
  }

  /** Counts a call that was turned away at once. */
  refused(call: Call): void {
    this.metrics.count(call.answer.statusCode, call.method, call.seconds());
    this.log.finish(call);
  }

  /** The handler once it is loaded; undefined where that takes too long, fails, or too many are waiting already. */
  waitForHandler(): Promise<Handler | undefined> {
    if (this.#waiting.size >= mostWaiting) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const release = (handler: Handler | undefined): void => {
        clearTimeout(timer);
        this.#waiting.delete(release);
        resolve(handler);
      };
      const timer = setTimeout(release, longestWait, undefined);
      this.#waiting.add(release);
    });
  }

  #release(handler: Handler | undefined): void {
    for (const release of [...this.#waiting]) release(handler);
  }
}
