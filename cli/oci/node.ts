import { normalisePlatform, type Platform, samePlatform } from './platform.ts';

/** A machine of the cluster, as far as it decides what runs there: what its container runtime asks for and what its kernel starts. */
export interface Node {
  /** What users call this kind: `pi5`. */
  readonly name: string;
  /** One sentence for people: which machines these are. */
  readonly about: string;
  /** What containerd asks an index for first; it falls back from there, see `platformsTaken`. */
  readonly asks: Platform;
  /** Machine code its kernel starts, by the names of Go (GOARCH); `unknown` where that is a setting of the kernel, absent where it cannot. */
  readonly executes: Readonly<Record<string, 'yes' | 'unknown'>>;
  /** Newest 32-bit ARM instructions (5 to 8), if it executes any. */
  readonly armVersion?: number;
  /** x86-64 level (1 to 4) that all such machines have, if it executes any. */
  readonly x86Level?: number;
  /** Memory page in bytes. */
  readonly pageSize: number | 'unknown';
  /** For a machine of which only this much is known: it is one of these. The other fields are then those of the first. */
  readonly oneOf?: readonly Node[];
}

const kibibyte = 1024;

const amd64: Node = {
  name: 'amd64',
  about: 'a PC or server with x86-64, not older than about 2010',
  asks: { os: 'linux', architecture: 'amd64' },
  // IA32_EMULATION: on in most distributions, off in some (and by ia32_emulation=0).
  executes: { amd64: 'yes', '386': 'unknown' },
  x86Level: 2,
  pageSize: 4 * kibibyte,
};

const arm64: Node = {
  name: 'arm64',
  about:
    'a Pi 3, 4, Zero 2 W (or a Pi 5 with kernel8.img) under a 64-bit system: memory pages of 4 KiB, runs 32-bit ARM too',
  asks: { os: 'linux', architecture: 'arm64' },
  executes: { arm64: 'yes', arm: 'yes' },
  armVersion: 8,
  pageSize: 4 * kibibyte,
};

const pi5: Node = {
  name: 'pi5',
  about: 'a Pi 5, 500 or CM5 with its usual kernel (kernel_2712.img): memory pages of 16 KiB',
  asks: { os: 'linux', architecture: 'arm64' },
  // bcm2712_defconfig: ARM64_16K_PAGES and COMPAT; of 32-bit programs it starts those whose segments fit its pages.
  executes: { arm64: 'yes', arm: 'yes' },
  armVersion: 8,
  pageSize: 16 * kibibyte,
};

const arm64Server: Node = {
  name: 'arm64-server',
  about: 'a 64-bit ARM machine without 32-bit mode (newer cloud servers, virtual machines on Apple silicon)',
  asks: { os: 'linux', architecture: 'arm64' },
  executes: { arm64: 'yes' },
  // 4 KiB mostly; some systems for servers have kernels with 64 KiB.
  pageSize: 'unknown',
};

const armv7: Node = {
  name: 'armv7',
  about: 'a Pi 2, 3 or 4 with a 32-bit kernel',
  asks: { os: 'linux', architecture: 'arm', variant: 'v7' },
  executes: { arm: 'yes' },
  armVersion: 7,
  pageSize: 4 * kibibyte,
};

const armv6: Node = {
  name: 'armv6',
  about: 'a Pi 1, Zero, Zero W or CM1',
  asks: { os: 'linux', architecture: 'arm', variant: 'v6' },
  executes: { arm: 'yes' },
  armVersion: 6,
  pageSize: 4 * kibibyte,
};

const armOnArm64: Node = {
  name: 'arm-on-arm64',
  about:
    'a Pi 3, 4 or 5 under 32-bit Raspberry Pi OS with its usual 64-bit kernel: a 32-bit container runtime asks for 32-bit images',
  // The kernel says "CPU architecture: 8" to the 32-bit containerd, which takes that for arm/v8.
  asks: { os: 'linux', architecture: 'arm', variant: 'v8' },
  executes: { arm: 'yes', arm64: 'yes' },
  armVersion: 8,
  pageSize: 4 * kibibyte,
};

/** The seven kinds of node that bantam tells apart. */
export const nodeKinds: readonly Node[] = [amd64, arm64, pi5, arm64Server, armv7, armv6, armOnArm64];

/** A node that only says `arm`, as a kubelet does for every 32-bit system. */
export const anyArm: Node = {
  ...armv6,
  name: 'arm',
  about: 'a machine that only says it is 32-bit ARM',
  oneOf: [armv6, armv7, armOnArm64],
};

/** A node that only says `arm64`. */
export const anyArm64: Node = {
  ...arm64,
  name: 'any-arm64',
  about: 'a machine that only says it is 64-bit ARM',
  oneOf: [arm64, pi5, arm64Server],
};

/** The node of a name (`pi5`, `arm`, …); undefined if there is none. */
export function nodeNamed(name: string): Node | undefined {
  return [...nodeKinds, anyArm, anyArm64].find((node) => node.name === name);
}

/**
 * The node that an image's platform is made for: `linux/arm/v7` → armv7, `linux/arm64` → arm64. For a platform that is none of the seven kinds
 * a node that asks for just this platform and executes just its machine code.
 */
export function nodeOf(platform: Platform): Node {
  const asks = normalisePlatform(platform);
  const { os, architecture, variant } = asks;
  const version = Number(/^v([5-9])$/.exec(variant ?? '')?.[1] ?? Number.NaN);
  const kind = nodeKinds.find(({ asks: own }) => own.os === os && own.architecture === architecture);
  const base: Node = { ...(kind ?? bare), name: [architecture, variant].filter(Boolean).join('/'), asks };
  if (architecture === 'arm')
    return nodeKinds.find(({ asks: own }) => samePlatform(own, asks)) ?? { ...base, armVersion: version };
  if (kind === undefined)
    return { ...base, about: `a machine of ${os}/${base.name}`, executes: { [architecture]: 'yes' } };
  if (architecture === 'amd64' && variant !== undefined)
    return { ...base, x86Level: Number(/^v([1-4])$/.exec(variant)?.[1] ?? 1) };
  return variant === undefined ? kind : base;
}

const bare: Node = { name: '', about: '', asks: { os: 'linux', architecture: '' }, executes: {}, pageSize: 'unknown' };
