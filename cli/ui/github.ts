import type { Failure } from '../errors.ts';
import type { Event } from '../events.ts';
import { type Annotation, annotateFailure, disarm, failuresIn, formatAnnotation } from './annotation.ts';
import type { ReportedAnswer, Reporter, ReporterOptions } from './reporter.ts';

/** So many lines of a build are held back for its group. */
const mostHeld = 2000;

/**
 * For GitHub Actions: what another reporter shows, and beside it on stderr an annotation for each problem; with `-v` the output of each
 * function's build in a group of its own. stdout is left alone. Nothing is masked: secrets never come this far, and the command that
 * would mask one has to print it.
 */
export class GithubReporter implements Reporter {
  readonly #inner: Reporter;
  readonly #options: ReporterOptions;
  readonly #held = new Map<string, string[]>();

  constructor(open: (options: ReporterOptions) => Reporter, options: ReporterOptions) {
    this.#options = options;
    this.#inner = open({ ...options, stderr: disarmed(options.stderr) });
  }

  readonly report = (event: Event): void => {
    const { json, verbose } = this.#options;
    if (event.type === 'log' && verbose && !json) {
      this.#hold(event.about, event.text);
      return;
    }
    if (event.type === 'ended') this.#release(event.about);
    this.#inner.report(event);
    if (event.type === 'warning') {
      const { text, about, place } = event;
      const message = place?.message ?? text;
      this.#annotate({ level: 'warning', title: about ?? 'bantam', message, place });
    }
  };

  async answer(answer: ReportedAnswer, ok: boolean): Promise<void> {
    this.#releaseAll();
    await this.#inner.answer(answer, ok);
    for (const { about, failure } of failuresIn(answer.document))
      for (const annotation of annotateFailure(failure, about)) this.#annotate(annotation);
  }

  fail(failure: Failure): void {
    this.#releaseAll();
    this.#inner.fail(failure);
    if (failure.code !== 'BAN-INTERRUPTED')
      for (const annotation of annotateFailure(failure)) this.#annotate(annotation);
  }

  async close(): Promise<void> {
    this.#releaseAll();
    await this.#inner.close();
  }

  #hold(about: string, text: string): void {
    const lines = this.#held.get(about) ?? [];
    this.#held.set(about, lines);
    lines.push(text.replace(/\n$/, ''));
    if (lines.length >= mostHeld) this.#release(about);
  }

  /** Groups cannot be nested and builds run side by side: a build's lines come together when it has ended. */
  #release(about: string): void {
    const lines = this.#held.get(about);
    if (!this.#held.delete(about) || lines === undefined) return;
    const text = lines.map((line) => disarm(line)).join('\n');
    this.#options.stderr.write(`::group::${disarm(about)}\n${text}\n::endgroup::\n`);
  }

  #releaseAll(): void {
    for (const about of [...this.#held.keys()]) this.#release(about);
  }

  #annotate(annotation: Annotation): void {
    this.#options.stderr.write(`${formatAnnotation(annotation, this.#options.environment['GITHUB_WORKSPACE'])}\n`);
  }
}

/** The stream, with every text disarmed on its way. */
function disarmed(stream: NodeJS.WriteStream): NodeJS.WriteStream {
  return new Proxy(stream, {
    get(target, name) {
      if (name === 'write')
        return (text: string | Uint8Array) => target.write(typeof text === 'string' ? disarm(text) : text);
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
