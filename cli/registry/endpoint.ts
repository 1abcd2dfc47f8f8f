import { UserError } from '../errors.ts';

/** Where a registry is reached: an origin without a slash at the end, e.g. `http://192.168.1.5:5000`. */
export interface Endpoint {
  readonly origin: string;
  /** Plain http by rule (loopback, private network, named by the user), not because https failed. */
  readonly insecure: boolean;
}

/**
 * The address rule: Docker Hub's API has a host of its own; plain http for loopback, private IPv4 networks (RFC 1918), `*.local`
 * and the hosts in `insecure` (`host` or `host:port`); https for everything else and, before all else, for the hosts in
 * `secure`. Nothing is ever downgraded because https fails.
 */
export function endpointOf(
  registry: string,
  insecure: readonly string[] = [],
  secure: readonly string[] = [],
): Endpoint {
  if (registry === 'docker.io') return { origin: 'https://registry-1.docker.io', insecure: false };
  const plain = !isNamed(registry, secure) && (isLocal(hostOf(registry)) || isNamed(registry, insecure));
  const origin = `${plain ? 'http' : 'https'}://${registry}`;
  if (!URL.canParse(origin)) throw new UserError('BAN-E305', `"${registry}" is no registry's address`);
  return { origin, insecure: plain };
}

/** Whether a registry is among names: `host` stands for all of its ports. */
export function isNamed(registry: string, names: readonly string[]): boolean {
  return names.some((name) => name === registry || name === hostOf(registry));
}

/** Splits the value of BANTAM_INSECURE_REGISTRIES or BANTAM_SECURE_REGISTRIES: hosts with commas or spaces between them. */
export function parseRegistryNames(value: string | undefined): string[] {
  return (value ?? '').split(/[\s,]+/).filter((name) => name !== '');
}

function hostOf(registry: string): string {
  return registry.replace(/:\d+$/, '').toLowerCase();
}

function isLocal(host: string): boolean {
  if (host === 'localhost' || host === '[::1]' || host.endsWith('.local') || host.endsWith('.localhost')) return true;
  const octets = /^(\d{1,3})\.(\d{1,3})\.\d{1,3}\.\d{1,3}$/.exec(host);
  if (octets === null) return false;
  const [first, second] = [Number(octets[1]), Number(octets[2])];
  return (
    first === 127 ||
    first === 10 ||
    (first === 192 && second === 168) ||
    (first === 172 && second >= 16 && second <= 31)
  );
}
