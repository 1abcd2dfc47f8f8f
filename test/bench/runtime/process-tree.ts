import { readdir, readFile } from 'node:fs/promises';

/** What a process and all its descendants use. */
export interface Usage {
  /** Resident memory in bytes. */
  readonly memory: number;
  /** Seconds of processor time so far. */
  readonly processor: number;
}

interface Facts {
  readonly pid: number;
  readonly parent: number;
  readonly processor: number;
}

// Linux reports processor time to programs in hundredths of a second, whatever its own clock (proc(5), USER_HZ).
const ticksPerSecond = 100;

/** Reads a line of /proc/PID/stat. The program's name stands in parentheses and may hold spaces. */
export function parseStat(line: string): Facts & { readonly reaped: number } {
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const ticks = (first: number): number => Number(fields[first]) + Number(fields[first + 1]);
  return {
    pid: Number.parseInt(line, 10),
    parent: Number(fields[1]),
    processor: ticks(11) / ticksPerSecond,
    reaped: ticks(13) / ticksPerSecond,
  };
}

/** Adds up a process and its descendants. Throws when the process has ended. */
export async function usageOf(pid: number): Promise<Usage> {
  const all: Facts[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const line = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => undefined);
    if (line !== undefined) all.push(parseStat(line));
  }
  const tree = all.filter((facts) => facts.pid === pid);
  if (tree.length === 0) throw new Error(`process ${pid} has ended`);
  for (const known of tree) tree.push(...all.filter((facts) => facts.parent === known.pid));
  let memory = 0;
  for (const { pid: member } of tree) {
    const status = await readFile(`/proc/${member}/status`, 'utf8').catch(() => '');
    memory += Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
  }
  return { memory, processor: tree.reduce((sum, facts) => sum + facts.processor, 0) };
}

/** Seconds of processor time of this process's children that have ended. */
export async function reapedProcessorTime(): Promise<number> {
  return parseStat(await readFile('/proc/self/stat', 'utf8')).reaped;
}
