import type { FunctionView } from './messages.ts';

/** How often the provider is looked at while a page is open, in milliseconds. */
const usualInterval = 500;

/** Told what changed: `undefined` for a function that is gone. */
export type FunctionListener = (changes: ReadonlyMap<string, FunctionView | undefined>) => void;

/** Looks at the functions again and again while somebody listens, once for all of them, and says what differs from the last look. */
export class FunctionWatch {
  readonly #look: () => readonly FunctionView[];
  readonly #interval: number;
  readonly #listeners = new Set<FunctionListener>();
  #known = new Map<string, { readonly view: FunctionView; readonly text: string }>();
  #timer: NodeJS.Timeout | undefined;

  constructor(look: () => readonly FunctionView[], interval = usualInterval) {
    this.#look = look;
    this.#interval = interval;
  }

  /** Whether it looks at all now. */
  get active(): boolean {
    return this.#timer !== undefined;
  }

  /** Calls `listener` with all functions at once, then with changes; the function that comes back ends it. */
  subscribe(listener: FunctionListener): () => void {
    this.#compare();
    this.#listeners.add(listener);
    listener(new Map([...this.#known].map(([name, { view }]) => [name, view])));
    this.#timer ??= setInterval(() => this.#compare(), this.#interval);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    };
  }

  #compare(): void {
    const now = new Map(this.#look().map((view) => [view.name, { view, text: JSON.stringify(view) }]));
    const changes = new Map<string, FunctionView | undefined>();
    for (const [name, { view, text }] of now) if (this.#known.get(name)?.text !== text) changes.set(name, view);
    for (const name of this.#known.keys()) if (!now.has(name)) changes.set(name, undefined);
    this.#known = now;
    if (changes.size > 0) for (const listener of this.#listeners) listener(changes);
  }
}
