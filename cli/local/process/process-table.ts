import { readdirSync, readFileSync } from 'node:fs';
import { setImmediate as breathe } from 'node:timers/promises';

/** One process of the machine. Its number may be used again; number and start together may not. */
export interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** In the system's ticks since its own start. */
  readonly started: string;
}

/** So many processes are looked at before other work gets its turn: well below a millisecond on a PC. */
const slice = 40;

/** All processes of the machine, waiting ones (zombies) left out; none where the system has no /proc. */
export async function readProcesses(): Promise<readonly ProcessEntry[]> {
  const found: ProcessEntry[] = [];
  for await (const pid of processNumbers()) {
    const entry = parseStat(readProcessFile(pid, 'stat') ?? '');
    if (entry !== undefined) found.push(entry);
  }
  return found;
}

/** Reads a line of /proc/PID/stat (proc(5)); `undefined` for what has ended. Its second field is the program's name, which may hold anything. */
export function parseStat(text: string): ProcessEntry | undefined {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state = '', parent, group, session] = fields;
  const started = fields[19];
  if (started === undefined || 'ZX'.includes(state)) return undefined;
  const pid = Number.parseInt(text, 10);
  return { pid, parent: Number(parent), group: Number(group), session: Number(session), started };
}

/** Tells of a process all that it started, itself included, also what has lost its parent but stayed in the session that it leads. */
export function familiesOf<Entry extends ProcessEntry>(
  processes: readonly Entry[],
): (leader: number) => readonly Entry[] {
  const relatives = new Map<number, Entry[]>();
  const relate = (to: number, entry: Entry): void => {
    const known = relatives.get(to);
    if (known === undefined) relatives.set(to, [entry]);
    else known.push(entry);
  };
  const byNumber = new Map(processes.map((entry) => [entry.pid, entry]));
  for (const entry of processes) {
    relate(entry.parent, entry);
    if (entry.session !== entry.pid) relate(entry.session, entry);
  }
  return (leader) => {
    const family = new Map<number, Entry>();
    const itself = byNumber.get(leader);
    if (itself !== undefined) family.set(leader, itself);
    const left = [leader];
    for (let at = 0; at < left.length; at += 1)
      for (const entry of relatives.get(left[at] ?? 0) ?? []) {
        if (family.has(entry.pid)) continue;
        family.set(entry.pid, entry);
        left.push(entry.pid);
      }
    return [...family.values()];
  };
}

/** A process, and the environment it was started with if the variable that was looked for is in it. What a process starts inherits it. */
export interface MarkedProcess extends ProcessEntry {
  readonly environment?: ReadonlyMap<string, string>;
}

/** All processes, with the environment of those of this user that were started with a variable in it. */
export async function readMarkedProcesses(variable: string): Promise<readonly MarkedProcess[]> {
  const found: MarkedProcess[] = [];
  for await (const pid of processNumbers()) {
    const text = readProcessFile(pid, 'environ') ?? '';
    // Read after the environment: what has this start now is what was looked at.
    const entry = parseStat(readProcessFile(pid, 'stat') ?? '');
    if (entry === undefined) continue;
    const environment = text.includes(`${variable}=`) ? parseEnvironment(text) : undefined;
    found.push(environment?.has(variable) === true ? { ...entry, environment } : entry);
  }
  return found;
}

function parseEnvironment(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split('\0').map((line): [string, string] => {
      const name = line.split('=', 1)[0] ?? '';
      return [name, line.slice(name.length + 1)];
    }),
  );
}

/** What a process holds in memory, in bytes: what is its own (anonymous and shared memory, swapped out or not), not the files that it maps. */
export function measureMemory(pid: number): number {
  return parseMemory(readProcessFile(pid, 'status') ?? '');
}

/** Reads /proc/PID/status (proc(5)). */
export function parseMemory(text: string): number {
  const kilobytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1] ?? 0);
  // A kernel that does not tell these apart tells the sum.
  const own = /^RssAnon:/m.test(text) ? kilobytes('RssAnon') + kilobytes('RssShmem') : kilobytes('VmRSS');
  return (own + kilobytes('VmSwap')) * 1024;
}

/** A text that changes whenever a process or thread was started; `undefined` where the system does not tell. */
export function lastStarted(): string | undefined {
  try {
    return readFileSync('/proc/loadavg', 'utf8').trim().split(' ').at(-1);
  } catch {
    return undefined;
  }
}

async function* processNumbers(): AsyncGenerator<number, void> {
  let names: string[];
  try {
    names = readdirSync('/proc');
  } catch {
    return; // Another system: it tells nothing.
  }
  let count = 0;
  for (const name of names) {
    if (!/^\d+$/.test(name)) continue;
    count += 1;
    if (count % slice === 0) await breathe();
    yield Number(name);
  }
}

function readProcessFile(pid: number, name: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return undefined; // It has ended, or is another user's.
  }
}
