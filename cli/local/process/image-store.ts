import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pLimit from 'p-limit';
import * as v from 'valibot';
import { failedWith, Interrupted, UserError } from '../../errors.ts';
import { readLayerContents } from '../../oci/layer.ts';
import { formatReference } from '../../oci/reference.ts';
import { openLayerBytes } from '../../registry/read-image.ts';
import type { ImageReader } from '../../registry/registry.ts';
import { makeFolder } from '../../tools/make-folder.ts';
import { readBoot } from './host.ts';
import { hasBantamRuntime, ownLayers } from './own-layers.ts';
import { removeTree } from './remove-tree.ts';
import type { ResolvedImage } from './resolve-image.ts';
import { TreeWriter } from './tree-writer.ts';
import { givenFiles, givenFolders } from './user-namespace.ts';

/** An unpacked image. It stays as long as somebody holds it. */
export interface HeldImage {
  /** The folder that is its root; its files are write-protected. Nobody may write there: replicas share it. */
  readonly root: string;
  /** Lets it go; called again it does nothing. */
  release(): Promise<void>;
}

/** Images that nobody holds any more are kept so many, for going back; those of earlier gateways for so long, in milliseconds. */
const keepReleased = 3;
const keepUnused = 7 * 24 * 3600 * 1000;
/** So many images are unpacked at once. */
const atOnce = 2;

const temporaryPrefix = '.new-';
const factsFile = 'image.json';

const factsSchema = v.object({ boot: v.string() });

/**
 * Unpacked images by their digest, in a folder of its own, for one provider at a time. An image is there as a whole or not at all: it is written beside
 * its place and then renamed. What was written before the machine's last start is not believed, since a power failure may have taken parts of it.
 */
export class ImageStore {
  readonly #folder: string;
  readonly #boot: string;
  readonly #foldsCase: boolean;
  readonly #limit = pLimit(atOnce);
  readonly #holders = new Map<string, number>();
  readonly #coming = new Map<string, Promise<void>>();
  readonly #leaving = new Map<string, Promise<void>>();
  /** Names that were held and are no more, the latest last. */
  readonly #released = new Set<string>();

  private constructor(folder: string, boot: string, foldsCase: boolean) {
    this.#folder = folder;
    this.#boot = boot;
    this.#foldsCase = foldsCase;
  }

  /** Opens the folder, and removes from it what was not finished and what nobody has used for a week. */
  static async open(folder: string): Promise<ImageStore> {
    await makeFolder(folder, 0o700);
    for (const name of await readdir(folder)) {
      const path = join(folder, name);
      const used = (await stat(path).catch(() => undefined))?.mtimeMs ?? 0;
      if (name.startsWith(temporaryPrefix)) await removeTree(path);
      else if (Date.now() - used > keepUnused) await discard(folder, name);
    }
    return new ImageStore(folder, await readBoot(), await foldsCase(folder));
  }

