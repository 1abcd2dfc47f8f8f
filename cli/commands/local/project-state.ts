import { dirname, join } from 'node:path';
import type { Context } from '../../context.ts';

/** Where the local gateway of this project keeps its state: `.bantam` beside the stack file, or here where there is none. */
export async function projectState(context: Pick<Context, 'stackIfAny' | 'folder'>): Promise<string> {
  const stack = await context.stackIfAny();
  return join(stack === undefined ? context.folder : dirname(stack.file), '.bantam');
}
