import type { Context } from '../../context.ts';

/** The folder that `template/` belongs to: that of the stack file, else the one where the command was called. */
export async function projectFolderOf(context: Context): Promise<string> {
  return (await context.stackIfAny())?.folder ?? context.folder;
}
