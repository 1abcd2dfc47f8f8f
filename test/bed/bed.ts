import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { sweepCache } from './cache.ts';
import { Archives } from './debian.ts';
import { restoreAbandonedHandlers } from './emulation.ts';
import { lockFile, withLock } from './lock.ts';
import { type Part, type PartName, partNames } from './parts.ts';
import { isAlive, markOf } from './processes.ts';
import { provideParts } from './provide.ts';
import { bootId, newState, readState, runFolder, type State, writeState } from './state.ts';
import { isWell, stopBed } from './stop.ts';

/** The real parts, running. Disposing of it stops them, unless another process uses the same bed. */
export interface Bed extends AsyncDisposable {
  /** For child processes: PATH (docker, crane, actionlint first), DOCKER_HOST, DOCKER_CONFIG, BANTAM_BUILD_CONTEXTS; only what is needed. */
  readonly environment: Record<string, string>;
  /** `127.0.0.1:PORT` of an empty registry over plain http. */
  readonly registry: string | undefined;
  readonly parts: readonly Part[];
}

export interface BedOptions {
  /** Leave the parts running after disposal; the next `openBed` finds them. `npm run bed -- stop` ends them. */
  readonly keep?: boolean;
  /** Told what is downloaded, started and changed on the machine, as it happens. */
  readonly report?: (line: string) => void;
  readonly signal?: AbortSignal;
}

/**
 * Starts the real parts, or joins the bed that another process keeps up. A part that cannot run here is named with its reason; that is no error.
 * A first opening downloads and compiles for minutes; later ones take seconds. One bed per machine and cache folder.
 */
export async function openBed(options: BedOptions = {}): Promise<Bed> {
  const run = runFolder();
  const report = options.report ?? (() => undefined);
  const owner = { id: randomUUID(), mark: await markOf(process.pid) };
  const state = await underLock(report, options.signal, async () => {
    await sweepCache();
    const state = (await joinBed(run, report)) ?? (await newState());
    state.owners.push(owner);
    if (options.keep === true) state.kept = true;
    writeState(run, state);
    const archives = new Archives(options.signal);
    try {
      await mkdir(join(run, 'bin'), { recursive: true });
      await provideParts({ run, state, archives, report, signal: options.signal });
    } catch (error) {
      await leave(run, owner.id, report);
      throw error;
    } finally {
      await archives.close();
    }
    return state;
  });
  let closed = false;
  return {
    environment: { PATH: `${join(run, 'bin')}${delimiter}${process.env['PATH'] ?? ''}`, ...state.environment },
    registry: state.registry,
    parts: partNames.flatMap((name) => state.parts.filter((part) => part.name === name)),
    [Symbol.asyncDispose]: async () => {
      if (closed) return;
      closed = true;
      await underLock(report, undefined, () => leave(run, owner.id, report));
    },
  };
}

/** Stops a bed that was left running. Throws when other processes use it. */
export async function stopLeftBed(report: (line: string) => void): Promise<void> {
  const run = runFolder();
  await underLock(report, undefined, async () => {
    const state = readState(run);
    const owners = state === undefined ? [] : await livingOwners(state);
    if (owners.length > 0) throw new Error(`the bed is in use by ${processesOf(owners)}; it stops when they end`);
    await stopBed(run, state, report);
  });
}

/** Why a test that needs these parts must be skipped; undefined when all are there. */
export function needs(bed: Bed, ...names: readonly PartName[]): string | undefined {
  const reasons: string[] = [];
  for (const name of names) {
    const part = bed.parts.find((candidate) => candidate.name === name);
    if (part === undefined) reasons.push(`${name}: not part of this bed`);
    else if (!part.available) reasons.push(`${name}: ${part.reason}`);
  }
  return reasons.length === 0 ? undefined : reasons.join('; ');
}

function underLock<T>(
  report: (line: string) => void,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const onWait = (pid: number): void => report(`waiting for process ${pid}, which is opening or closing the bed`);
  return withLock(lockFile(), { onWait, signal }, work);
}

/** The state of a bed that is in use or was left running; clears away what a killed run left behind. */
async function joinBed(run: string, report: (line: string) => void): Promise<State | undefined> {
  const state = readState(run);
  if (state !== undefined && state.boot === (await bootId())) {
    const owners = await livingOwners(state);
    if (owners.length > 0 || state.kept) {
      if (await isWell(run, state)) return { ...state, owners, handlers: await restoreAbandonedHandlers(state) };
      if (owners.length > 0)
        throw new Error(
          `the bed in use by ${processesOf(owners)} no longer answers (logs in ${run}): end that process first`,
        );
    }
  }
  await stopBed(run, state, report);
  return undefined;
}

async function leave(run: string, id: string, report: (line: string) => void): Promise<void> {
  const state = readState(run);
  if (state === undefined) return;
  const owners = (await livingOwners(state)).filter((owner) => owner.id !== id);
  writeState(run, { ...state, owners });
  if (owners.length > 0) report(`the bed stays up: ${processesOf(owners)} still uses it`);
  else if (!state.kept) await stopBed(run, state, report);
}

async function livingOwners(state: State): Promise<State['owners']> {
  const living: State['owners'] = [];
  for (const owner of state.owners) if (await isAlive(owner.mark)) living.push(owner);
  return living;
}

function processesOf(owners: State['owners']): string {
  return `process ${[...new Set(owners.map(({ mark }) => mark.pid))].join(', ')}`;
}
