import { networkInterfaces } from 'node:os';

type Interfaces = ReturnType<typeof networkInterfaces>;

/** Remembers whether this replica can be reached from elsewhere now. The function returned says whether that has been lost. */
export function watchNetwork(look: () => Interfaces = networkInterfaces): () => boolean {
  const before = hasNetwork(look());
  return () => before && !hasNetwork(look());
}

/** Whether there is an address other than those of loopback. */
export function hasNetwork(interfaces: Interfaces): boolean {
  return Object.values(interfaces).some((addresses) => addresses?.some(({ address }) => !isLoopback(address)));
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}
