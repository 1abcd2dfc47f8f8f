import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { BlobFolder } from './blob-folder.ts';
import { Catalogue, type ManifestEntry } from './catalogue.ts';
import { findUntagged, type Garbage, markGarbage, type Untagged } from './garbage.ts';
import { type Journal, type JournalRecord, openJournal } from './journal.ts';
import { Refusal, refuseFullDisk } from './refusal.ts';

/** What was found wrong with the folder when it was opened: lines for people. */
export type Damage = readonly string[];

/** A manifest to be kept, in a file of its own. */
export interface NewManifest {
  readonly file: string;
  readonly digest: string;
  readonly entry: ManifestEntry;
  readonly tags: readonly string[];
  /** What must be there: its blobs, unless they may be elsewhere, and the manifests that it lists. */
  readonly needs: { readonly blobs: readonly string[]; readonly manifests: readonly string[] };
}

/**
 * Blobs, manifests and tags together. What is added is first on the disk and then visible; what is removed is first invisible and then gone
 * from the disk. Between two awaits nothing else runs: what is looked at and pinned in one go cannot be collected in between.
 */
export class RegistryStore {
  readonly catalogue: Catalogue;
  readonly blobs: BlobFolder;
  readonly #journal: Journal;
  readonly #now: () => number;
  /** Digests that pushes under way need, with how many. */
  readonly #pins = new Map<string, number>();

  private constructor(catalogue: Catalogue, blobs: BlobFolder, journal: Journal, now: () => number) {
    this.catalogue = catalogue;
    this.blobs = blobs;
    this.#journal = journal;
    this.#now = now;
  }

  /** Opens the folder, made if missing. What a crash left half done is put right. */
  static async open(
    folder: string,
    now: () => number,
  ): Promise<{ readonly store: RegistryStore; readonly damage: Damage }> {
    await mkdir(folder, { recursive: true });
    const blobs = await BlobFolder.open(join(folder, 'blobs'));
    const { journal, records, damagedLines } = await openJournal(join(folder, 'journal.ndjson'));
    const catalogue = new Catalogue();
    for (const record of records) catalogue.apply(record);
    const store = new RegistryStore(catalogue, blobs, journal, now);
    const lost = await store.#forgetLost();
    // What nobody holds was never acknowledged, or was being removed.
    for (const digest of [...blobs.digests()]) if (catalogue.holders(digest) === 0) await blobs.remove(digest);
    await store.compact();
    return {
      store,
      damage: [
        ...(damagedLines === 0 ? [] : [`${damagedLines} line(s) of its journal cannot be read and were left out`]),
        ...(lost === 0
          ? []
          : [`${lost} blob(s) or manifest(s) are missing or cut short on the disk and were forgotten`]),
      ],
    };
  }

  /** Whether a push under way needs a digest. */
  isNeeded(digest: string): boolean {
    return this.#pins.has(digest);
  }

