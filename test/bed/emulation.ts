import { existsSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from './cache.ts';
import { debianReason, ownArchitecture } from './debian.ts';
import { lockFile, withLock } from './lock.ts';
import { isAlive, markOf } from './processes.ts';
import { run as runProgram } from './program.ts';
import { readState, runFolder, type State, writeState } from './state.ts';
import type { Work } from './work.ts';

const binfmt = '/proc/sys/fs/binfmt_misc';

/** QEMU's name of a processor, as the kernel's handlers are called after it. */
export type Foreign = 'aarch64' | 'arm';

interface Handler {
  readonly name: string;
  readonly enabled: boolean;
  readonly interpreter: string;
  readonly flags: string;
}

async function readHandlers(): Promise<Handler[]> {
  const names = await readdir(binfmt).catch(() => []);
  const handlers: Handler[] = [];
  for (const name of names) {
    if (name === 'register' || name === 'status') continue;
    const text = await readFile(join(binfmt, name), 'utf8');
    const field = (pattern: RegExp): string => pattern.exec(text)?.[1] ?? '';
    handlers.push({
      name,
      enabled: text.startsWith('enabled'),
      interpreter: field(/^interpreter (.*)$/m),
      flags: field(/^flags: *(.*)$/m),
    });
  }
  return handlers;
}

/** Why the kernel's handlers may not be changed here; undefined when they may. The switch is machine-wide, hence the consent. */
export function switchReason(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux';
  if (process.getuid?.() !== 0) return 'changing the binfmt handlers needs root';
  if (process.env['CI'] !== 'true' && process.env['BANTAM_BED'] !== '1')
    return 'changing the binfmt handlers of this machine needs CI=true or BANTAM_BED=1';
  return undefined;
}

/** Sees to it that programs of a foreign processor run here, also inside containers. Returns how; throws the reason why not. */
export async function provideEmulation(work: Work, foreign: Foreign): Promise<string> {
  if (foreign === 'aarch64' && process.arch === 'arm64') return 'native';
  const present = (await readHandlers()).find(({ name }) => name === `qemu-${foreign}`);
  if (present !== undefined) {
    // Without F the kernel looks for the interpreter inside the container, where it is not.
    if (!present.flags.includes('F'))
      throw new Error(`the machine's handler ${present.name} lacks the flag F, so it does not work in containers`);
    if (present.enabled) return `the machine's (${present.interpreter})`;
  }
  const reason = switchReason() ?? (present === undefined ? await debianReason() : undefined);
  if (reason !== undefined) throw new Error(reason);
  if (present !== undefined) {
    work.report(`switching on the machine's handler ${present.name}; switched off again at the end`);
    work.state.handlers.push({ name: present.name, change: 'switched', was: '0' });
    writeState(work.run, work.state);
    await writeFile(join(binfmt, present.name), '1');
    return `the machine's (${present.interpreter})`;
  }
  return registerHandler(work, foreign);
}

async function registerHandler(work: Work, foreign: Foreign): Promise<string> {
  const { folder, versions } = await unpackQemu(work);
  if (!existsSync(join(binfmt, 'register'))) {
    work.report(`mounting ${binfmt}`);
    work.state.mounted = true;
    writeState(work.run, work.state);
    await runProgram('mount', ['-t', 'binfmt_misc', 'binfmt_misc', binfmt]);
  }
  const name = `qemu-${foreign}`;
  work.report(`registering the binfmt handler ${name} (machine-wide); removed at the end`);
  work.state.handlers.push({ name, change: 'registered', was: '1' });
  writeState(work.run, work.state);
  const description = await readFile(join(folder, `usr/share/binfmts/${name}`), 'utf8');
  const field = (key: string): string => new RegExp(`^${key} (.*)$`, 'm').exec(description)?.[1] ?? '';
  // The program's name ends in -P: by it QEMU knows that the kernel keeps argv[0] (flag P), as Debian has it.
  const interpreter = join(folder, `usr/libexec/qemu-binfmt/${foreign}-binfmt-P`);
  await writeFile(join(binfmt, 'register'), `:${name}:M:0:${field('magic')}:${field('mask')}:${interpreter}:PF`);
  return Object.values(versions).join(' ');
}

async function unpackQemu(work: Work) {
  const packages = ['qemu-user-static'] as const;
  const programs: readonly Foreign[] = ['aarch64', 'arm'];
  return cached('qemu', { packages, programs, architecture: ownArchitecture() }, async (folder) => {
    work.report('downloading QEMU from Debian');
    const versions = await work.archives.unpack('bookworm', packages, folder);
    const kept = programs.map((program) => `qemu-${program}-static`);
    for (const name of await readdir(join(folder, 'usr/bin')))
      if (!kept.includes(name)) await rm(join(folder, 'usr/bin', name));
    return versions;
  });
}

/** Takes back what the bed did to the handlers, in reverse order. Fine with what is gone already. */
export async function restoreHandlers(state: State): Promise<void> {
  for (const { name, change, was } of [...state.handlers].reverse()) {
    const file = join(binfmt, name);
    if (existsSync(file)) await writeFile(file, change === 'registered' ? '-1' : was);
  }
  if (state.mounted && existsSync(join(binfmt, 'register'))) await runProgram('umount', [binfmt]);
}

/**
 * Runs `work` while no foreign processor is emulated on this whole machine, then restores every handler. For tests that must run alone.
 * Throws the reason where the handlers may not be changed: ask `switchReason` first and skip.
 */
export async function withoutEmulation<T>(work: () => Promise<T>): Promise<T> {
  const reason = switchReason();
  if (reason !== undefined) throw new Error(reason);
  const on = (await readHandlers()).filter(({ name, enabled }) => enabled && name.startsWith('qemu-'));
  const by = await markOf(process.pid);
  const notes = on.map(({ name }) => ({ name, change: 'switched' as const, was: '1' as const, by }));
  // Should this process be killed meanwhile, the next one that opens or stops the bed restores them.
  await editHandlers((handlers) => [...handlers, ...notes]);
  try {
    for (const { name } of on) await writeFile(join(binfmt, name), '0');
    return await work();
  } finally {
    for (const { name } of on) await writeFile(join(binfmt, name), '1');
    await editHandlers((handlers) =>
      handlers.filter((handler) => handler.by?.pid !== by.pid || handler.by.start !== by.start),
    );
  }
}

/** Restores what processes that died inside `withoutEmulation` left switched off, and returns the notes that still hold. */
export async function restoreAbandonedHandlers(state: State): Promise<State['handlers']> {
  const holding: State['handlers'] = [];
  for (const handler of state.handlers) {
    const file = join(binfmt, handler.name);
    if (handler.by === undefined || (await isAlive(handler.by))) holding.push(handler);
    else if (existsSync(file)) await writeFile(file, handler.was);
  }
  return holding;
}

async function editHandlers(edit: (handlers: State['handlers']) => State['handlers']): Promise<void> {
  const run = runFolder();
  await withLock(lockFile(), {}, async () => {
    const state = readState(run);
    if (state !== undefined) writeState(run, { ...state, handlers: edit(state.handlers) });
  });
}
