import type { Catalogue, Repository } from './catalogue.ts';

/** What decides what is garbage. Times in milliseconds. */
export interface Marking {
  readonly catalogue: Catalogue;
  readonly now: number;
  /** How long a push may be silent without being given up. */
  readonly grace: number;
  /** Whether an unfinished upload of a repository is still alive. */
  readonly uploading: (repository: string) => boolean;
  /** Whether a push that is being answered needs a digest. */
  readonly needed: (digest: string) => boolean;
}

/** A blob that a repository does not need. */
export interface Garbage {
  readonly repository: string;
  readonly digest: string;
  readonly size: number;
}

/**
 * Marks what manifests refer to and lists the other blobs. A push sends blobs first and the manifest last, however long that takes, and skips
 * those that a HEAD finds: so the blobs of a repository stay while anything of a push is seen in it, and for the grace after that. `pressed`, when
 * there is no room left: only those stay that a push had to do with within the grace. One that takes longer may have to begin again, instead of failing for sure.
 */
export function markGarbage(
  { catalogue, now, grace, uploading, needed }: Marking,
  pressed: boolean = false,
): Garbage[] {
  const garbage: Garbage[] = [];
  for (const [name, repository] of catalogue.repositories) {
    if (!pressed && (now - repository.touched < grace || uploading(name))) continue;
    const wanted = referredBlobs(repository);
    for (const [digest, { size, touched }] of repository.blobs)
      if (now - touched >= grace && !wanted.has(digest) && !needed(digest))
        garbage.push({ repository: name, digest, size });
  }
  return garbage;
}

/** A manifest that no tag leads to. */
export interface Untagged {
  readonly repository: string;
  readonly digest: string;
  readonly time: number;
}

/**
 * The manifests that no tag leads to, oldest first: not listed by an index that stays, no signature or the like of one that stays,
 * not in use, and pushed longer ago than the grace.
 */
export function findUntagged(
  { catalogue, now, grace, needed }: Omit<Marking, 'uploading'>,
  inUse: ReadonlySet<string>,
): Untagged[] {
  const found: Untagged[] = [];
  for (const [name, repository] of catalogue.repositories) {
    const kept = keptManifests(repository, inUse);
    for (const [digest, { time }] of repository.manifests)
      if (!kept.has(digest) && !needed(digest) && now - time >= grace) found.push({ repository: name, digest, time });
  }
  return found.sort((left, right) => left.time - right.time);
}

function referredBlobs({ manifests }: Repository): Set<string> {
  const wanted = new Set<string>();
  for (const { blobs } of manifests.values()) for (const digest of blobs) wanted.add(digest);
  return wanted;
}

function keptManifests({ tags, manifests }: Repository, inUse: ReadonlySet<string>): Set<string> {
  const kept = new Set<string>();
  const pending = [...tags.values(), ...[...manifests.keys()].filter((digest) => inUse.has(digest))];
  const referrers = new Map<string, string[]>();
  for (const [digest, { subject }] of manifests)
    if (subject !== undefined) referrers.set(subject, [...(referrers.get(subject) ?? []), digest]);
  for (let digest = pending.pop(); digest !== undefined; digest = pending.pop()) {
    if (kept.has(digest)) continue;
    kept.add(digest);
    pending.push(...(manifests.get(digest)?.manifests ?? []), ...(referrers.get(digest) ?? []));
  }
  return kept;
}
