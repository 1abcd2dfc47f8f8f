import { delimiter, join } from 'node:path';
import { cached } from '../../bed/cache.ts';
import { Archives, debianReason, ownArchitecture } from '../../bed/debian.ts';
import { reasonOf, run, succeeds } from '../../bed/program.ts';

const vegeta = { module: 'github.com/tsenart/vegeta/v12', version: 'v12.13.0' } as const;
const wrkPackages = ['wrk', 'libluajit-5.1-2', 'libssl3'] as const;

/** A load generator that can be run. */
export interface Generator {
  readonly program: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly version: string;
}

/** Something the bench cannot have on this machine. */
export interface Missing {
  readonly missing: string;
}

export function isMissing(thing: object): thing is Missing {
  return 'missing' in thing;
}

/** The value, or the reason why there is none. An abort is thrown. */
export async function orMissing<T extends object>(
  make: () => Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T | Missing> {
  try {
    return await make();
  } catch (error) {
    signal?.throwIfAborted();
    return { missing: reasonOf(error) };
  }
}

/** wrk, for requests as fast as they are answered: that of PATH, else Debian's, unpacked into the cache. */
export async function provideWrk(report: (line: string) => void, signal: AbortSignal | undefined): Promise<Generator> {
  // `wrk --version` prints its version and its usage, and ends with 1.
  if (await succeeds('sh', ['-c', 'command -v wrk'], { signal }))
    return { program: 'wrk', environment: {}, version: 'wrk of PATH' };
  const reason = await debianReason();
  if (reason !== undefined) throw new Error(`there is no wrk on PATH, and Debian's cannot be unpacked: ${reason}`);
  const recipe = { packages: wrkPackages, suite: 'bookworm', architecture: ownArchitecture() };
  const { folder, versions } = await cached('bench-wrk', recipe, async (target) => {
    report('downloading wrk (Debian)');
    const archives = new Archives(signal);
    try {
      return await archives.unpack('bookworm', wrkPackages, target);
    } finally {
      await archives.close();
    }
  });
  const triplet = process.arch === 'x64' ? 'x86_64-linux-gnu' : 'aarch64-linux-gnu';
  const libraries = [join(folder, 'usr/lib', triplet), join(folder, 'lib', triplet)].join(delimiter);
  const version = Object.entries(versions).find(([name]) => name.startsWith('wrk:'))?.[1] ?? '';
  return {
    program: join(folder, 'usr/bin/wrk'),
    environment: { LD_LIBRARY_PATH: libraries },
    version: `wrk ${version}`,
  };
}

/** vegeta, for requests at a fixed rate: a pinned version, compiled into the cache. */
export async function provideVegeta(
  report: (line: string) => void,
  signal: AbortSignal | undefined,
): Promise<Generator> {
  const { folder } = await cached('bench-vegeta', { ...vegeta, platform: process.arch }, async (target) => {
    const go = await run('go', ['version'], { signal }).catch((error: unknown) => {
      signal?.throwIfAborted();
      throw new Error('vegeta needs Go to be compiled, and there is no go on PATH', { cause: error });
    });
    report(`compiling vegeta ${vegeta.version}`);
    await run('nice', ['go', 'install', `${vegeta.module}@${vegeta.version}`], {
      environment: { GOBIN: target, GOFLAGS: '', GOWORK: 'off', CGO_ENABLED: '0' },
      timeout: 600_000,
      signal,
    });
    return { vegeta: vegeta.version, go };
  });
  return { program: join(folder, 'vegeta'), environment: {}, version: `vegeta ${vegeta.version}` };
}
