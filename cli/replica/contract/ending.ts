import type { Replica } from './target.ts';
import { within } from './wait.ts';

/** What the process ended with: its exit code, or the signal that ended it. {@link Unkept} with its last words if it does not end. */
export async function endOf(replica: Replica, milliseconds = 15_000): Promise<number | string | null> {
  const said = (): string =>
    `expected the end of the process, which said last: ${replica.output.lines().slice(-3).join(' | ') || 'nothing'}`;
  const { code, signal } = await within(replica.ended, milliseconds, said, replica.signal);
  return code ?? signal;
}
