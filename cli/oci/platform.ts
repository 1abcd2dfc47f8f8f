import { UserError } from '../errors.ts';

/** What an image is built for, as in an OCI index: `os/arch[/variant]` in Go's names (image-spec, image-index.md, `platform`). */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

/** The platforms a function is built for when nothing else is said: a PC, a 64-bit Pi, a 32-bit Pi. */
export const defaultPlatforms: readonly Platform[] = [
  { os: 'linux', architecture: 'amd64' },
  { os: 'linux', architecture: 'arm64' },
  { os: 'linux', architecture: 'arm', variant: 'v7' },
];

/** Reads `linux/arm/v7`, `linux/arm64/v8`, `arm/v6`, `arm64`, `armhf`, `aarch64`, … and normalises it as containerd does (arm64/v8 → arm64, arm → arm/v7). Throws BAN-E209. */
export function parsePlatform(text: string): Platform {
  const parts = text.trim().toLowerCase().split('/');
  const [os = '', machine = '', variant, ...more] = parts[0] === 'linux' ? parts : ['linux', ...parts];
  const alias = aliases[machine];
  const architecture = alias?.architecture ?? machine;
  const strangeVariant = variant !== undefined && !/^v?\d{1,2}(?:\.\d{1,2})?$/.test(variant);
  if (more.length > 0 || !architectures.has(architecture) || strangeVariant) {
    throw new UserError('BAN-E209', `"${text}" is no platform that bantam can build for`, {
      hint: 'name platforms as linux/amd64, linux/arm64, linux/arm/v7 or linux/arm/v6, several with commas',
    });
  }
  return normalisePlatform({
    os,
    architecture,
    ...(variant ? { variant } : alias?.variant ? { variant: alias.variant } : {}),
  });
}

/**
 * The one spelling of a platform, as containerd compares them (containerd/platforms, `Normalize`): lower case, `aarch64` and the like under
 * Go's name, no operating system is linux, arm64 has no variant (v8 is implied), amd64 drops v1, a bare arm is v7.
 */
export function normalisePlatform(platform: Platform): Platform {
  const os = normaliseSystem(platform.os.toLowerCase());
  const machine = platform.architecture.toLowerCase();
  const said = platform.variant?.toLowerCase() ?? '';
  const known = spellings[machine];
  const architecture = known?.architecture ?? machine;
  const variant = normaliseVariant(architecture, known?.variant ?? said);
  return variant === '' ? { os, architecture } : { os, architecture, variant };
}

function normaliseSystem(os: string): string {
  return os === '' ? 'linux' : os === 'macos' ? 'darwin' : os;
}

function normaliseVariant(architecture: string, variant: string): string {
  switch (architecture) {
    case 'arm':
      return variant === '' ? 'v7' : /^[5-8]$/.test(variant) ? `v${variant}` : variant;
    case 'arm64':
      return ['8', 'v8', 'v8.0'].includes(variant) ? '' : ['9', '9.0', 'v9.0'].includes(variant) ? 'v9' : variant;
    case 'amd64':
      return variant === 'v1' ? '' : variant;
    default:
      return variant;
  }
}

/** `linux/arm/v7`. */
export function formatPlatform(platform: Platform): string {
  return [platform.os, platform.architecture, platform.variant]
    .filter((part) => part !== undefined && part !== '')
    .join('/');
}

/** Whether two platforms are the same after normalising. */
export function samePlatform(left: Platform, right: Platform): boolean {
  const one = normalisePlatform(left);
  const other = normalisePlatform(right);
  return one.os === other.os && one.architecture === other.architecture && one.variant === other.variant;
}

const architectures = new Set(['amd64', 'arm64', 'arm', '386', 'riscv64', 'ppc64le', 's390x', 'loong64']);

/** Other names of machines that containerd understands; a variant here replaces the one that was given. */
const spellings: Readonly<Record<string, { architecture: string; variant?: string }>> = {
  x86_64: { architecture: 'amd64' },
  'x86-64': { architecture: 'amd64' },
  aarch64: { architecture: 'arm64' },
  i386: { architecture: '386', variant: '' },
  armhf: { architecture: 'arm', variant: 'v7' },
  armel: { architecture: 'arm', variant: 'v6' },
};

/** What users may write besides. */
const aliases: Readonly<Record<string, { architecture: string; variant?: string }>> = {
  ...spellings,
  armv7: { architecture: 'arm', variant: 'v7' },
  armv7l: { architecture: 'arm', variant: 'v7' },
  armv6: { architecture: 'arm', variant: 'v6' },
  armv6l: { architecture: 'arm', variant: 'v6' },
};

/** Every name of a machine that {@link parsePlatform} takes, in lower case. */
export const machineNames: readonly string[] = [...architectures, ...Object.keys(aliases)];