  /** Names of the images that are there now. */
  async list(): Promise<readonly string[]> {
    return (await readdir(this.#folder)).filter((name) => !name.startsWith(temporaryPrefix));
  }

  /** Unpacks an image where it is not there yet. Throws what the reader throws, BAN-E306 for damaged layers, BAN-E613, `Interrupted`. */
  async hold(reader: ImageReader, image: ResolvedImage, signal: AbortSignal): Promise<HeldImage> {
    const own = hasBantamRuntime(image.config);
    const name = `${image.path.at(-1)?.split(':')[1]}-${own ? 'own' : 'all'}`;
    this.#holders.set(name, (this.#holders.get(name) ?? 0) + 1);
    this.#released.delete(name);
    let held = true;
    const release = async (): Promise<void> => {
      if (!held) return;
      held = false;
      await this.#release(name);
    };
    try {
      await this.#bring(name, reader, image, signal);
      return { root: join(this.#folder, name, 'root'), release };
    } catch (error) {
      await release();
      throw error;
    }
  }

  /** Whoever comes second waits for the first; if that one left, the next one does it. */
  async #bring(name: string, reader: ImageReader, image: ResolvedImage, signal: AbortSignal): Promise<void> {
    for (;;) {
      if (signal.aborted) throw new Interrupted();
      // What is wrong with a removal hears who removes; here it is removed again.
      await this.#leaving.get(name)?.catch(() => undefined);
      const coming = this.#coming.get(name);
      if (coming === undefined) break;
      try {
        return await coming;
      } catch (error) {
        if (!(error instanceof Interrupted)) throw error;
      }
    }
    const work = this.#limit(() => this.#bringOnce(name, reader, image, signal));
    this.#coming.set(name, work);
    try {
      await work;
    } finally {
      this.#coming.delete(name);
    }
  }

  async #bringOnce(name: string, reader: ImageReader, image: ResolvedImage, signal: AbortSignal): Promise<void> {
    const place = join(this.#folder, name);
    if (await this.#isSound(place)) return void (await utimes(place, new Date(), new Date()));
    await discard(this.#folder, name);
    const made = await this.#guard(image, () => mkdtemp(join(this.#folder, temporaryPrefix)));
    try {
      await this.#guard(image, () => this.#unpack(join(made, 'root'), reader, image, signal));
      await this.#guard(image, () => writeFile(join(made, factsFile), JSON.stringify({ boot: this.#boot })));
      await rename(made, place);
    } catch (error) {
      await removeTree(made);
      throw signal.aborted ? new Interrupted() : error;
    }
  }

  async #unpack(root: string, reader: ImageReader, image: ResolvedImage, signal: AbortSignal): Promise<void> {
    await mkdir(root);
    const writer = new TreeWriter(root, this.#foldsCase);
    const { manifest, config, reference } = image;
    const own = hasBantamRuntime(config);
    for (const layer of own ? ownLayers(manifest, config) : manifest.layers) {
      writer.beginLayer();
      const { bytes, what, limits } = await openLayerBytes(reader, reference, layer, signal);
      for await (const change of readLayerContents(bytes, what, limits)) {
        if (signal.aborted) throw new Interrupted();
        await writer.apply(change);
      }
    }
    // Made by the engine where no layer has it (image-spec, config.md, "WorkingDir").
    await writer.makeFolder(config.config.WorkingDir);
    if (!own) {
      for (const folder of givenFolders) await writer.makeFolder(folder);
      for (const file of givenFiles) await writer.makeFile(file);
    }
  }

  async #isSound(place: string): Promise<boolean> {
    const text = await readFile(join(place, factsFile), 'utf8').catch(() => '');
    const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), factsSchema), text);
    return parsed.success && parsed.output.boot === this.#boot;
  }

  async #release(name: string): Promise<void> {
    const left = (this.#holders.get(name) ?? 1) - 1;
    if (left > 0) return void this.#holders.set(name, left);
    this.#holders.delete(name);
    this.#released.add(name);
    for (const old of [...this.#released].slice(0, -keepReleased)) {
      this.#released.delete(old);
      // Somebody may have come for it meanwhile; whoever comes later waits until it is gone.
      if (this.#holders.has(old) || this.#leaving.has(old)) continue;
      const gone = discard(this.#folder, old).finally(() => this.#leaving.delete(old));
      this.#leaving.set(old, gone);
      await gone;
    }
  }

  async #guard<Value>(image: ResolvedImage, work: () => Promise<Value>): Promise<Value> {
    try {
      return await work();
    } catch (error) {
      throw explainFailure(error, formatReference(image.reference), this.#folder);
    }
  }
}

/** Removes an image so that, killed meanwhile, no half of it is left under its name. Quiet if it is gone. */
async function discard(folder: string, name: string): Promise<void> {
  const aside = join(folder, `${temporaryPrefix}gone-${randomUUID()}`);
  try {
    await rename(join(folder, name), aside);
  } catch (error) {
    if (failedWith(error, 'ENOENT')) return;
    throw error;
  }
  await removeTree(aside);
}

/** What the system says of a disk, in words; anything else is passed on. */
export function explainFailure(error: unknown, image: string, folder: string): unknown {
  if (error instanceof UserError || error instanceof Interrupted || !(error instanceof Error) || !('code' in error))
    return error;
  if (error.code === 'ENOSPC' || error.code === 'EDQUOT')
    return new UserError('BAN-E613', `${image} cannot be unpacked: no space is left for ${folder}`, {
      hint: `make room on that disk (df -h ${folder}); nothing of the image was left there`,
      cause: error,
    });
  if (typeof error.code !== 'string' || !('syscall' in error)) return error;
  return new UserError('BAN-E613', `${image} cannot be unpacked into ${folder}: ${error.message}`, { cause: error });
}

/** Whether the folder's disk takes upper and lower case for the same: the folder is found by a name that nobody gave it. */
async function foldsCase(folder: string): Promise<boolean> {
  const probe = await mkdtemp(join(folder, `${temporaryPrefix}case-`));
  try {
    await mkdir(join(probe, 'A'));
    return (await stat(join(probe, 'a')).catch(() => undefined)) !== undefined;
  } finally {
    await removeTree(probe);
  }
}
