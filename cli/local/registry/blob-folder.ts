import { createReadStream, type ReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder } from './sync-folder.ts';

const algorithms = ['sha256', 'sha512'] as const;

/**
 * The folder of contents, each under its digest: `blobs/sha256/<hex>`, as in an image layout. A file comes into it whole, by rename, and
 * is never written again. Knows the size of each; who may see them is not its business.
 */
export class BlobFolder {
  readonly #folder: string;
  readonly #sizes = new Map<string, number>();
  /** What is being renamed or removed; the next one for the same digest waits for it. Never rejected. */
  readonly #moves = new Map<string, Promise<void>>();
  /** Bytes of what is being taken in: between an upload and a content they count, too. */
  #arriving = 0;
  #held = 0;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Opens the folder, made if missing, and looks at all files. */
  static async open(folder: string): Promise<BlobFolder> {
    const opened = new BlobFolder(folder);
    for (const algorithm of algorithms) {
      const inside = join(folder, algorithm);
      await mkdir(inside, { recursive: true });
      for (const name of await readdir(inside)) {
        const { size } = await stat(join(inside, name));
        opened.#sizes.set(`${algorithm}:${name}`, size);
        opened.#held += size;
      }
    }
    return opened;
  }

  /** Bytes of all contents, those that are being taken in included. */
  get bytes(): number {
    return this.#held + this.#arriving;
  }

  get count(): number {
    return this.#sizes.size;
  }

  /** Bytes of a content, undefined if it is not there. */
  size(digest: string): number | undefined {
    return this.#sizes.get(digest);
  }

  digests(): Iterable<string> {
    return this.#sizes.keys();
  }

  /** Takes a whole, checked file in; it is gone from where it was. Resolves when its bytes and its name are on the disk. */
  async take(file: string, digest: string, size: number): Promise<void> {
    // Before anything is waited for: nobody else may be promised this room.
    let arriving = size;
    const arrived = (): void => {
      this.#arriving -= arriving;
      arriving = 0;
    };
    this.#arriving += arriving;
    try {
      // A removal that was decided before must not hit the new file, and whoever brings the same content first may fail.
      for (let move = this.#moves.get(digest); move !== undefined; move = this.#moves.get(digest)) await move;
      if (this.#sizes.has(digest)) return await rm(file, { force: true });
      await this.#move(digest, async () => {
        await syncFile(file);
        await rename(file, this.path(digest));
        arrived();
        this.#sizes.set(digest, size);
        this.#held += size;
        await syncFolder(join(this.#folder, algorithmOf(digest)));
      });
    } finally {
      arrived();
    }
  }

  /** Removes a content. From the call on it counts as gone. */
  async remove(digest: string): Promise<void> {
    const size = this.#sizes.get(digest);
    if (size === undefined) return;
    this.#sizes.delete(digest);
    this.#held -= size;
    await this.#move(digest, () => rm(this.path(digest), { force: true }));
  }

  /** Opens a content from one byte to another (both included); the file stays readable when it is removed meanwhile. */
  read(digest: string, range?: { readonly first: number; readonly last: number }): ReadStream {
    return createReadStream(this.path(digest), {
      highWaterMark: 256 << 10,
      ...(range === undefined ? {} : { start: range.first, end: range.last }),
    });
  }

  async #move(digest: string, work: () => Promise<void>): Promise<void> {
    const moving = work();
    const settled = moving.then(
      () => undefined,
      () => undefined,
    );
    this.#moves.set(digest, settled);
    try {
      await moving;
    } finally {
      if (this.#moves.get(digest) === settled) this.#moves.delete(digest);
    }
  }

  /** The file of a content, there or not. */
  path(digest: string): string {
    const algorithm = algorithmOf(digest);
    return join(this.#folder, algorithm, digest.slice(algorithm.length + 1));
  }
}

function algorithmOf(digest: string): string {
  return digest.slice(0, digest.indexOf(':'));
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.datasync();
  } finally {
    await file.close();
  }
}