  /** Makes a checked file a blob of a repository. */
  async addBlob(repository: string, digest: string, file: string, size: number): Promise<void> {
    await this.#pinned([digest], async () => {
      await this.blobs.take(file, digest, size).catch(refuseFullDisk);
      await this.#add([{ do: 'link', repository, digest, size, time: this.#now() }]);
    });
  }

  /** Gives a repository a blob that another one has (`from`, or any); false if it has none. */
  async mountBlob(repository: string, digest: string, from: string | undefined): Promise<boolean> {
    const holder = [...(from === undefined ? this.catalogue.repositories.keys() : [from])].find(
      (name) => this.catalogue.blob(name, digest) !== undefined,
    );
    const size = holder === undefined ? undefined : this.catalogue.blob(holder, digest)?.size;
    if (size === undefined) return false;
    await this.#pinned([digest], () => this.#add([{ do: 'link', repository, digest, size, time: this.#now() }]));
    return true;
  }

  /** Keeps a manifest and points its tags to it, both or neither. Throws Refusal 404 when something that it needs is missing. */
  async addManifest(repository: string, { file, digest, entry, tags, needs }: NewManifest): Promise<void> {
    for (const blob of needs.blobs)
      if (this.catalogue.blob(repository, blob) === undefined)
        throw new Refusal(404, 'MANIFEST_BLOB_UNKNOWN', `${repository} has no blob ${blob}, which the manifest names`, {
          detail: { digest: blob },
        });
    for (const manifest of needs.manifests)
      if (this.catalogue.manifest(repository, manifest) === undefined)
        throw new Refusal(
          404,
          'MANIFEST_BLOB_UNKNOWN',
          `${repository} has no manifest ${manifest}, which the index names`,
          { detail: { digest: manifest } },
        );
    await this.#pinned([digest, ...entry.blobs, ...entry.manifests], async () => {
      await this.blobs.take(file, digest, entry.size).catch(refuseFullDisk);
      await this.#add([
        { do: 'manifest', repository, digest, ...entry, blobs: [...entry.blobs], manifests: [...entry.manifests] },
        ...tags.map((tag) => ({ do: 'tag' as const, repository, tag, digest })),
      ]);
    });
  }

  async removeTag(repository: string, tag: string): Promise<void> {
    await this.#remove([{ do: 'untag', repository, tag }]);
  }

  /** Removes a manifest and the tags that point to it. Its blobs stay until they are collected. */
  async removeManifest(repository: string, digest: string): Promise<void> {
    await this.#remove([{ do: 'forget', repository, digest }]);
  }

  async removeBlob(repository: string, digest: string): Promise<void> {
    await this.#remove([{ do: 'unlink', repository, digest }]);
  }

  /** Removes the blobs that no manifest of their repository refers to; see {@link markGarbage}. */
  async sweep(
    grace: number,
    uploading: (repository: string) => boolean,
    pressed: boolean,
  ): Promise<readonly Garbage[]> {
    const garbage = markGarbage({ ...this.#marking(grace), uploading }, pressed);
    if (garbage.length > 0)
      await this.#remove(garbage.map(({ repository, digest }) => ({ do: 'unlink', repository, digest })));
    return garbage;
  }

  /** The manifests that nothing leads to; see {@link findUntagged}. */
  untagged(grace: number, inUse: ReadonlySet<string>): readonly Untagged[] {
    return findUntagged(this.#marking(grace), inUse);
  }

  #marking(grace: number) {
    const needed = (digest: string): boolean => this.isNeeded(digest);
    return { catalogue: this.catalogue, now: this.#now(), grace, needed };
  }

  /** Rewrites the journal when most of it tells of what is gone. */
  async compactIfLong(): Promise<void> {
    let living = 0;
    for (const _ of this.catalogue.held()) living += 1;
    if (this.#journal.lines > 1000 + 4 * living) await this.compact();
  }

  compact(): Promise<void> {
    return this.#journal.compact(() => this.catalogue.snapshot());
  }

  async close(): Promise<void> {
    await this.#journal.close();
  }

  /** On the disk first, then visible. */
  async #add(records: readonly JournalRecord[]): Promise<void> {
    await this.#journal
      .append(records, () => {
        for (const record of records) this.catalogue.apply(record);
      })
      .catch(refuseFullDisk);
  }

  /** Invisible first, then gone from the disk: the journal before the files, so that it never names what is gone. */
  async #remove(records: readonly JournalRecord[]): Promise<void> {
    const apply = (): void => {
      for (const record of records) this.catalogue.apply(record);
    };
    apply();
    const digests = records.flatMap((record) => ('digest' in record ? [record.digest] : []));
    // Once more in the order of the journal: what was being added before it is gone, too, then as after a restart.
    try {
      await this.#journal.append(records, apply);
    } catch {
      // A full disk takes no line either, and removing is how it gets room: then the files first. Opening forgets what has no file.
      await this.#release(digests);
      await this.#journal.append(records, apply).catch(refuseFullDisk);
    }
    await this.#release(digests);
  }

  async #release(digests: readonly string[]): Promise<void> {
    for (const digest of digests)
      if (this.catalogue.holders(digest) === 0 && !this.isNeeded(digest)) await this.blobs.remove(digest);
  }

  async #pinned<T>(digests: readonly string[], work: () => Promise<T>): Promise<T> {
    for (const digest of digests) this.#pins.set(digest, (this.#pins.get(digest) ?? 0) + 1);
    try {
      return await work();
    } finally {
      for (const digest of digests) {
        const count = (this.#pins.get(digest) ?? 1) - 1;
        if (count === 0) this.#pins.delete(digest);
        else this.#pins.set(digest, count);
      }
      // Whoever removed it meanwhile left the file to this one; so did a push that failed.
      await this.#release(digests.filter((digest) => this.blobs.size(digest) !== undefined));
    }
  }

  /** Forgets what the journal names and the disk does not have whole. Returns how many. */
  async #forgetLost(): Promise<number> {
    const lost: JournalRecord[] = [];
    const short = new Set<string>();
    const isLost = (digest: string, size: number): boolean => {
      const found = this.blobs.size(digest);
      if (found !== undefined && found !== size) short.add(digest);
      return found !== size;
    };
    for (const [repository, { blobs, manifests }] of this.catalogue.repositories) {
      for (const [digest, { size }] of blobs) if (isLost(digest, size)) lost.push({ do: 'unlink', repository, digest });
      for (const [digest, { size }] of manifests)
        if (isLost(digest, size)) lost.push({ do: 'forget', repository, digest });
    }
    for (const record of lost) this.catalogue.apply(record);
    for (const [repository, { tags, manifests }] of this.catalogue.repositories)
      for (const [tag, digest] of tags)
        if (!manifests.has(digest)) this.catalogue.apply({ do: 'untag', repository, tag });
    for (const digest of short) await this.blobs.remove(digest);
    return lost.length;
  }
}
