/** One change in its line. */
export interface Place {
  /** Aborts when a later change has overtaken this one; never once its turn has come. */
  readonly overtaken: AbortSignal;
  /** Does what has to be done when all whose turn came before are done. */
  inTurn<T>(work: () => Promise<T>): Promise<T>;
  /** Does it at once; those whose turn comes later wait for its end. */
  now<T>(work: () => Promise<T>): Promise<T>;
  /** Gives up those that came before and have not had their turn. */
  overtake(): void;
  leave(): void;
}

interface Line {
  /** Settles when all that had their turn so far are done; never rejected. */
  done: Promise<unknown>;
  /** Those that have not had their turn, in the order in which they came. */
  readonly waiting: Set<AbortController>;
  places: number;
}

/** Lines of changes, one for each function that is being changed. */
export class ChangeLines {
  readonly #lines = new Map<string, Line>();

  enter(name: string): Place {
    const line = this.#lines.get(name) ?? { done: Promise.resolve(), waiting: new Set(), places: 0 };
    this.#lines.set(name, line);
    line.places += 1;
    const own = new AbortController();
    line.waiting.add(own);
    const begin = <T>(work: Promise<T>): Promise<T> => {
      line.done = Promise.allSettled([line.done, work]);
      return work;
    };
    return {
      overtaken: own.signal,
      inTurn: (work) => begin(line.done.then(work)),
      now: (work) => begin(work()),
      overtake: () => {
        for (const earlier of line.waiting) {
          line.waiting.delete(earlier);
          if (earlier === own) return;
          earlier.abort();
        }
      },
      leave: () => {
        line.waiting.delete(own);
        line.places -= 1;
        if (line.places === 0) this.#lines.delete(name);
      },
    };
  }
}
