import * as v from 'valibot';
import { Interrupted, systemCode, UserError } from '../errors.ts';
import { pause } from './replicas/pause.ts';
import type { InstanceRecord } from './state/instance-file.ts';
import { isAlive, readInstance } from './state/instance-file.ts';
import { type LocalStatus, localStatusSchema } from './state/local-status.ts';

/** How long a running gateway may take to tell of itself, in milliseconds. */
const bound = 10_000;

/** The record of the gateway that runs for a state folder. Throws BAN-E627 if none does. */
export async function requireRunning(stateFolder: string): Promise<InstanceRecord> {
  const record = await readInstance(stateFolder);
  if (record !== undefined && isAlive(record)) return record;
  throw new UserError(
    'BAN-E627',
    record === undefined
      ? `no local gateway runs for this project (${stateFolder})`
      : `the local gateway of this project (process ${record.pid}) was killed`,
    {
      hint:
        record === undefined
          ? 'bantam local up starts one'
          : 'bantam local up brings its functions back; bantam local down ends what it left running',
    },
  );
}

/** Asks a running gateway how it is. Bounded. Throws BAN-E401 if it does not answer, BAN-E405 if it answers something else, `Interrupted`. */
export async function askStatus(record: InstanceRecord, signal: AbortSignal): Promise<LocalStatus> {
  const login = Buffer.from(`${record.user}:${record.password}`, 'utf8').toString('base64');
  let answer: { readonly status: number; readonly text: string };
  try {
    const response = await fetch(`${record.url}/system/local`, {
      headers: { authorization: `Basic ${login}` },
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(bound)]),
    });
    answer = { status: response.status, text: await response.text() };
  } catch (cause) {
    if (signal.aborted) throw new Interrupted();
    throw new UserError('BAN-E401', `the local gateway at ${record.url} (process ${record.pid}) does not answer`, {
      hint: 'bantam local down ends it, bantam local up brings its functions back',
      cause,
    });
  }
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), localStatusSchema), answer.text);
  if (answer.status === 200 && parsed.success) return parsed.output;
  throw new UserError(
    'BAN-E405',
    `the local gateway at ${record.url} answered ${answer.status} instead of telling how it is: ${answer.text.slice(0, 200)}`,
    { hint: 'it starts or stops just now, or is of another version of bantam: look again in a moment' },
  );
}

/** How a process ended: by itself after SIGTERM, or by force. */
export type Ended = 'stopped' | 'killed';

/** Milliseconds to wait, and how to send a signal. */
export interface Stopping {
  /** For the process to end by itself. */
  readonly patience: number;
  /** Afterwards, for the system to end it; default 10 s. */
  readonly killPatience?: number | undefined;
  readonly send?: ((pid: number, name: 'SIGTERM' | 'SIGKILL') => unknown) | undefined;
}

/** Asks a gateway's process to stop, waits, and then kills it. Throws BAN-E629 if it is there all the same, or another user's; `Interrupted`. */
export async function stopProcess(
  record: InstanceRecord,
  { patience, killPatience = 10_000, send = (pid, name) => process.kill(pid, name) }: Stopping,
  signal: AbortSignal,
): Promise<Ended> {
  const ask = (name: 'SIGTERM' | 'SIGKILL'): void => {
    try {
      if (isAlive(record)) send(record.pid, name);
    } catch (error) {
      const code = systemCode(error);
      if (code === 'ESRCH') return; // It ended in the same moment.
      throw new UserError(
        'BAN-E629',
        `the local gateway (process ${record.pid}) may not be stopped: it is another user’s`,
        {
          hint: `who that is: ps -o user,pid,cmd -p ${record.pid}`,
          cause: error,
        },
      );
    }
  };
  ask('SIGTERM');
  if (await isGone(record, patience, signal)) return 'stopped';
  ask('SIGKILL');
  if (await isGone(record, killPatience, signal)) return 'killed';
  throw new UserError('BAN-E629', `the local gateway (process ${record.pid}) is still there after it was killed`, {
    hint: `see what it waits for: ps -o pid,stat,wchan,cmd -p ${record.pid}`,
  });
}

async function isGone(record: InstanceRecord, patience: number, signal: AbortSignal): Promise<boolean> {
  const end = performance.now() + patience;
  while (isAlive(record)) {
    if (signal.aborted) throw new Interrupted();
    if (performance.now() > end) return false;
    await pause(25, signal);
  }
  return true;
}
