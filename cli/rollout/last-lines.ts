import { UserError } from '../errors.ts';
import type { Gateway } from '../openfaas/gateway.ts';
import type { LogLine } from '../openfaas/wire.ts';

/** A line of a function's log: which replica wrote it (a pod, a process id), and what. */
export interface FunctionLine {
  readonly instance: string;
  readonly text: string;
}

const mostLines = 20;
const patienceMilliseconds = 5000;

/**
 * The last lines of a function's log, at most 20, by time, as far as they come within `milliseconds`. Neither `tail` nor `since` is asked for: faasd gives the oldest lines of a tail,
 * and the clock of a Pi may be wrong. A gateway that gives no log gives no lines: the failure that asks for them is told anyway.
 */
export async function readLastLines(
  gateway: Pick<Gateway, 'logs'>,
  name: string,
  namespace: string | undefined,
  signal: AbortSignal,
  milliseconds: number = patienceMilliseconds,
): Promise<readonly FunctionLine[]> {
  const enough = AbortSignal.any([signal, AbortSignal.timeout(milliseconds)]);
  const lines: LogLine[] = [];
  try {
    for await (const line of gateway.logs({ name, namespace, follow: false }, enough)) {
      lines.push(line);
      if (lines.length > 4000) lines.splice(0, 2000);
    }
  } catch (error) {
    // Interrupted stands here for our own patience too: what has been read is shown.
    if (signal.aborted || !(error instanceof UserError || enough.aborted)) throw error;
  }
  const ordered = lines
    .map((line, index) => ({ line, index }))
    .sort(
      (left, right) => Date.parse(left.line.timestamp) - Date.parse(right.line.timestamp) || left.index - right.index,
    );
  return ordered.slice(-mostLines).map(({ line }) => ({ instance: line.instance, text: line.text.trimEnd() }));
}
