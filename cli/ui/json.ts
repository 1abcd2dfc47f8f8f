import { isUtf8 } from 'node:buffer';
import type { Failure } from '../errors.ts';
import type { Event } from '../events.ts';
import type { ReportedAnswer, Reporter, ReporterOptions } from './reporter.ts';

type Warning = Omit<Extract<Event, { type: 'warning' }>, 'type'>;

/** So many warnings a document carries; of the others it tells the number, in `warningsLeftOut`. */
const mostWarnings = 100;

/**
 * One JSON document on stdout, also on failure: `{"ok":true,…}` or `{"ok":false,"error":{code,message,hint,details}}`. The first hundred warnings come
 * along in `warnings`; those after the document (`local up`) are lines on stderr. Entries of an answer without an end are lines of JSON before the
 * document, which is a line then, too.
 */
export class JsonReporter implements Reporter {
  readonly #options: ReporterOptions;
  readonly #warnings: Warning[] = [];
  readonly #output: Uint8Array[] = [];
  #warningsLeftOut = 0;
  #lines = false;
  #written = false;

  constructor(options: ReporterOptions) {
    this.#options = options;
  }

  readonly report = (event: Event): void => {
    switch (event.type) {
      case 'warning': {
        const { type: _, ...warning } = event;
        if (this.#written) this.#tellLate(warning);
        else if (this.#warnings.length < mostWarnings) this.#warnings.push(warning);
        else this.#warningsLeftOut += 1;
        return;
      }
      case 'output':
        if (event.entries === undefined) this.#output.push(event.bytes);
        else {
          this.#lines = true;
          for (const entry of event.entries) this.#options.stdout.write(`${JSON.stringify(entry)}\n`);
        }
        return;
      case 'wrote':
        if (!this.#options.quiet) this.#options.stderr.write(`${event.text}\n`);
        return;
      case 'target':
      case 'note':
      case 'trace':
      case 'progress':
      case 'log':
      case 'ended':
        return;
      default:
        event satisfies never;
    }
  };

  async answer(answer: ReportedAnswer, ok: boolean): Promise<void> {
    this.#write({ ok, ...answer.document, ...describeOutput(Buffer.concat(this.#output)) });
  }

  fail(failure: Failure): void {
    if (!this.#written) this.#write({ ok: false, error: failure });
    // A command that goes on after its answer (`local up`) has no second document to give when it ends badly.
    else if (failure.code !== 'BAN-INTERRUPTED') this.#options.stderr.write(`${failure.code}  ${failure.message}\n`);
  }

  async close(): Promise<void> {}

  #write(document: Record<string, unknown>): void {
    this.#written = true;
    const warnings = this.#warnings.length === 0 ? {} : { warnings: this.#warnings };
    const leftOut = this.#warningsLeftOut === 0 ? {} : { warningsLeftOut: this.#warningsLeftOut };
    const whole = { ...document, ...warnings, ...leftOut };
    this.#options.stdout.write(`${this.#lines ? JSON.stringify(whole) : JSON.stringify(whole, null, 2)}\n`);
  }

  /** Nothing may be kept for a document that was given already. */
  #tellLate({ text, about, hint }: Warning): void {
    const subject = about === undefined ? '' : `${about}  `;
    this.#options.stderr.write(`warning  ${subject}${text}${hint === undefined ? '' : `; next: ${hint}`}\n`);
  }
}

/** Bytes that are no text come as base64, so that none is lost. */
function describeOutput(bytes: Buffer): { output?: string; outputBase64?: string } {
  if (bytes.length === 0) return {};
  return isUtf8(bytes) ? { output: bytes.toString('utf8') } : { outputBase64: bytes.toString('base64') };
}
