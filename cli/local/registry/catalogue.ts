import type { JournalRecord } from './journal.ts';

/** A manifest of a repository, and what of it must be known without reading it. */
export interface ManifestEntry {
  readonly size: number;
  readonly mediaType: string;
  /** When it was pushed; milliseconds since 1970. */
  readonly time: number;
  /** Blobs that it needs: configuration and layers. */
  readonly blobs: readonly string[];
  /** Manifests that it lists. */
  readonly manifests: readonly string[];
  readonly subject?: string | undefined;
  readonly artifactType?: string | undefined;
}

/** A blob as a repository has it. Times in milliseconds since 1970. */
export interface BlobEntry {
  readonly size: number;
  /** When it came. */
  readonly time: number;
  /** When a push last sent it, mounted it or asked whether it is there. */
  touched: number;
}

/** One repository. */
export interface Repository {
  readonly tags: Map<string, string>;
  readonly manifests: Map<string, ManifestEntry>;
  readonly blobs: Map<string, BlobEntry>;
  /** When somebody last pushed to it or asked whether it has a blob; milliseconds since 1970. */
  touched: number;
}

/** All repositories, in memory; what the journal says, applied record by record. Knows how many repositories hold each digest. */
export class Catalogue {
  readonly repositories = new Map<string, Repository>();
  readonly #holders = new Map<string, number>();

  /** How many repositories hold a digest, as blob or as manifest. */
  holders(digest: string): number {
    return this.#holders.get(digest) ?? 0;
  }

  /** Every digest that is held, with its size. */
  *held(): Iterable<readonly [digest: string, size: number]> {
    for (const { blobs, manifests } of this.repositories.values()) {
      for (const [digest, { size }] of blobs) yield [digest, size];
      for (const [digest, { size }] of manifests) yield [digest, size];
    }
  }

  blob(repository: string, digest: string): BlobEntry | undefined {
    return this.repositories.get(repository)?.blobs.get(digest);
  }

  manifest(repository: string, digest: string): ManifestEntry | undefined {
    return this.repositories.get(repository)?.manifests.get(digest);
  }

  /** Remembers that a repository is being pushed to, and that the push counts on a blob; nothing for what is not there. */
  touch(repository: string, now: number, digest?: string): void {
    const found = this.repositories.get(repository);
    if (found === undefined) return;
    found.touched = Math.max(found.touched, now);
    const blob = digest === undefined ? undefined : found.blobs.get(digest);
    if (blob !== undefined) blob.touched = Math.max(blob.touched, now);
  }

  apply(record: JournalRecord): void {
    switch (record.do) {
      case 'link': {
        const { digest, size, time } = record;
        const { blobs } = this.#open(record.repository, time);
        if (!blobs.has(digest)) this.#count(digest, 1);
        blobs.set(digest, { size, time, touched: time });
        return;
      }
      case 'manifest': {
        const { do: _, repository, digest, ...entry } = record;
        const { manifests } = this.#open(repository, entry.time);
        if (!manifests.has(digest)) this.#count(digest, 1);
        manifests.set(digest, entry);
        return;
      }
      case 'tag':
        this.#open(record.repository, 0).tags.set(record.tag, record.digest);
        return;
      case 'untag':
        this.repositories.get(record.repository)?.tags.delete(record.tag);
        break;
      case 'unlink':
        if (this.repositories.get(record.repository)?.blobs.delete(record.digest)) this.#count(record.digest, -1);
        break;
      case 'forget': {
        const found = this.repositories.get(record.repository);
        if (found?.manifests.delete(record.digest)) this.#count(record.digest, -1);
        for (const [tag, digest] of found?.tags ?? []) if (digest === record.digest) found?.tags.delete(tag);
      }
    }
    this.#closeIfEmpty(record.repository);
  }

  /** The present state as lines of a journal: a line per repository. */
  *snapshot(): Iterable<readonly JournalRecord[]> {
    for (const [repository, { blobs, manifests, tags }] of this.repositories) {
      yield [
        ...[...blobs].map(([digest, { size, time }]) => ({ do: 'link' as const, repository, digest, size, time })),
        ...[...manifests].map(([digest, entry]) => ({
          do: 'manifest' as const,
          repository,
          digest,
          ...entry,
          blobs: [...entry.blobs],
          manifests: [...entry.manifests],
        })),
        ...[...tags].map(([tag, digest]) => ({ do: 'tag' as const, repository, tag, digest })),
      ];
    }
  }

  #open(name: string, time: number): Repository {
    const known = this.repositories.get(name);
    if (known !== undefined) {
      known.touched = Math.max(known.touched, time);
      return known;
    }
    const made: Repository = { tags: new Map(), manifests: new Map(), blobs: new Map(), touched: time };
    this.repositories.set(name, made);
    return made;
  }

  #closeIfEmpty(name: string): void {
    const found = this.repositories.get(name);
    if (found !== undefined && found.blobs.size === 0 && found.manifests.size === 0) this.repositories.delete(name);
  }

  #count(digest: string, by: 1 | -1): void {
    const count = this.holders(digest) + by;
    if (count === 0) this.#holders.delete(digest);
    else this.#holders.set(digest, count);
  }
}
