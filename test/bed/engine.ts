import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Cached, cached } from './cache.ts';
import { debianReason, ownArchitecture } from './debian.ts';
import type { NetworkTools } from './host.ts';
import { run } from './program.ts';
import type { Work } from './work.ts';

/** Sid's programs need only libc 2.34; its runc needs 2.38, so that one and everything around it is bookworm's. */
const fromSid = ['docker.io', 'docker-cli', 'containerd', 'docker-buildx'] as const;
const fromBookworm = [
  ...['runc', 'libseccomp2', 'tini', 'busybox-static'],
  ...[
    'iptables',
    'libip4tc2',
    'libip6tc2',
    'libmnl0',
    'libnetfilter-conntrack3',
    'libnfnetlink0',
    'libnftnl11',
    'libxtables12',
  ],
  ...['libsystemd0', 'libcap2', 'libgcrypt20', 'libgpg-error0', 'liblz4-1', 'liblzma5', 'libzstd1'],
] as const;

/** The version of the Docker Engine that answers in this environment; undefined when none does. */
export async function findMachineEngine(): Promise<string | undefined> {
  const version = await run('docker', ['info', '--format', '{{.ServerVersion}}'], { timeout: 15_000 }).catch(() => '');
  return /^\d/.test(version) ? version : undefined;
}

/** Why this machine cannot be given an engine; undefined when it can. */
export async function engineReason(): Promise<string | undefined> {
  const debian = await debianReason();
  if (debian !== undefined) return `no Docker Engine answers, and the bed's own ${debian}`;
  if (process.getuid?.() !== 0) return "no Docker Engine answers, and the bed's own needs root";
  return undefined;
}

/** The engine, its helpers and the docker command line, unpacked; nothing is installed. */
export async function unpackEngine(work: Work): Promise<Cached> {
  return cached('engine', { fromSid, fromBookworm, architecture: ownArchitecture(), layout: 1 }, async (folder) => {
    work.report('downloading Docker Engine, containerd, buildx, runc and iptables from Debian');
    const sid = await work.archives.unpack('sid', fromSid, join(folder, 'root'));
    const bookworm = await work.archives.unpack('bookworm', fromBookworm, join(folder, 'bookworm'));
    for (const root of ['root', 'bookworm'])
      await rm(join(folder, root, 'usr/share'), { recursive: true, force: true });
    const bin = join(folder, 'bin');
    await mkdir(bin);
    for (const name of ['iptables', 'ip6tables']) {
      for (const verb of ['', '-save', '-restore'])
        await symlink('../bookworm/usr/sbin/xtables-nft-multi', join(bin, `${name}${verb}`));
    }
    await symlink('../bookworm/usr/bin/tini-static', join(bin, 'docker-init'));
    await symlink('../bookworm/usr/sbin/runc', join(bin, 'runc'));
    return { ...sid, ...bookworm };
  });
}

/** For the engine and the programs it calls: the unpacked ones first, with their own libraries. */
export function engineEnvironment(engine: string): Record<string, string> {
  const triplet = ownArchitecture() === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
  const libraries = join(engine, 'bookworm/usr/lib', triplet);
  const machine = process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin';
  return {
    PATH: [join(engine, 'bin'), join(engine, 'root/usr/bin'), join(engine, 'root/usr/sbin'), machine].join(':'),
    LD_LIBRARY_PATH: [libraries, join(engine, 'bookworm/lib', triplet)].join(':'),
    XTABLES_LIBDIR: join(libraries, 'xtables'),
  };
}

export function networkTools(engine: string): NetworkTools {
  return {
    iptables: join(engine, 'bin/iptables'),
    busybox: join(engine, 'bookworm/bin/busybox'),
    environment: engineEnvironment(engine),
  };
}

/** What `docker buildx version` says. Throws when there is no buildx. */
export async function buildxVersion(docker: string, work: Work): Promise<string> {
  const line = await run(docker, ['buildx', 'version'], { environment: work.state.environment, signal: work.signal });
  return line.split(' ')[1] ?? line;
}

/** A configuration folder for the docker command line, with buildx as its plugin. */
export async function makeClientFolder(runFolder: string, engine: string): Promise<string> {
  const folder = join(runFolder, 'docker');
  const plugins = join(folder, 'cli-plugins');
  await mkdir(plugins, { recursive: true });
  await writeFile(join(folder, 'config.json'), '{}\n');
  await rm(join(plugins, 'docker-buildx'), { force: true });
  await symlink(join(engine, 'root/usr/libexec/docker/cli-plugins/docker-buildx'), join(plugins, 'docker-buildx'));
  return folder;
}
