import { isCancel, password } from '@clack/prompts';
import { Interrupted } from '../errors.ts';

/** Where a question is asked: the terminal's two sides. */
export interface AskPlace {
  readonly stdin: NodeJS.ReadStream;
  /** The story's side, so that the answer's may go into a file. */
  readonly stderr: NodeJS.WriteStream;
  readonly signal: AbortSignal;
}

/** Asks a person for one line that is not shown while it is typed, not even its length. Throws Interrupted on Ctrl-C and Escape. */
export async function askHidden(question: string, { stdin, stderr, signal }: AskPlace): Promise<string> {
  const typed = await password({ message: question, mask: '', input: stdin, output: stderr, signal });
  if (isCancel(typed)) throw new Interrupted();
  return typed;
}
