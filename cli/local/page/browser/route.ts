/** Where in the page the reader is; in the address as `#/` and `#/functions/NAME`. */
export type PageRoute = { readonly kind: 'overview' } | { readonly kind: 'function'; readonly name: string };

/** Reads the part of an address that begins with `#`; anything unknown is the overview. */
export function readRoute(hash: string): PageRoute {
  const written = /^#\/functions\/([^/]+)$/.exec(hash)?.[1];
  if (written === undefined) return { kind: 'overview' };
  try {
    return { kind: 'function', name: decodeURIComponent(written) };
  } catch {
    return { kind: 'overview' };
  }
}

export function addressOf(route: PageRoute): string {
  return route.kind === 'overview' ? '#/' : `#/functions/${encodeURIComponent(route.name)}`;
}
