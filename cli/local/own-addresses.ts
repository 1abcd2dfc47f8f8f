import type { IncomingMessage } from 'node:http';
import { hostname, networkInterfaces } from 'node:os';

/** Whether a request came over loopback: from a program of this machine, to an address of its own. */
export function isFromHere({ socket }: Pick<IncomingMessage, 'socket'>): boolean {
  return isLoopback(socket.remoteAddress) && isLoopback(socket.localAddress);
}

/** Names and addresses by which others may call a gateway that listens at `address`; for the `Host` header, in lower case. */
export function hostsOf(address: string): readonly string[] {
  if (!isWildcard(address)) return [address.includes(':') ? `[${address}]` : address.toLowerCase(), ...ownNames()];
  const own = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  return [
    ...own.map((each) => (each.family === 'IPv6' ? `[${each.address.replace(/%.*/, '')}]` : each.address)),
    ...ownNames(),
  ];
}

/** All names of an embedded registry at `127.0.0.1:8585` whose gateway listens at `address`, too, if it was told so. */
export function registryNames(registry: string, address: string | undefined): readonly string[] {
  const port = registry.slice(registry.lastIndexOf(':'));
  const hosts = ['127.0.0.1', 'localhost', ...(address === undefined ? [] : hostsOf(address))];
  return hosts.map((host) => `${host}${port}`);
}

/** Whether an address means all of this machine: one listener there serves loopback, too. */
export function isWildcard(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}

function ownNames(): readonly string[] {
  const name = hostname().toLowerCase();
  return name.includes('.') ? [name] : [name, `${name}.local`, `${name}.lan`];
}

function isLoopback(address: string | undefined): boolean {
  return address === '::1' || /^(?:::ffff:)?127\./.test(address ?? '');
}
