import { stat } from 'node:fs/promises';
import { relative } from 'node:path';
import { UserError } from '../errors.ts';
import { nearestFolders } from './nearest.ts';
import type { Stack, StackFunction } from './stack.ts';

/** The handler folder of a function that is to be built. Throws BAN-E105 if it is not there: only builders need it, so reading a stack does not ask. */
export async function requireHandler(stack: Stack, declared: StackFunction): Promise<string> {
  const { handler, name, position } = declared;
  if (handler !== undefined) {
    const found = await stat(handler).catch(() => undefined);
    if (found?.isDirectory()) return handler;
    const near = await nearestFolders(handler);
    const shown = relative(stack.folder, handler) || '.';
    throw new UserError(
      'BAN-E105',
      `the handler folder ${shown} of ${name} ${found === undefined ? 'does not exist' : 'is not a folder'} (looked at ${handler})`,
      {
        hint:
          near.length > 0
            ? `did you mean ${near.join(' or ')}? It is named in ${stack.file}:${position.line}`
            : `correct handler in ${stack.file}:${position.line}, relative to that file`,
      },
    );
  }
  throw new UserError('BAN-E105', `${name} names no handler folder`, {
    hint: `add handler: ./${name} in ${stack.file}:${position.line}, or leave it out of the build`,
  });
}
