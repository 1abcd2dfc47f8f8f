import { copyFile, open, rename, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { failedWith } from '../../errors.ts';

/** What a detached gateway says goes here; what is older, into a second file. Together at most twice this many bytes, and what comes within a few seconds. */
const longest = 1 << 20;
const defaultInterval = 5000;

/** Where a detached gateway's log is. */
export function logPath(stateFolder: string): string {
  return join(stateFolder, 'local.log');
}

/** Keeps the log short from now on: it is written through a descriptor that appends, so it can be emptied under it. `interval` in milliseconds. Returns what ends that. */
export function keepLogShort(
  stateFolder: string,
  failed: (error: unknown) => void,
  interval = defaultInterval,
): () => void {
  const path = logPath(stateFolder);
  let busy = false;
  const look = async (): Promise<void> => {
    if ((await stat(path)).size <= longest) return;
    // A line that is written between the two is lost; the alternative is a disk that fills up.
    await copyFile(path, `${path}.new`);
    await truncate(path, 0);
    await rename(`${path}.new`, `${path}.1`);
  };
  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    look()
      .catch(failed)
      .finally(() => {
        busy = false;
      });
  }, interval);
  timer.unref();
  return () => clearInterval(timer);
}

/** Begins a new log, keeps the one before as `local.log.1`, and opens it for a process to write to (0600). Who gets it, closes it. */
export async function beginLog(stateFolder: string): Promise<Awaited<ReturnType<typeof open>>> {
  const path = logPath(stateFolder);
  await rm(`${path}.new`, { force: true });
  await rename(path, `${path}.1`).catch((error: unknown) => {
    if (!failedWith(error, 'ENOENT')) throw error;
  });
  return await open(path, 'a', 0o600);
}

/** The last lines of the log. */
export async function lastLogLines(stateFolder: string, count: number): Promise<readonly string[]> {
  const handle = await open(logPath(stateFolder), 'r').catch(() => undefined);
  if (handle === undefined) return [];
  try {
    const { size } = await handle.stat();
    const length = Math.min(size, 16 << 10);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, size - length);
    const lines = buffer.subarray(0, bytesRead).toString('utf8').split('\n');
    return lines.filter((line) => line !== '').slice(-count);
  } finally {
    await handle.close();
  }
}
