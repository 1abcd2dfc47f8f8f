import { join } from 'node:path';
import { lock } from 'proper-lockfile';
import { failedWith, Interrupted, UserError } from '../../errors.ts';
import { pause } from '../replicas/pause.ts';

/** The right to start a gateway for a folder. `lost` once somebody else took it over, because this process stood still for too long. */
export interface FolderLock {
  readonly lost: boolean;
  release(): Promise<void>;
}

const patienceMilliseconds = 10_000;
const neverAborted = new AbortController().signal;

/** Locks a state folder (which must exist) among all processes. Throws BAN-E004 after ten seconds in vain, `Interrupted`. */
export async function lockFolder(folder: string, signal: AbortSignal = neverAborted): Promise<FolderLock> {
  const lockfilePath = join(folder, 'local.json.lock');
  const end = performance.now() + patienceMilliseconds;
  for (;;) {
    if (signal.aborted) throw new Interrupted();
    let lost = false;
    try {
      // A lock whose holder died is taken over after five seconds: within our patience.
      const release = await lock(folder, {
        lockfilePath,
        realpath: false,
        stale: 5000,
        retries: 0,
        onCompromised: () => {
          lost = true;
        },
      });
      return {
        get lost() {
          return lost;
        },
        // A lost lock is somebody else's: it is not ours to release.
        release: async () => (lost ? undefined : await release()),
      };
    } catch (error) {
      if (!failedWith(error, 'ELOCKED')) throw error;
      if (performance.now() > end)
        throw new UserError('BAN-E004', `another local gateway is being started in ${folder}`, {
          hint: `if none is, remove ${lockfilePath}`,
          cause: error,
        });
    }
    await pause(50, signal);
  }
}
