import { Failure } from './failure.ts';

/** Registries that may be asked unless the environment variable `allowed_registries` says otherwise. */
const usual = ['docker.io', 'ghcr.io', 'gcr.io', 'quay.io', 'registry.k8s.io', 'public.ecr.aws', 'mcr.microsoft.com'];

/**
 * Callers choose which host this function connects to, from inside the cluster's network: so only to registries on a
 * list (`registry.lan:5000,ghcr.io`; `*`: any).
 */
export function requireAllowed(registry: string, allowed: string | undefined): void {
  const list = allowed ? allowed.split(',').map((name) => name.trim()) : usual;
  if (list.includes('*') || list.includes(registry)) return;
  const message = `${registry} is not among the registries that may be asked: ${list.join(', ')} (environment variable allowed_registries)`;
  throw new Failure(403, 'registry-not-allowed', message);
}

/** Plain http for this machine and the local network, https for the rest of the world. */
export function originOf(registry: string): string {
  if (registry === 'docker.io') return 'https://registry-1.docker.io';
  return `${isLocal(registry.replace(/:\d+$/, '')) ? 'http' : 'https'}://${registry}`;
}

/** Loopback, the private networks of RFC 1918, link-local addresses, `.local`, and names without a dot. */
export function isLocal(host: string): boolean {
  return (
    !host.includes('.') ||
    host.endsWith('.local') ||
    host.endsWith('.lan') ||
    /^(?:127|10|0)\.|^192\.168\.|^169\.254\.|^172\.(?:1[6-9]|2\d|3[01])\./.test(host)
  );
}

/**
 * Where a registry may send us, to its storage or to its token service: to itself, or to https hosts of the outside
 * world. A registry on the list must not become a way into the local network.
 */
export function requireHarmless(target: URL, origin: string): URL {
  if (target.origin === origin) return target;
  if (target.protocol === 'https:' && !isLocal(target.hostname) && !target.hostname.startsWith('[')) return target;
  throw new Failure(502, 'bad-redirect', `${origin} sends us to ${target.origin}, where we do not go`);
}
