import { isUtf8 } from 'node:buffer';
import type { Failure } from '../errors.ts';
import type { Event } from '../events.ts';
import type { ReportedAnswer, Reporter, ReporterOptions } from './reporter.ts';

/** One JSON document on stdout, also on failure: `{"ok":true,…}` or `{"ok":false,"error":{code,message,hint,details}}`. Warnings come along in `warnings`. */
export class JsonReporter implements Reporter {
  readonly #options: ReporterOptions;
  readonly #warnings: { text: string; about?: string; hint?: string }[] = [];
  readonly #output: Uint8Array[] = [];
  #written = false;

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
    this.#options.stdout.write(`${JSON.stringify({ ...document, ...warnings }, null, 2)}\n`);
  }
}

/** Bytes that are no text come as base64, so that none is lost. */
function describeOutput(bytes: Buffer): { output?: string; outputBase64?: string } {
  if (bytes.length === 0) return {};
  return isUtf8(bytes) ? { output: bytes.toString('utf8') } : { outputBase64: bytes.toString('base64') };
}
