import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import writeFileAtomic from 'write-file-atomic';
import { UserError } from '../errors.ts';

const schema = v.object({
  instance: v.string(),
  pid: v.number(),
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

/** Whether the process of a record lives. A number used again by another program counts as alive; who calls asks the gateway too. */
export function isAlive({ pid }: InstanceRecord): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

function instancePath(stateFolder: string): string {
  return join(stateFolder, 'local.json');
}
