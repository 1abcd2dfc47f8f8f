import type { Node } from './node.ts';
import { formatPlatform, normalisePlatform, type Platform, samePlatform } from './platform.ts';
import { printable } from './printable.ts';
import type { ImageEntry, ReadImage } from './read-image.ts';

/**
 * What a node takes from an index, best first (containerd/platforms compare.go, `platformVector`): older versions of the same machine code,
 * then 32-bit ARM after arm64, and 386 after amd64.
 */
export function platformsTaken(asks: Platform): readonly Platform[] {
  const { os, architecture, variant = '' } = normalisePlatform(asks);
  const version = Number(/^v(\d{1,2})$/.exec(variant)?.[1] ?? Number.NaN);
  const older = (oldest: number, newest: number): Platform[] =>
    Array.from({ length: Math.max(0, newest - oldest + 1) }, (_, index) =>
      normalisePlatform({ os, architecture, variant: `v${newest - index}` }),
    );
  const own: Platform = variant === '' ? { os, architecture } : { os, architecture, variant };
  switch (architecture) {
    case 'amd64':
      return [own, ...older(1, version - 1), { os, architecture: '386' }];
    case 'arm':
      return [own, ...older(5, version - 1)];
    case 'arm64':
      return [...arm64Versions(os, variant), ...platformsTaken({ os, architecture: 'arm', variant: 'v8' })];
    default:
      return [own];
  }
}

/** v8.2 takes v8.1 and v8 too; v9.N takes v8.(N+5) and below. */
function arm64Versions(os: string, variant: string): Platform[] {
  const match = /^v(8|9)(?:\.(\d))?$/.exec(variant === '' ? 'v8' : variant);
  if (match === null) return [];
  const minor = Number(match[2] ?? 0);
  const steps = (major: number, newest: number) =>
    Array.from({ length: newest + 1 }, (_, index) => (newest === index ? `v${major}` : `v${major}.${newest - index}`));
  const versions = match[1] === '9' ? [...steps(9, minor), ...steps(8, Math.min(9, minor + 5))] : steps(8, minor);
  return versions.map((each) => normalisePlatform({ os, architecture: 'arm64', variant: each }));
}

/** Which entry of an image a node takes. `undecided`: that depends on an entry that was not read. */
export type Taken =
  | { readonly kind: 'entry'; readonly entry: ImageEntry }
  | { readonly kind: 'none' }
  | { readonly kind: 'undecided'; readonly entry: ImageEntry };

/**
 * The entry that containerd takes on a node (core/images, `Manifest`): a single manifest unasked; of an index the best that matches, of equal ones
 * the first, and one without a platform only if nothing matches by name, and then only the first of those, if its configuration matches.
 */
export function entryTaken(image: ReadImage, node: Node): Taken {
  const [only] = image.entries;
  if (!image.isIndex) return only === undefined ? { kind: 'none' } : { kind: 'entry', entry: only };
  const best = entryChosen(image.entries, node);
  if (best === undefined) return { kind: 'none' };
  const { content } = best;
  if (content.kind === 'index') return entryTaken({ isIndex: true, entries: content.entries }, node);
  if (best.platform !== undefined) return { kind: 'entry', entry: best };
  if (content.kind === 'unread') return { kind: 'undecided', entry: best };
  const fits = (platform: Platform) => platformsTaken(node.asks).some((each) => samePlatform(each, platform));
  return content.kind === 'image' && fits(content.config.platform) ? { kind: 'entry', entry: best } : { kind: 'none' };
}

/** The one entry of an index that a node looks at: what there is to know before any of them is read. */
export function entryChosen<
  Entry extends { readonly platform?: Platform | undefined; readonly osFeatures?: readonly string[] | undefined },
>(entries: readonly Entry[], node: Node): Entry | undefined {
  const order = platformsTaken(node.asks);
  const named = entries
    .map((entry) => {
      const { platform } = entry;
      return { entry, rank: platform === undefined ? -1 : order.findIndex((each) => samePlatform(each, platform)) };
    })
    .filter(({ entry, rank }) => rank >= 0 && (entry.osFeatures ?? []).length === 0)
    .sort((left, right) => left.rank - right.rank);
  return named[0]?.entry ?? entries.find(({ platform }) => platform === undefined);
}

/** The platforms that an image offers, for people: what the index names, attestations left out. */
export function platformsOffered(image: ReadImage): readonly string[] {
  return image.entries.flatMap(({ platform, content }) => {
    if (content.kind === 'index') return platformsOffered({ isIndex: true, entries: content.entries });
    const own = platform ?? (content.kind === 'image' ? content.config.platform : undefined);
    return own === undefined || own.os === 'unknown' || own.architecture === 'unknown'
      ? []
      : [printable(formatPlatform(normalisePlatform(own)))];
  });
}
