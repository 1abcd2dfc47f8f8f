import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import { cacheFolder } from './cache.ts';
import { partSchema } from './parts.ts';

const markSchema = v.object({ pid: v.number(), start: v.string() });

const hostSchema = v.object({
  links: v.array(v.string()),
  rules: v.string(),
  forwarding: v.string(),
  folders: v.array(v.string()),
});

const handlerSchema = v.object({
  name: v.string(),
  /** `registered`: not there before. `switched`: there, and `was` is its state. */
  change: v.picklist(['registered', 'switched']),
  was: v.picklist(['0', '1']),
  /** The process that switched it for a while; when that dies, the handler goes back to what it was. */
  by: v.optional(markSchema),
});

const stateSchema = v.object({
  /** The kernel's boot id: after a restart of the machine nothing of the bed lives, whatever is written here. */
  boot: v.string(),
  /** Who uses the bed; the last one stops it. */
  owners: v.array(v.object({ id: v.string(), mark: markSchema })),
  /** Stays up without owners. */
  kept: v.boolean(),
  processes: v.array(v.object({ name: v.string(), mark: markSchema })),
  parts: v.array(partSchema),
  environment: v.record(v.string(), v.string()),
  /** The unpacked engine, when the bed runs one of its own. */
  engine: v.optional(v.string()),
  registry: v.optional(v.string()),
  basesRegistry: v.optional(v.string()),
  /** What the host looked like before the engine was started. */
  host: v.optional(hostSchema),
  handlers: v.array(handlerSchema),
  /** Whether the bed mounted binfmt_misc. */
  mounted: v.boolean(),
});

/** What a bed has started and changed, written before each step, so that whoever comes next can undo it. */
export type State = v.InferOutput<typeof stateSchema>;
export type HostBefore = v.InferOutput<typeof hostSchema>;

/** Folder of the one bed of this cache: sockets, pid files, logs, the engine's data. */
export function runFolder(): string {
  return join(cacheFolder(), 'run');
}

function stateFile(run: string): string {
  return join(run, 'state.json');
}

export async function bootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')).trim();
}

export async function newState(): Promise<State> {
  return {
    boot: await bootId(),
    owners: [],
    kept: false,
    processes: [],
    parts: [],
    environment: {},
    handlers: [],
    mounted: false,
  };
}

/** The state of the bed in this run folder; undefined when there is none or it cannot be read (`findStrays` then finds what runs). */
export function readState(run: string): State | undefined {
  try {
    return v.parse(stateSchema, JSON.parse(readFileSync(stateFile(run), 'utf8')));
  } catch {
    return undefined;
  }
}

/** Writes the state whole. Synchronous: nothing of this process may come between a change of the host and its record. */
export function writeState(run: string, state: State): void {
  const file = stateFile(run);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, JSON.stringify(state, undefined, 2));
  renameSync(`${file}.new`, file);
}
