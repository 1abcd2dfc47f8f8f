import type { Failure } from '../errors.ts';
import type { Report } from '../events.ts';

/**
 * A line of an answer, or a table (header in a pipe left out, as TSV; aligned on a terminal). `only`: shown there and nowhere else, where a script
 * wants other rows than a person. `cells`: what a pipe gets of a line, tab-separated. `wrapLast`: on a terminal a last column that is too wide is
 * wrapped.
 */
export type Block =
  | {
      readonly kind: 'line';
      readonly text: string;
      readonly only?: 'terminal' | 'pipe';
      readonly cells?: readonly string[];
    }
  | {
      readonly kind: 'table';
      readonly columns: readonly string[];
      readonly rows: readonly (readonly string[])[];
      readonly only?: 'terminal' | 'pipe';
      readonly wrapLast?: true;
    };

/** The part of a command's answer that reporters show. */
export interface ReportedAnswer {
  readonly document: Readonly<Record<string, unknown>>;
  readonly blocks: readonly Block[];
}

/** Shows a run: the story while it goes on, then either an answer or a failure. */
export interface Reporter {
  readonly report: Report;
  answer(answer: ReportedAnswer, ok: boolean): Promise<void>;
  fail(failure: Failure): void;
  /** Flushes and leaves the terminal as it was. */
  close(): Promise<void>;
}

/** Where a reporter writes, and how much. */
export interface ReporterOptions {
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly environment: NodeJS.ProcessEnv;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly color: boolean;
}
