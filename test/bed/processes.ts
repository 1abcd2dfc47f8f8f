import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process that cannot be confused with a later one of the same number: `start` is its start time in clock ticks (proc(5), stat field 22). */
export interface ProcessMark {
  readonly pid: number;
  readonly start: string;
}

interface ProcessFacts {
  readonly start: string;
  readonly parent: number;
  readonly state: string;
}

async function factsOf(pid: number): Promise<ProcessFacts | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  // The program's name stands in parentheses and may hold spaces, so count from the last one.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', parent: Number(fields[1]), start: fields[19] ?? '' };
}

/** The mark of a running process. Where there is no /proc (not Linux) the start time is empty and only the number counts. */
export async function markOf(pid: number): Promise<ProcessMark> {
  return { pid, start: (await factsOf(pid))?.start ?? '' };
}

/** Whether exactly this process still runs; a zombie does not. */
export async function isAlive(mark: ProcessMark): Promise<boolean> {
  if (process.platform !== 'linux') return answersToSignals(mark.pid);
  const facts = await factsOf(mark.pid);
  return facts !== undefined && facts.state !== 'Z' && facts.start === mark.start;
}

function answersToSignals(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

export interface DaemonOptions {
  /** File that takes stdout and stderr. */
  readonly log: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** Starts a program in a session of its own, so that neither Ctrl-C nor the end of this process reaches it. */
export async function startDaemon(
  program: string,
  argv: readonly string[],
  options: DaemonOptions,
): Promise<ProcessMark> {
  const log = openSync(options.log, 'a');
  try {
    const child = spawn(program, argv, {
      detached: true,
      stdio: ['ignore', log, log],
      env: { ...process.env, ...options.environment },
    });
    const pid = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('spawn', () => resolve(child.pid ?? 0));
    });
    child.unref();
    return await markOf(pid);
  } finally {
    closeSync(log);
  }
}

/** The end of a log, for the reason why its program failed. */
export async function lastLines(file: string): Promise<string> {
  return (await readFile(file, 'utf8')).trimEnd().split('\n').slice(-4).join('\n');
}

/** Ends a process: SIGTERM, at most `grace` milliseconds, then SIGKILL. Fine with one that is gone already. */
export async function endProcess(mark: ProcessMark, grace: number): Promise<void> {
  for (const [signal, patience] of [
    ['SIGTERM', grace],
    ['SIGKILL', 5_000],
  ] as const) {
    if (!(await isAlive(mark))) return;
    try {
      process.kill(mark.pid, signal);
    } catch (error) {
      if (!(await isAlive(mark))) return;
      throw error;
    }
    const gone = await poll(async () => !(await isAlive(mark)), { timeout: patience });
    if (gone) return;
  }
  throw new Error(`process ${mark.pid} does not end, not even by SIGKILL`);
}

export interface PollOptions {
  /** Milliseconds. */
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
}

/** Asks again and again until the answer is yes (true) or the time is over (false). */
export async function poll(ask: () => Promise<boolean>, options: PollOptions): Promise<boolean> {
  const end = Date.now() + options.timeout;
  while (!(await ask())) {
    if (Date.now() > end) return false;
    await sleep(25, undefined, options.signal === undefined ? {} : { signal: options.signal });
  }
  return true;
}

/**
 * Processes of a bed that nobody wrote down (its opener was killed at the wrong moment): their program lies under `programs`
 * and one of their arguments under `run`. With them all their descendants: the containers of an orphaned shim.
 */
export async function findStrays(programs: string, run: string): Promise<ProcessMark[]> {
  const names = await readdir('/proc').catch(() => []);
  const all = new Map<number, ProcessFacts>();
  const strays = new Set<number>();
  for (const name of names) {
    if (!/^\d+$/.test(name)) continue;
    const pid = Number(name);
    const facts = await factsOf(pid);
    if (facts === undefined || facts.state === 'Z') continue;
    all.set(pid, facts);
    const program = await readlink(`/proc/${name}/exe`).catch(() => '');
    if (!program.startsWith(`${programs}/`)) continue;
    const argv = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
    if (argv.split('\0').some((argument) => argument.includes(`${run}/`))) strays.add(pid);
  }
  for (let before = -1; before !== strays.size; ) {
    before = strays.size;
    for (const [pid, facts] of all) if (strays.has(facts.parent)) strays.add(pid);
  }
  return [...strays].map((pid) => ({ pid, start: all.get(pid)?.start ?? '' }));
}
