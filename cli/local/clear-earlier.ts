import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../errors.ts';
import type { Report } from '../events.ts';
import type { ContainerEngine } from '../tools/container-engine.ts';
import { removeInstance } from './docker/docker-provider.ts';
import { removeProcesses } from './process/provider.ts';
import {
  type InstanceRecord,
  instancePath,
  isAlive,
  readInstance,
  removeInstanceRecord,
} from './state/instance-file.ts';
import { Level } from './state/level.ts';

/** Where an earlier gateway's traces are, and who can end its containers. */
export interface Traces {
  readonly stateFolder: string;
  /** Asked only if there were containers. */
  readonly engine?: (() => Promise<ContainerEngine>) | undefined;
  readonly report: Report;
}

/** What a dead gateway had left running, and what was ended of it. */
export interface Cleared {
  readonly record: InstanceRecord | undefined;
  readonly processes: number;
  readonly containers: number;
}

/** Throws BAN-E004 if the gateway of a record lives, whether it answers or not. */
export function requireDead(stateFolder: string, record: InstanceRecord | undefined): void {
  if (record === undefined || !isAlive(record)) return;
  throw new UserError(
    'BAN-E004',
    `a local gateway of this project runs already at ${record.url} (process ${record.pid})`,
    {
      hint: `use it, or stop it first: bantam local down${
        record.started === undefined
          ? `; if process ${record.pid} is another program, remove ${instancePath(stateFolder)}`
          : ''
      }`,
    },
  );
}

/** Throws BAN-E004 if a process has the store open: its record was removed under it, and what it runs must not be taken for a dead one's. */
async function requireUnused(store: string): Promise<void> {
  if (!existsSync(store)) return;
  try {
    await (await Level.open(store)).close();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    // What else is wrong with it, its owner will say.
    if (error.code !== 'BAN-E004') return;
    throw new UserError(
      'BAN-E004',
      `a local gateway of this project runs already, but its record is gone (${store} is in use)`,
      {
        hint: `find its process and end it: fuser -v ${join(store, 'LOCK')}`,
        cause: error,
      },
    );
  }
}

/** Ends what a killed gateway of this folder left running, and removes its record. Throws BAN-E004 if it lives. Functions, calls, secrets and images stay. */
export async function clearEarlier({ stateFolder, engine, report }: Traces): Promise<Cleared> {
  const record = await readInstance(stateFolder);
  requireDead(stateFolder, record);
  await requireUnused(join(stateFolder, 'store'));
  const processes = await removeProcesses(join(stateFolder, 'processes'));
  let containers = 0;
  if (record !== undefined && record.provider !== 'process') {
    try {
      if (engine === undefined) throw new Error('nobody here speaks to the engine');
      containers = await removeInstance(await engine(), record.instance);
    } catch (error) {
      // It keeps nobody from starting with processes; the containers are named, so that they can be found.
      const reason = error instanceof Error ? error.message : String(error);
      report({
        type: 'warning',
        text: `containers that an earlier local gateway left behind could not be removed: ${reason}`,
        hint: `docker rm -f $(docker ps -aq --filter label=bantam.local=${record.instance})`,
      });
    }
  }
  if (record !== undefined) await removeInstanceRecord(stateFolder, record.instance);
  return { record, processes, containers };
}
