import { UserError } from '../../errors.ts';
import type { ImageConfig } from '../../oci/config.ts';
import type { Node } from '../../oci/node.ts';
import { parseReference } from '../../oci/reference.ts';
import type { BuiltImages } from '../../registry/built-images.ts';
import type { ImageReader } from '../../registry/registry.ts';
import type { ImageStore } from './image-store.ts';
import { hasBantamRuntime } from './own-layers.ts';
import { type ResolvedImage, resolveImage } from './resolve-image.ts';
import { needsContainer } from './user-namespace.ts';

/** An image that is here, unpacked, and may run. */
export interface BroughtImage {
  readonly config: ImageConfig;
  /** Its root folder, for reading. */
  readonly root: string;
  /** Digests from what was asked for down to the manifest. */
  readonly path: readonly string[];
  release(): Promise<void>;
}

/** What bringing images takes. */
export interface BringerParts {
  readonly registry: ImageReader;
  readonly store: ImageStore;
  readonly builtImages: Pick<BuiltImages, 'has'>;
  readonly trust: boolean;
  readonly node: Node;
  /** Why images of others cannot run here, if they cannot; see `whyNoNamespace`. */
  readonly whyNoNamespace: (signal: AbortSignal) => Promise<string | undefined>;
}

/** Brings images for running them as processes: found, checked, unpacked. */
export class ImageBringer {
  readonly #parts: BringerParts;
  /** What was found under a digest before: it is the same for ever, and then no registry is needed. */
  readonly #known = new Map<string, ResolvedImage>();
  #namespace: Promise<string | undefined> | undefined;

  constructor(parts: BringerParts) {
    this.#parts = parts;
  }

  /**
   * Throws what the registry throws (BAN-E301 to E306), BAN-E505 if nothing of the image is for this machine, BAN-E610 if the user did not build it,
   * BAN-E612 if it needs a container, BAN-E613 if it cannot be unpacked, `Interrupted`.
   */
  async bring(image: string, signal: AbortSignal): Promise<BroughtImage> {
    const { registry, store } = this.#parts;
    const resolved = await this.#resolve(image, signal);
    await this.#checkTrust(image, resolved);
    if (!hasBantamRuntime(resolved.config)) {
      this.#namespace ??= this.#parts.whyNoNamespace(new AbortController().signal);
      const reason = await this.#namespace;
      if (reason !== undefined) {
        // It may be for now only: a machine that was too busy, a program that is installed meanwhile.
        this.#namespace = undefined;
        throw needsContainer(image, reason);
      }
    }
    const { root, release } = await store.hold(registry, resolved, signal);
    return { config: resolved.config, root, path: resolved.path, release };
  }

  async #resolve(image: string, signal: AbortSignal): Promise<ResolvedImage> {
    const reference = parseReference(image);
    const known = reference.digest === undefined ? undefined : this.#known.get(reference.digest);
    // The repository may be another one: blobs are asked for where the image is said to be.
    if (known !== undefined) return { ...known, reference };
    const resolved = await resolveImage(this.#parts.registry, reference, this.#parts.node, signal);
    for (const digest of resolved.path) this.#known.set(digest, resolved);
    return resolved;
  }

  async #checkTrust(image: string, { path }: ResolvedImage): Promise<void> {
    if (this.#parts.trust) return;
    for (const digest of path) if (await this.#parts.builtImages.has(digest)) return;
    throw new UserError('BAN-E610', `${image} was not built by you, and would run here as you, without a container`, {
      hint: 'build it with bantam fn build, or trust what is deployed: bantam local up --trust; --provider docker runs it in a container',
    });
  }
}
