import type { Failure } from '../errors.ts';
import type { Event } from '../events.ts';
import type { ReportedAnswer, Reporter, ReporterOptions } from './reporter.ts';

/** One JSON document on stdout, also on failure: `{"ok":true,…}` or `{"ok":false,"error":{code,message,hint,details}}`. Warnings come along in `warnings`. */
export class JsonReporter implements Reporter {
  readonly #options: ReporterOptions;
  readonly #warnings: { text: string; about?: string; hint?: string }[] = [];
  readonly #output: Uint8Array[] = [];

  constructor(options: ReporterOptions) {
    this.#options = options;
  }

  readonly report = (event: Event): void => {
    switch (event.type) {
      case 'warning': {
        const { type: _, ...warning } = event;
        this.#warnings.push(warning);
        return;
      }
      case 'output':
        this.#output.push(event.bytes);
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
    const output = this.#output.length === 0 ? {} : { output: Buffer.concat(this.#output).toString('utf8') };
    this.#write({ ok, ...answer.document, ...output });
  }

  fail(failure: Failure): void {
    this.#write({ ok: false, error: failure });
  }

  async close(): Promise<void> {}

  #write(document: Record<string, unknown>): void {
    const warnings = this.#warnings.length === 0 ? {} : { warnings: this.#warnings };
    this.#options.stdout.write(`${JSON.stringify({ ...document, ...warnings }, null, 2)}\n`);
  }
}
