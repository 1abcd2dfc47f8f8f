import { open } from 'node:fs/promises';

const running = new Map<string, { readonly sync: Promise<void>; next: Promise<void> | undefined }>();

/** Brings the names in a folder to the disk. Callers that come while it is being done share the next round: theirs may have been missed. */
export function syncFolder(folder: string): Promise<void> {
  const current = running.get(folder);
  if (current === undefined) return start(folder);
  current.next ??= current.sync.then(
    () => start(folder),
    () => start(folder),
  );
  return current.next;
}

function start(folder: string): Promise<void> {
  const sync = syncOnce(folder);
  const entry = { sync, next: undefined };
  running.set(folder, entry);
  const end = (): void => {
    if (running.get(folder) === entry && entry.next === undefined) running.delete(folder);
  };
  sync.then(end, end);
  return sync;
}

async function syncOnce(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
