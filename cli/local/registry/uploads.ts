import { createHash, type Hash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { Refusal, refuseFullDisk } from './refusal.ts';
import { writeAll } from './write-all.ts';

/** An upload that was begun. It survives a restart: its file is all that it is. */
export interface Upload {
  readonly id: string;
  /** Undefined after a restart, until somebody goes on with it. */
  repository: string | undefined;
  readonly file: string;
  /** Bytes that count: those of requests that came whole. */
  size: number;
  /** Of the bytes that count, with the algorithm it was made for; undefined if they have to be read again. */
  hash: Hash | undefined;
  algorithm: string;
  /** A request writes to it now. */
  busy: boolean;
  /** When somebody last sent something; milliseconds since 1970. */
  touched: number;
}

/** What bounds the uploads. */
export interface UploadBounds {
  /** How many bytes more may be stored; asked for each piece. */
  readonly left: () => number;
  /** Tries to make room for so many bytes when there is less left. Throws Refusal when there is none to be had. */
  readonly makeRoom: (wanted: number) => Promise<void>;
  /** Longest silence of a client within a body, in milliseconds. */
  readonly silence: number;
  readonly now: () => number;
}

/** Contents on their way in: `uploads/<id>`, invisible to readers. A request counts whole or not at all, so that a client can send it again as it was. */
export class Uploads {
  readonly #folder: string;
  readonly #bounds: UploadBounds;
  readonly #uploads = new Map<string, Upload>();
  /** Bytes of all unfinished uploads. */
  bytes = 0;

  private constructor(folder: string, bounds: UploadBounds) {
    this.#folder = folder;
    this.#bounds = bounds;
  }

  /** Opens the folder, made if missing, with what an earlier process left in it. */
  static async open(folder: string, bounds: UploadBounds): Promise<Uploads> {
    await mkdir(folder, { recursive: true });
    const uploads = new Uploads(folder, bounds);
    for (const id of await readdir(folder)) {
      const file = join(folder, id);
      if (!idPattern.test(id)) {
        await rm(file, { recursive: true, force: true });
        continue;
      }
      const { size, mtimeMs } = await stat(file);
      uploads.#keep({ id, file, size, touched: mtimeMs, repository: undefined, hash: undefined, busy: false });
      uploads.bytes += size;
    }
    return uploads;
  }

  /** Whether an unfinished upload may belong to a repository. */
  concerns(repository: string): boolean {
    for (const upload of this.#uploads.values())
      if (upload.repository === undefined || upload.repository === repository) return true;
    return false;
  }

  /** Begins an upload. `busy`: the request that begins it is also the one that fills it. */
  async begin(repository: string, busy: boolean = false): Promise<Upload> {
    const id = randomUUID();
    const file = join(this.#folder, id);
    const handle = await open(file, 'wx', 0o600).catch(refuseFullDisk);
    await handle.close();
    const touched = this.#bounds.now();
    return this.#keep({ id, file, repository, size: 0, hash: createHash('sha256'), touched, busy });
  }

  /** The upload of a repository. Throws Refusal 404. */
  find(repository: string, id: string): Upload {
    const found = this.#uploads.get(id);
    if (found === undefined || (found.repository !== undefined && found.repository !== repository))
      throw new Refusal(404, 'BLOB_UPLOAD_UNKNOWN', 'no such upload: it ended, or was never begun; begin a new one');
    found.repository = repository;
    return found;
  }

  /**
   * Adds the body of a request to an upload, written and hashed as it arrives. Throws Refusal when it does not fit, and the upload is as before.
   * `most`: bytes that the body may have at most. `check`: throws if they are not as many as were announced otherwise.
   */
  async receive(
    upload: Upload,
    incoming: IncomingMessage,
    {
      most = Number.POSITIVE_INFINITY,
      check = () => undefined,
    }: { readonly most?: number; readonly check?: (received: number) => void } = {},
  ): Promise<void> {
    const announced = Number(incoming.headers['content-length'] ?? 0);
    if (announced > most) throw tooLarge(most);
    await this.#haveRoom(announced);
    const before = upload.size;
    // A copy, since what was hashed cannot be taken back.
    const hash = (await this.#hashOf(upload)).copy();
    let received = 0;
    const file = await open(upload.file, 'r+').catch(refuseFullDisk);
    try {
      incoming.setTimeout(this.#bounds.silence, () => incoming.destroy(new Error('the client fell silent')));
      // Ending early must leave the connection: the client is to see why.
      const pieces: AsyncIterable<Buffer> = incoming.iterator({ destroyOnReturn: false });
      for await (const piece of pieces) {
        if (received + piece.length > most) throw tooLarge(most);
        await this.#haveRoom(piece.length);
        this.bytes += piece.length;
        const writing = writeAll(file, piece, before + received);
        received += piece.length;
        hash.update(piece);
        await writing;
        upload.touched = this.#bounds.now();
      }
      // What follows may take longer than a client may be silent: a slow disk, say.
      incoming.setTimeout(0);
      check(received);
      upload.hash = hash;
      upload.size = before + received;
    } catch (error) {
      this.bytes -= received;
      await file.truncate(before);
      return refuseFullDisk(error);
    } finally {
      await file.close();
    }
  }

  /** The digest of all bytes so far by an algorithm, `sha256` or `sha512`. */
  async digest(upload: Upload, algorithm: string): Promise<string> {
    const hash = await this.#hashOf(upload, algorithm);
    return `${algorithm}:${hash.copy().digest('hex')}`;
  }

  /** Chooses the algorithm before the first byte, where the client says which one it will be. */
  expect(upload: Upload, algorithm: string): void {
    if (upload.size === 0 && upload.algorithm !== algorithm) {
      upload.algorithm = algorithm;
      upload.hash = createHash(algorithm);
    }
  }

  /** Gives the bytes of an upload to whoever keeps them from here on: they no longer count as an upload's. */
  async handOver(upload: Upload, keep: () => Promise<void>): Promise<void> {
    this.#forget(upload);
    try {
      await keep();
    } catch (error) {
      await rm(upload.file, { force: true });
      throw error;
    }
  }

  /** Ends an upload and removes its file; nothing if it was handed over. */
  async end(upload: Upload): Promise<void> {
    if (this.#forget(upload)) await rm(upload.file, { force: true });
  }

  /** Ends the uploads that nobody went on with for so many milliseconds. Returns how many. */
  async endAbandoned(grace: number): Promise<number> {
    const abandoned = [...this.#uploads.values()].filter(
      ({ busy, touched }) => !busy && this.#bounds.now() - touched >= grace,
    );
    for (const upload of abandoned) await this.end(upload);
    return abandoned.length;
  }

  async #haveRoom(wanted: number): Promise<void> {
    // Others who waited for the same room may have taken it meanwhile.
    while (wanted > this.#bounds.left()) await this.#bounds.makeRoom(wanted);
  }

  #forget(upload: Upload): boolean {
    if (!this.#uploads.delete(upload.id)) return false;
    this.bytes -= upload.size;
    return true;
  }

  async #hashOf(upload: Upload, algorithm = upload.algorithm): Promise<Hash> {
    if (upload.hash !== undefined && upload.algorithm === algorithm) return upload.hash;
    const hash = createHash(algorithm);
    if (upload.size > 0)
      for await (const piece of createReadStream(upload.file, { end: upload.size - 1, highWaterMark: 256 << 10 }))
        hash.update(piece as Buffer);
    upload.algorithm = algorithm;
    upload.hash = hash;
    return hash;
  }

  #keep(facts: Omit<Upload, 'algorithm'>): Upload {
    const upload: Upload = { ...facts, algorithm: 'sha256' };
    this.#uploads.set(upload.id, upload);
    return upload;
  }
}

const idPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function tooLarge(most: number): Refusal {
  return new Refusal(413, 'SIZE_INVALID', `this is larger than the ${most} bytes that are taken here`);
}
