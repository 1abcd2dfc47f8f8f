import { Interrupted } from '../errors.ts';
import type { Report } from '../events.ts';
import type { Gateway } from '../openfaas/gateway.ts';
import type { LogLine } from '../openfaas/wire.ts';

/** A line of a function's log: which replica wrote it (a pod, a process id), and what. */
export interface FunctionLine {
  readonly instance: string;
  readonly text: string;
}

const mostLines = 20;
const patienceMilliseconds = 5000;
const longestText = 2000;

/**
 * The last lines of a function's log, at most 20, each of at most 2000 characters, by time, as far as they come within `milliseconds`. Neither `tail` nor `since` is asked for: faasd gives the oldest lines of a tail,
 * and the clock of a Pi may be wrong. They only go with a failure, which must be told anyway: whatever goes wrong with the log is
 * traced, and the lines read so far are given. Throws nothing but Interrupted, for an abort of `signal`.
 */
export async function readLastLines(
  ports: { readonly gateway: Pick<Gateway, 'logs'>; readonly report: Report },
  name: string,
  namespace: string | undefined,
  signal: AbortSignal,
  milliseconds: number = patienceMilliseconds,
): Promise<readonly FunctionLine[]> {
  const enough = AbortSignal.any([signal, AbortSignal.timeout(milliseconds)]);
  const lines: LogLine[] = [];
  try {
    for await (const line of ports.gateway.logs({ name, namespace, follow: false }, enough)) {
      lines.push({ ...line, text: clip(line.text.trimEnd()) });
      if (lines.length > 4000) lines.splice(0, 2000);
    }
  } catch (error) {
    if (signal.aborted) throw new Interrupted();
    const trouble = enough.aborted ? `not at its end after ${milliseconds / 1000} s` : String(error);
    ports.report({ type: 'trace', about: name, text: `the log: ${trouble}` });
  }
  const ordered = lines
    .map((line, index) => ({ line, index }))
    .sort(
      (left, right) => Date.parse(left.line.timestamp) - Date.parse(right.line.timestamp) || left.index - right.index,
    );
  return ordered.slice(-mostLines).map(({ line }) => ({ instance: line.instance, text: line.text }));
}

function clip(text: string): string {
  return text.length <= longestText ? text : `${text.slice(0, longestText)}… (${text.length} characters)`;
}
