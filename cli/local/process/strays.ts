import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { failedWith } from '../../errors.ts';
import { pause } from '../replicas/pause.ts';
import { startOf } from '../state/instance-file.ts';
import { readBoot } from './host.ts';
import { instanceVariable, replicaVariable } from './launch.ts';
import { familiesOf, type MarkedProcess, type ProcessEntry, readMarkedProcesses } from './process-table.ts';
import { removeTree } from './remove-tree.ts';

const recordSchema = v.object({
  instance: v.string(),
  pid: v.number(),
  started: v.string(),
  boot: v.optional(v.string()),
});

/** A started process as its file tells it, for whoever comes after a killed gateway. */
export type ProcessRecord = Readonly<v.InferOutput<typeof recordSchema>>;

const recordFile = 'process.json';
const instanceFile = 'instance';
const never = new AbortController().signal;

/** Where each replica has a folder of its own, below a provider's folder. */
export function replicasFolder(folder: string): string {
  return join(folder, 'replicas');
}

/** Says which gateway has the folder now: its processes carry that id in their environment. To be called before the first one starts. */
export async function writeOwner(folder: string, instance: string): Promise<void> {
  await mkdir(replicasFolder(folder), { recursive: true, mode: 0o700 });
  await writeFile(join(folder, instanceFile), `${instance}\n`, { mode: 0o600 });
}

/** Records a process in its replica's folder. */
export async function recordProcess(replicaFolder: string, instance: string, pid: number): Promise<void> {
  const started = startOf(pid);
  if (started === undefined || started === 'ended') return;
  const record: ProcessRecord = { instance, pid, started, boot: await readBoot() };
  await writeFile(join(replicaFolder, recordFile), JSON.stringify(record), { mode: 0o600 });
}

/**
 * Ends what earlier gateways of this folder left running, and removes their replicas' folders. Returns how many processes there were. They are known by
 * their environment, by number and start together, by their session, and by who started them: a stranger that got a number again is left alone.
 */
export async function removeStrays(folder: string): Promise<number> {
  const replicas = replicasFolder(folder);
  const names = await readdir(replicas).catch(() => []);
  const records = (await Promise.all(names.map((name) => readRecord(join(replicas, name))))).flat();
  const owner = (await readFile(join(folder, instanceFile), 'utf8').catch(() => '')).trim();
  const instances = new Set([owner, ...records.map(({ instance }) => instance)].filter((id) => id !== ''));
  const boot = await readBoot();
  const sessions = new Set(records.filter((record) => boot !== '' && record.boot === boot).map(({ pid }) => pid));
  const recorded = new Set(records.map(({ pid, started }) => `${pid} ${started}`));
  const ended = await endAll(async () => {
    const processes = await readMarkedProcesses(instanceVariable);
    const ours = processes.filter(
      ({ pid, started, session, environment }) =>
        instances.has(environment?.get(instanceVariable) ?? '') ||
        // One that has wiped its environment is still where it was started, or in its session: the system gives nobody the number of a session in use.
        recorded.has(`${pid} ${started}`) ||
        (sessions.has(session) && session !== pid),
    );
    return withFamilies(processes, ours);
  });
  for (const name of names) await removeTree(join(replicas, name));
  await rm(join(folder, instanceFile), { force: true });
  return ended;
}

/** The processes of a list and all that they started. */
function withFamilies<Entry extends ProcessEntry>(processes: readonly Entry[], of: readonly Entry[]): Iterable<Entry> {
  const familyOf = familiesOf(processes);
  return new Map(of.flatMap(({ pid }) => familyOf(pid)).map((each) => [each.pid, each])).values();
}

async function readRecord(replicaFolder: string): Promise<ProcessRecord[]> {
  const text = await readFile(join(replicaFolder, recordFile), 'utf8').catch(() => '');
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), recordSchema), text);
  return parsed.success ? [parsed.output] : [];
}

/** Finds and ends what is left of runs: what they started, wherever it went. Several runs that end together are looked for at once. */
export class Sweeper {
  readonly #instance: string;
  #running: Promise<unknown> = Promise.resolve();
  #next: Promise<readonly MarkedProcess[]> | undefined;

  constructor(instance: string) {
    this.#instance = instance;
  }

  /** A process and all that it started and that is still its own or its children's: to be asked before it is ended. */
  async family(leader: number): Promise<readonly ProcessEntry[]> {
    return familiesOf(await this.#look())(leader);
  }

  /**
   * To be called when the replica's own process has ended. `session`: the number that it had; `family`: what was known to be its own before.
   * Returns when nothing of it is left.
   */
  async sweep(replica: string, session: number, family: readonly ProcessEntry[]): Promise<void> {
    const known = new Set(family.map(({ pid, started }) => `${pid} ${started}`));
    await endAll(async () => {
      const processes = await this.#look();
      // Another process has that number by now: what is in its session is not ours.
      const isTaken = processes.some(({ pid }) => pid === session);
      const ours = processes.filter(
        ({ pid, started, environment, ...each }) =>
          known.has(`${pid} ${started}`) ||
          // One that has wiped its environment is still in its session.
          (!isTaken && each.session === session) ||
          (environment?.get(instanceVariable) === this.#instance && environment.get(replicaVariable) === replica),
      );
      return withFamilies(processes, ours);
    });
  }

  /** Everybody who asks while nobody looks yet gets the same look. */
  #look(): Promise<readonly MarkedProcess[]> {
    if (this.#next !== undefined) return this.#next;
    const look = this.#running.then(() => {
      this.#next = undefined;
      return readMarkedProcesses(instanceVariable);
    });
    this.#next = look;
    this.#running = look.catch(() => undefined);
    return look;
  }
}

/** How often is looked again: what is ended may have started something just before. */
const rounds = 50;

/** Kills what `find` finds until it finds nothing more. Returns how many there were. */
async function endAll(find: () => Promise<Iterable<{ pid: number; started: string }>>): Promise<number> {
  const seen = new Set<string>();
  for (let round = 0; round < rounds; round += 1) {
    const found = [...(await find())];
    if (found.length === 0) break;
    for (const { pid, started } of found) {
      seen.add(`${pid} ${started}`);
      if (pid !== process.pid && startOf(pid) === started) kill(pid);
    }
    await pause(Math.min(10 * (round + 1), 100), never);
  }
  return seen.size;
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // It has ended meanwhile, or has become another user's (a setuid program) and is out of our hands.
    if (!failedWith(error, 'ESRCH', 'EPERM')) throw error;
  }
}
