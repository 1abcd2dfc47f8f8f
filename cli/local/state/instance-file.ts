import { readFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import writeFileAtomic from 'write-file-atomic';
import { UserError } from '../../errors.ts';

const schema = v.object({
  instance: v.string(),
  pid: v.number(),
  /** When the process began, as {@link startOf} tells; missing where the system does not tell. */
  started: v.optional(v.string()),
  url: v.string(),
  user: v.string(),
  password: v.string(),
});

/** A running local gateway as `local.json` of its state folder tells it. The password is in it: the file is the user's alone (0600). */
export type InstanceRecord = Readonly<v.InferOutput<typeof schema>>;

/** `undefined` if there is none, or one that cannot be understood (another version's). Throws BAN-E003 if it cannot be read. */
export async function readInstance(stateFolder: string): Promise<InstanceRecord | undefined> {
  const path = instancePath(stateFolder);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new UserError('BAN-E003', `${path} cannot be read`, { cause: error });
  }
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text);
  return parsed.success ? parsed.output : undefined;
}

/** Writes the record in one piece. */
export async function writeInstance(stateFolder: string, record: InstanceRecord): Promise<void> {
  await writeFileAtomic(instancePath(stateFolder), `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 });
}

/** Removes the record if it still is this instance's. */
export async function removeInstanceRecord(stateFolder: string, instance: string): Promise<void> {
  if ((await readInstance(stateFolder))?.instance === instance) await rm(instancePath(stateFolder), { force: true });
}

/**
 * Whether the process of a record lives, answering or not (a stopped one lives too). Its number used again by another program is
 * told apart by the start of the process; where that is not known, the number alone counts.
 */
export function isAlive({ pid, started }: Pick<InstanceRecord, 'pid' | 'started'>): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // Somebody else's process is one, too.
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false;
  }
  const now = startOf(pid);
  if (now === 'ended') return false;
  return started === undefined || now === undefined || now === started;
}

/**
 * When a process began, in the system's ticks since its own start: field 22 of Linux' /proc/PID/stat. `ended` for one that only waits to be
 * collected; `undefined` where the system does not tell.
 */
export function startOf(pid: number): string | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined; // No Linux, or not for our eyes: the number alone has to do.
  }
  // The second field is the program's name in brackets, which may hold spaces and brackets itself.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? 'ended' : fields[19];
}

/** Where the record of a state folder is. */
export function instancePath(stateFolder: string): string {
  return join(stateFolder, 'local.json');
}
