/** What log-update gives us: draws lines in place of the ones before. */
interface Drawing {
  (text: string): void;
  clear(): void;
}

/** One line per running job at the bottom of a terminal; off a terminal each change is a plain line, repeats left out. */
export class LiveLines {
  readonly #stream: NodeJS.WriteStream;
  readonly #interactive: boolean;
  readonly #lines = new Map<string, string>();
  #draw: Drawing | undefined;
  #loading = false;

  constructor(stream: NodeJS.WriteStream, interactive: boolean) {
    this.#stream = stream;
    this.#interactive = interactive;
  }

  /** Sets the line of a job. */
  update(about: string, text: string): void {
    if (this.#lines.get(about) === text) return;
    this.#lines.set(about, text);
    if (this.#interactive) this.#render();
    else this.#stream.write(`${about}  ${text}\n`);
  }

  /** Takes the line of a job away. */
  end(about: string): void {
    if (this.#lines.delete(about) && this.#interactive) this.#render();
  }

  /** Writes a line that stays, above the live ones. */
  above(text: string): void {
    if (this.#interactive) this.#draw?.clear();
    this.#stream.write(`${text}\n`);
    if (this.#interactive) this.#render();
  }

  /** Takes all live lines away. */
  clear(): void {
    this.#lines.clear();
    this.#draw?.clear();
  }

  #render(): void {
    if (this.#draw === undefined) {
      this.#load();
      return;
    }
    if (this.#lines.size === 0) {
      this.#draw.clear();
      return;
    }
    const width = (this.#stream.columns || 80) - 1;
    const widest = Math.max(...[...this.#lines.keys()].map((name) => name.length));
    this.#draw([...this.#lines].map(([name, text]) => `${name.padEnd(widest)}  ${text}`.slice(0, width)).join('\n'));
  }

  /** The package comes when the first line is wanted, so that `--help` does not pay for it. */
  #load(): void {
    if (this.#loading) return;
    this.#loading = true;
    void import('log-update').then(({ createLogUpdate }) => {
      this.#draw = createLogUpdate(this.#stream, { showCursor: true });
      this.#render();
    });
  }
}
