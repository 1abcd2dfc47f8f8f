import { readFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, release, setPriority } from 'node:os';
import { run, succeeds } from '../../bed/program.ts';

/** Where the two sides of a measurement run. Without cores nothing is pinned. */
export interface Machine {
  readonly serverCore: number | undefined;
  readonly generatorCore: number | undefined;
  readonly description: string;
}

/** The numbers of a list like that of Cpus_allowed_list in proc(5): `0-2,5`. */
export function parseCores(list: string): number[] {
  return list
    .trim()
    .split(',')
    .filter((part) => part !== '')
    .flatMap((part) => {
      const [first, last] = part.split('-').map(Number);
      if (first === undefined || Number.isNaN(first)) throw new Error(`no list of processor cores: ${list}`);
      return Array.from({ length: (last ?? first) - first + 1 }, (_, index) => first + index);
    });
}

/** Looks at the processor: the first two cores this process may use take server and generator. Needs Linux. */
export async function lookAtMachine(): Promise<Machine> {
  if (process.platform !== 'linux')
    throw new Error('this bench needs Linux: it reads memory and processor time in /proc');
  const status = await readFile('/proc/self/status', 'utf8');
  const cores = parseCores(/^Cpus_allowed_list:\s*(.+)$/m.exec(status)?.[1] ?? '0');
  const canPin = await succeeds('taskset', ['--version']).catch(() => false);
  const [first, second] = cores;
  const pinned = canPin && first !== undefined && second !== undefined;
  const model = cpus()[0]?.model.trim() ?? process.arch;
  const load = (loadavg()[0] ?? 0).toFixed(1);
  const where = pinned
    ? `server on core ${first}, generator on core ${second}`
    : 'nothing pinned (needs taskset and two cores)';
  return {
    serverCore: pinned ? first : undefined,
    generatorCore: pinned ? second : undefined,
    description: `${availableParallelism()} × ${model}, Linux ${release()}, load ${load} at the start; ${where}`,
  };
}

/** The program and arguments that run a command on one core. */
export function onCore(core: number | undefined, program: string, argv: readonly string[]): [string, string[]] {
  if (core === undefined) return [program, [...argv]];
  return ['taskset', ['-c', String(core), program, ...argv]];
}

/**
 * Takes this process off the server's core and, if it may, gives it and what it starts more weight than the machine's other
 * work. Says whether it may.
 */
export async function settleIn(machine: Machine, raise: boolean): Promise<boolean> {
  if (machine.generatorCore !== undefined)
    await run('taskset', ['-acp', String(machine.generatorCore), String(process.pid)]);
  if (!raise) return false;
  try {
    setPriority(-10);
    return true;
  } catch {
    // Only the superuser may; the bench then runs like everything else.
    return false;
  }
}
