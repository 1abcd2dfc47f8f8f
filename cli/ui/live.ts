/** What log-update gives us: draws lines in place of the ones before. */
interface Drawing {
  (text: string): void;
  clear(): void;
}

/** A running job: what it does, and since when (milliseconds of a monotonic clock). */
interface Job {
  readonly text: string;
  readonly since: number;
}

/** A job shows its seconds from here on: what is quick needs no clock. */
const patience = 3;

/** One line per running job at the bottom of a terminal; off a terminal each change is a plain line, repeats left out. */
export class LiveLines {
  readonly #stream: NodeJS.WriteStream;
  readonly #interactive: boolean;
  readonly #jobs = new Map<string, Job>();
  #draw: Drawing | undefined;
  #loading = false;
  #clock: NodeJS.Timeout | undefined;

  constructor(stream: NodeJS.WriteStream, interactive: boolean) {
    this.#stream = stream;
    this.#interactive = interactive;
  }

  /** Sets the line of a job. */
  update(about: string, text: string): void {
    const job = this.#jobs.get(about);
    if (job?.text === text) return;
    this.#jobs.set(about, { text, since: job?.since ?? performance.now() });
    if (this.#interactive) this.#render();
    else this.#stream.write(`${about}  ${text}\n`);
  }

  /** Takes the line of a job away. */
  end(about: string): void {
    if (this.#jobs.delete(about) && this.#interactive) this.#render();
  }

  /** Writes a line that stays, above the live ones. */
  above(text: string): void {
    if (this.#interactive) this.#draw?.clear();
    this.#stream.write(`${text}\n`);
    if (this.#interactive && this.#jobs.size > 0) this.#render();
  }

  /** Takes all live lines away. */
  clear(): void {
    this.#jobs.clear();
    clearInterval(this.#clock);
    this.#clock = undefined;
    this.#draw?.clear();
  }

  readonly #render = (): void => {
    if (this.#draw === undefined) {
      this.#load();
      return;
    }
    if (this.#jobs.size === 0) {
      this.clear();
      return;
    }
    // Seconds go on while nothing else happens, so that a long step does not look like a dead one.
    this.#clock ??= setInterval(this.#render, 1000).unref();
    const width = (this.#stream.columns || 80) - 1;
    const widest = Math.max(...[...this.#jobs.keys()].map((name) => name.length));
    const now = performance.now();
    this.#draw(
      [...this.#jobs]
        .map(([name, { text, since }]) => formatJob(name.padEnd(widest), text, (now - since) / 1000, width))
        .join('\n'),
    );
  };

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

/** One line of at most `width` characters; the text gives way, name and seconds stay. */
export function formatJob(name: string, text: string, seconds: number, width: number): string {
  const end = seconds < patience ? '' : `  ${Math.floor(seconds)} s`;
  const room = Math.max(0, width - name.length - 2 - end.length);
  // A step's own line breaks or escapes would break the drawing.
  const plain = text.replace(/\p{Cc}+/gu, ' ');
  const shown = plain.length <= room ? plain : `${plain.slice(0, Math.max(0, room - 1))}…`;
  return `${name}  ${shown}${end}`.slice(0, width);
}
