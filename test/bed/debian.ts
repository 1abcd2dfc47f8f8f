import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder, unfinishedName, type Versions } from './cache.ts';
import { run, succeeds } from './program.ts';

export type Suite = 'bookworm' | 'sid';
export type DebianArchitecture = 'amd64' | 'arm64' | 'armhf';

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
const allArchitectures: readonly DebianArchitecture[] = ['amd64', 'arm64', 'armhf'];

/** Debian's name of this machine's architecture; undefined where the bed has no packages for it. */
export function ownArchitecture(): 'amd64' | 'arm64' | undefined {
  if (process.arch === 'x64') return 'amd64';
  return process.arch === 'arm64' ? 'arm64' : undefined;
}

/** Why Debian packages cannot be unpacked here; undefined when they can. */
export async function debianReason(): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'needs Linux';
  if (ownArchitecture() === undefined) return `no Debian packages are known for the processor ${process.arch}`;
  if (!(await succeeds('apt-get', ['--version']).catch(() => false))) return 'needs apt-get';
  if (!existsSync(keyring)) return `needs Debian's keys (${keyring}, package debian-archive-keyring)`;
  return undefined;
}

/**
 * Debian's package archive, read with an apt state of its own: nothing is installed and the machine's apt is not touched.
 * The indexes are fetched once, when the first package of a suite is asked for. `close` forgets them.
 */
export class Archives {
  readonly #states = new Map<Suite, Promise<string>>();
  readonly #signal: AbortSignal | undefined;

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
  }

  /**
   * Downloads packages (`name` or `name:architecture`) and unpacks them into a folder. Dependencies are the caller's list.
   * Returns the versions, `name:architecture` to version. Throws apt's own message.
   */
  async unpack(suite: Suite, packages: readonly string[], into: string): Promise<Versions> {
    const state = await this.#state(suite);
    const downloads = await mkdtemp(join(state, 'download-'));
    await run('apt-get', ['download', '--', ...packages], {
      cwd: downloads,
      environment: environmentOf(state),
      timeout: 600_000,
      signal: this.#signal,
    });
    await mkdir(into, { recursive: true });
    const versions: Record<string, string> = {};
    for (const file of (await readdir(downloads)).sort()) {
      const [, name, version, architecture] = /^(.+?)_(.+)_(.+?)\.deb$/.exec(file) ?? [];
      if (name === undefined || version === undefined || architecture === undefined) continue;
      await run('dpkg', ['-x', join(downloads, file), into], { timeout: 300_000, signal: this.#signal });
      versions[`${name}:${architecture}`] = `${decodeURIComponent(version)} (${suite})`;
    }
    await rm(downloads, { recursive: true, force: true });
    if (Object.keys(versions).length !== packages.length)
      throw new Error(`Debian ${suite} gave ${Object.keys(versions).join(' ')} for ${packages.join(' ')}`);
    return versions;
  }

  async close(): Promise<void> {
    for (const state of this.#states.values()) {
      const folder = await state.catch(() => undefined);
      if (folder !== undefined) await rm(folder, { recursive: true, force: true });
    }
    this.#states.clear();
  }

  #state(suite: Suite): Promise<string> {
    const known = this.#states.get(suite);
    if (known !== undefined) return known;
    const made = makeState(suite, this.#signal);
    this.#states.set(suite, made);
    return made;
  }
}

function environmentOf(state: string): Record<string, string> {
  return { APT_CONFIG: join(state, 'apt.conf'), LC_ALL: 'C' };
}

async function makeState(suite: Suite, signal: AbortSignal | undefined): Promise<string> {
  const folder = await unfinishedName(join(cacheFolder(), `apt-${suite}`));
  try {
    await fillState(folder, suite, signal);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  return folder;
}

async function fillState(folder: string, suite: Suite, signal: AbortSignal | undefined): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  for (const part of ['state/lists/partial', 'cache/archives/partial'])
    await mkdir(join(folder, part), { recursive: true });
  const own = ownArchitecture() ?? 'amd64';
  const architectures = suite === 'sid' ? [own] : [own, ...allArchitectures.filter((name) => name !== own)];
  const mirror = process.env['BANTAM_BED_DEBIAN'] || 'http://deb.debian.org/debian';
  await writeFile(
    join(folder, 'sources.list'),
    `deb [signed-by=${keyring} arch=${architectures.join(',')}] ${mirror} ${suite} main\n`,
  );
  await writeFile(join(folder, 'state/status'), '');
  await writeFile(join(folder, 'apt.conf'), aptConfiguration(folder, architectures, await machineProxies()), {
    mode: 0o600,
  });
  await run('apt-get', ['update', '-q'], { environment: environmentOf(folder), timeout: 300_000, signal });
}

/** How this machine's apt reaches the network (proxy, certificates) and how old an index it takes, as lines of apt.conf. */
async function machineProxies(): Promise<string[]> {
  const dump = await run('apt-config', ['dump', '--format', '%F "%v";%n', 'Acquire']);
  return dump.split('\n').filter((line) => /^Acquire::(https?::|Check-Valid-Until |Check-Date )/.test(line));
}

function aptConfiguration(folder: string, architectures: readonly string[], proxies: readonly string[]): string {
  const quoted = (value: string): string => JSON.stringify(value);
  return [
    // This file is read first, and these two keep apt from reading the machine's: its hooks would touch the machine's cache.
    'Dir::Etc::parts "/dev/null";',
    'Dir::Etc::main "/dev/null";',
    ...proxies,
    `Dir::State ${quoted(join(folder, 'state'))};`,
    `Dir::State::status ${quoted(join(folder, 'state/status'))};`,
    `Dir::Cache ${quoted(join(folder, 'cache'))};`,
    `Dir::Etc::sourcelist ${quoted(join(folder, 'sources.list'))};`,
    'Dir::Etc::sourceparts "/dev/null";',
    'Dir::Etc::preferences "/dev/null";',
    'Dir::Etc::preferencesparts "/dev/null";',
    // Downloads go to folders of this user; apt's own user could not write there.
    'APT::Sandbox::User "";',
    `APT::Architecture ${quoted(architectures[0] ?? 'amd64')};`,
    `APT::Architectures { ${architectures.map((name) => `${quoted(name)};`).join(' ')} };`,
    'Acquire::Languages "none";',
    'Acquire::Retries "3";',
    '',
  ].join('\n');
}
