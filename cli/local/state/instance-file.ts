import { readFileSync } from 'node:fs';
import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import writeFileAtomic from 'write-file-atomic';
import { failedWith, UserError } from '../../errors.ts';

/** Nobody but a gateway of this machine is meant: a record that came with a cloned project must send no password, image or function elsewhere. */
const ownAddress = /^(?:http:\/\/)?127\.0\.0\.1:\d{1,5}(?:\/ui\/)?$/;

const schema = v.object({
  instance: v.pipe(v.string(), v.regex(/^[\w-]+$/)),
  /** A single process: 0 and negative numbers would be groups of them, or all. */
  pid: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  /** When the process began, as {@link startOf} tells; missing where the system does not tell. */
  started: v.optional(v.string()),
  url: v.pipe(v.string(), v.regex(ownAddress)),
  user: v.string(),
  password: v.string(),
  /** Its embedded registry as references name it: `127.0.0.1:8585`. */
  registry: v.optional(v.pipe(v.string(), v.regex(ownAddress))),
  /** Where it listens besides loopback, as `--listen` said. Nothing is sent there because of it. */
  listen: v.optional(v.string()),
  provider: v.optional(v.picklist(['process', 'docker'])),
  /** Address of its page. */
  page: v.optional(v.pipe(v.string(), v.regex(ownAddress))),
});

/** A running local gateway as `local.json` of its state folder tells it. The password is in it: the file is the user's alone (0600). */
export type InstanceRecord = Readonly<v.InferOutput<typeof schema>>;

/** `undefined` if there is none, or one that cannot be understood (another version's). Throws BAN-E003 if it cannot be read, or is another user's. */
export async function readInstance(stateFolder: string): Promise<InstanceRecord | undefined> {
  const path = instancePath(stateFolder);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (failedWith(error, 'ENOENT')) return undefined;
    throw new UserError('BAN-E003', `${path} cannot be read`, {
      hint: 'is it yours? it was written by whoever ran bantam local up here: ls -l',
      cause: error,
    });
  }
  const user = process.getuid?.();
  if (user !== undefined && user !== 0 && (await ownerOf(path)) !== user)
    throw new UserError('BAN-E003', `${path} was written by another user, and is not believed`, {
      hint: 'with a gateway of your own: a folder of your own, or name one with --gateway',
    });
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text);
  return parsed.success ? parsed.output : undefined;
}

/** The number of its user; this one's own if the file is gone meanwhile. */
async function ownerOf(path: string): Promise<number | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found === undefined ? process.getuid?.() : found.uid;
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
    if (!failedWith(error, 'EPERM')) return false;
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
