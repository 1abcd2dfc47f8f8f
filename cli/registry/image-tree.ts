import pLimit from 'p-limit';
import { UserError } from '../errors.ts';
import { type Descriptor, decodeManifest, type IndexEntry, type Manifest } from '../oci/manifest.ts';
import { formatReference, type Reference } from '../oci/reference.ts';
import type { ImageMemory } from './image-memory.ts';
import type { ImageReader, StoredManifest } from './registry.ts';

/** A manifest as the registry holds it, and what it names if it is an index. */
export interface ManifestNode {
  /** Its media type is the one it was announced with, or its own. */
  readonly stored: StoredManifest;
  readonly manifest: Manifest;
  /** In the order of the index; empty for an image. */
  readonly children: readonly ChildNode[];
}

/** One entry of an index. Neither `node` nor `failure`: nobody wanted it. */
export interface ChildNode extends IndexEntry {
  readonly node?: ManifestNode;
  /** Why it could not be read; only where failures are kept. */
  readonly failure?: UserError;
}

/** What {@link readTree} may be told. */
export interface TreeOptions {
  /** Which entries of an index to read; all if not given. */
  readonly choose?: (entries: readonly IndexEntry[]) => ReadonlySet<Descriptor>;
  /** Entries that cannot be read become part of the result in place of ending it. */
  readonly keepFailures?: boolean | undefined;
  readonly memory?: ImageMemory | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Indexes within indexes: buildx's layouts have one level of it. */
const deepest = 3;

/** More entries than any index has, attestations included; each costs a request. */
const most = 128;

/** How many manifests of one image are asked for at once. */
const atOnce = 8;

/**
 * Reads an image's manifests: the only one, or an index and what it names, each once. Throws what the reader throws, and
 * BAN-E306 for damaged manifests and for an index of more than 128 entries.
 */
export async function readTree(
  reader: ImageReader,
  reference: Reference,
  options: TreeOptions = {},
): Promise<ManifestNode> {
  const { memory, signal } = options;
  const limit = pLimit(atOnce);
  const { registry, repository } = reference;
  let entries = 0;

  const expand = async (stored: StoredManifest, depth: number): Promise<ManifestNode> => {
    const manifest = decodeManifest(
      stored.bytes,
      stored.mediaType,
      `manifest ${stored.digest} of ${formatReference(reference)}`,
    );
    const node = { stored: { ...stored, mediaType: manifest.mediaType }, manifest };
    if (manifest.kind === 'image') return { ...node, children: [] };
    entries += manifest.entries.length;
    if (entries > most) {
      throw new UserError('BAN-E306', `the index of ${formatReference(reference)} lists more than ${most} images`, {
        hint: 'no function has as many platforms; look at what was pushed there',
      });
    }
    const chosen = options.choose?.(manifest.entries);
    const children = manifest.entries.map((entry) =>
      chosen?.has(entry.descriptor) === false ? Promise.resolve(entry) : readChild(entry, depth),
    );
    return { ...node, children: await settleAll(children) };
  };

  const readChild = async (child: IndexEntry, depth: number): Promise<ChildNode> => {
    const { descriptor } = child;
    try {
      if (depth >= deepest) {
        throw new UserError(
          'BAN-E306',
          `the index of ${formatReference(reference)} holds indexes more than ${deepest} deep`,
          {
            hint: 'no builder makes such an image; look at what was pushed there',
          },
        );
      }
      const read = await limit(() => readDocument({ registry, repository, digest: descriptor.digest }));
      const stored = { ...read, mediaType: descriptor.mediaType || read.mediaType };
      return { ...child, node: await expand(stored, depth + 1) };
    } catch (thrown) {
      if (options.keepFailures !== true || !(thrown instanceof UserError)) throw thrown;
      return { ...child, failure: thrown };
    }
  };

  /** By digest the memory is as good as the registry; a tag is always asked. */
  const readDocument = async (wanted: Reference): Promise<StoredManifest> => {
    if (memory === undefined) return await reader.manifest(wanted, signal);
    const digest = wanted.digest ?? (await askTag(wanted, memory));
    const kept = digest === undefined ? undefined : await memory.document(digest);
    if (kept !== undefined) return kept;
    const read = await reader.manifest(digest === undefined ? wanted : { registry, repository, digest }, signal);
    await memory.keepDocument(read);
    return read;
  };

  const askTag = async (wanted: Reference, known: ImageMemory): Promise<string | undefined> => {
    const digest = await reader.digestOf?.(wanted, signal);
    if (digest !== undefined) await known.keepTag(formatReference(wanted), { digest, at: new Date().toISOString() });
    return digest;
  };

  return await expand(await readDocument(reference), 0);
}

/** All manifests of a tree, each once, in the order in which a registry takes them: what an index names before the index. */
export function manifestsOf(root: ManifestNode): StoredManifest[] {
  const found = new Map<string, StoredManifest>();
  const visit = ({ stored, children }: ManifestNode): void => {
    for (const { node } of children) if (node !== undefined) visit(node);
    found.set(stored.digest, stored);
  };
  visit(root);
  return [...found.values()];
}

/** Waits for all, so that nothing reads on after the caller has gone, then throws the first failure. */
export async function settleAll<Value>(promises: readonly Promise<Value>[]): Promise<Value[]> {
  const settled = await Promise.allSettled(promises);
  return settled.map((each) => {
    if (each.status === 'rejected') throw each.reason;
    return each.value;
  });
}
