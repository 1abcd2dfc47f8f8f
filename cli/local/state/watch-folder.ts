import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { failedWith, UserError } from '../../errors.ts';

const defaultInterval = 1000;

/**
 * Looks whether a running gateway still has its folder: without it nothing it promises is kept, and nobody finds it or what it runs. `removed` is told
 * once. `interval` in milliseconds. Returns what ends the looking.
 */
export async function watchFolder(
  stateFolder: string,
  removed: (error: UserError) => void,
  interval = defaultInterval,
): Promise<() => void> {
  const store = join(stateFolder, 'store');
  const first = await stat(store);
  const timer = setInterval(() => {
    stat(store).then(
      // Another one at its place is another gateway's.
      (now) => {
        if (now.ino !== first.ino || now.dev !== first.dev) tell();
      },
      (error: unknown) => {
        // A disk that fails for a moment has not lost the folder.
        if (failedWith(error, 'ENOENT')) tell();
      },
    );
  }, interval);
  timer.unref();
  let told = false;
  const tell = (): void => {
    clearInterval(timer);
    if (told) return;
    told = true;
    removed(
      new UserError('BAN-E626', `${stateFolder} was removed while its local gateway ran, which stops`, {
        hint: 'bantam local up begins anew; next time: bantam local down first',
      }),
    );
  };
  return () => clearInterval(timer);
}
