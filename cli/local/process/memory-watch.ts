import { setImmediate as breathe } from 'node:timers/promises';
import { familiesOf, lastStarted, measureMemory, type ProcessEntry, readProcesses } from './process-table.ts';

/** What is watched of one process and all that it starts. */
export interface MemoryLimits {
  readonly pid: number;
  /** Bytes; without it the memory is only measured, and less often. */
  readonly limit: number | undefined;
  /** Called once, when more than `limit` is held. */
  readonly exceeded: (bytes: number) => void;
}

/** A watched process: its memory as last measured, and whom it had started by then, itself included. */
export interface Watched {
  readonly bytes: number | undefined;
  readonly family: readonly ProcessEntry[];
  stop(): void;
}

interface Entry extends MemoryLimits {
  family: readonly ProcessEntry[];
  bytes: number | undefined;
}

const interval = 250;
/** Between two looks passes at least so many times what a look took: with hundreds of functions on a small machine it must not keep a processor busy. */
const rest = 10;
/** So many processes are measured before other work gets its turn. */
const slice = 20;
/** Those without a limit are measured at every so many looks. */
const seldom = 8;

/** Looks at the memory of processes four times a second (less often where there are too many for that), of which new ones are found as soon as the system has started any. Asleep while nothing is watched. */
export class MemoryWatch {
  readonly #entries = new Set<Entry>();
  #timer: NodeJS.Timeout | undefined;
  #looks = 0;
  #wait = interval;
  #lastStarted: string | undefined;

  watch(limits: MemoryLimits): Watched {
    const entry: Entry = { ...limits, family: [], bytes: undefined };
    this.#entries.add(entry);
    this.#lastStarted = undefined;
    this.#plan();
    return {
      get bytes() {
        return entry.bytes;
      },
      get family() {
        return entry.family;
      },
      stop: () => void this.#entries.delete(entry),
    };
  }

  #plan(): void {
    if (this.#timer !== undefined || this.#entries.size === 0) return;
    this.#timer = setTimeout(async () => {
      const begun = performance.now();
      await this.#look();
      this.#wait = Math.max(interval, rest * (performance.now() - begun));
      this.#timer = undefined;
      this.#plan();
    }, this.#wait);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    this.#looks += 1;
    const all = this.#looks % seldom === 1;
    const due = [...this.#entries].filter(({ limit }) => all || limit !== undefined);
    if (due.length === 0) return;
    const newest = lastStarted();
    if (newest === undefined || newest !== this.#lastStarted) {
      this.#lastStarted = newest;
      const familyOf = familiesOf(await readProcesses());
      for (const entry of this.#entries) entry.family = familyOf(entry.pid);
    }
    let measured = 0;
    for (const entry of due) {
      let bytes = 0;
      for (const { pid } of entry.family) {
        bytes += measureMemory(pid);
        measured += 1;
        if (measured % slice === 0) await breathe();
      }
      // It may have ended meanwhile.
      if (!this.#entries.has(entry)) continue;
      entry.bytes = bytes;
      if (entry.limit === undefined || bytes <= entry.limit) continue;
      this.#entries.delete(entry);
      entry.exceeded(bytes);
    }
  }
}
