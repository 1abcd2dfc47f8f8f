import { describeFailure, UserError } from '../../cli/errors.ts';
import type { Fate } from './target.ts';

/** Runs what may throw a UserError and nothing else. */
export async function fateOf(work: () => unknown): Promise<Fate> {
  try {
    await work();
    return 'accepted';
  } catch (thrown) {
    return refusal(thrown);
  }
}

/** The same for work that is done at once. */
export function fateAtOnce(work: () => unknown): Fate {
  try {
    work();
    return 'accepted';
  } catch (thrown) {
    return refusal(thrown);
  }
}

/** The sentences of a refusal must be fit to be read: no `undefined`, no object, of bounded length. */
function refusal(thrown: unknown): Fate {
  // What the file system refuses has a code, too.
  if (!(thrown instanceof UserError)) {
    const { code } = describeFailure(thrown);
    if (code === 'BAN-BUG') throw thrown;
    return code;
  }
  const { message, hint = '', details } = thrown;
  for (const text of [message, hint, ...details])
    if (/\[object |\bundefined\b(?!"|: function)|\bNaN\b/.test(text) && !expected.test(text))
      throw new Error(`a message that nobody can read: ${text.slice(0, 300)}`, { cause: thrown });
  if (message.length > longestMessage)
    throw new Error(`a message of ${message.length} characters: ${message.slice(0, 300)}`);
  return thrown.code;
}

/** Schemas quote what they found: an input may hold these words itself (`undefined: function` stands in the description of bantam-go). */
const expected = /received |"[^"]*(?:undefined|NaN|\[object)/i;

/** More than any screen; what is quoted must have been cut. */
const longestMessage = 4000;
