import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { cached } from './cache.ts';
import { debianReason, ownArchitecture } from './debian.ts';
import { endProcess, isAlive, lastLines, poll, startDaemon } from './processes.ts';
import { writeState } from './state.ts';
import type { Work } from './work.ts';

/** A program that serves a registry, and its arguments once folder and port are known. */
export interface RegistryProgram {
  readonly version: string;
  readonly program: string;
  readonly argv: (folder: string, port: number) => Promise<readonly string[]>;
}

/** Debian's docker-registry; where it cannot be unpacked, crane's own registry. Throws the reason when there is neither. */
export async function findRegistryProgram(work: Work, crane: () => Promise<string>): Promise<RegistryProgram> {
  const reason = await debianReason();
  if (reason === undefined) return unpackRegistry(work);
  const program = await crane().catch((error: unknown) => {
    throw new Error(`${reason}; and crane, which could stand in, is not there either`, { cause: error });
  });
  return {
    version: 'crane registry serve',
    program,
    argv: async (folder, port) => ['registry', 'serve', '--address', `127.0.0.1:${port}`, '--disk', folder],
  };
}

async function unpackRegistry(work: Work): Promise<RegistryProgram> {
  const packages = ['docker-registry'] as const;
  const { folder, versions } = await cached('registry', { packages, architecture: ownArchitecture() }, async (root) => {
    work.report('downloading docker-registry from Debian');
    return work.archives.unpack('bookworm', packages, root);
  });
  const program = join(folder, 'usr/bin/docker-registry');
  // For tests that want one with settings of their own.
  const link = join(work.run, 'bin/docker-registry');
  await rm(link, { force: true });
  await symlink(program, link);
  return {
    version: Object.values(versions).join(' '),
    program,
    argv: async (data, port) => {
      const configuration = join(work.run, `registry-${port}.json`);
      // YAML takes JSON as it is.
      const settings = {
        version: 0.1,
        log: { level: 'error', accesslog: { disabled: true } },
        storage: { filesystem: { rootdirectory: data }, delete: { enabled: true } },
        http: { addr: `127.0.0.1:${port}` },
      };
      await writeFile(configuration, JSON.stringify(settings));
      return ['serve', configuration];
    },
  };
}

/** Starts a registry over a folder and returns its address, `127.0.0.1:PORT`. `port` undefined: any free one. */
export async function startRegistry(
  work: Work,
  name: string,
  { program, argv }: RegistryProgram,
  folder: string,
  port?: number,
): Promise<string> {
  await mkdir(folder, { recursive: true });
  const log = join(work.run, `${name}.log`);
  // A free port may be taken by somebody else before the registry binds it: then once more with another one.
  for (let attempt = 1; ; attempt += 1) {
    const chosen = port ?? (await freePort());
    const address = `127.0.0.1:${chosen}`;
    const mark = await startDaemon(program, await argv(folder, chosen), { log, environment: {} });
    const daemon = { name, mark };
    work.state.processes.push(daemon);
    writeState(work.run, work.state);
    const up = async (): Promise<boolean> => (await registryAnswers(address)) || !(await isAlive(mark));
    await poll(up, { timeout: 20_000, signal: work.signal });
    // Alive too: what answers there could be somebody else's.
    if ((await isAlive(mark)) && (await registryAnswers(address))) return address;
    await endProcess(mark, 5_000);
    work.state.processes = work.state.processes.filter((other) => other !== daemon);
    if (attempt === 3 || port !== undefined) {
      throw new Error(`no registry comes up at ${address}; the end of its log: ${await lastLines(log)}`);
    }
  }
}

export async function registryAnswers(address: string): Promise<boolean> {
  const response = await fetch(`http://${address}/v2/`, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
  await response?.body?.cancel();
  return response?.ok === true;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (typeof address === 'object' && address !== null) resolve(address.port);
        else reject(new Error('no free port'));
      });
    });
  });
}
