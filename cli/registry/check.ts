import { UserError } from '../errors.ts';
import { platformsOffered } from '../oci/containerd.ts';
import type { Answer } from '../oci/judge-program.ts';
import type { Node } from '../oci/node.ts';
import { normalisePlatform, type Platform } from '../oci/platform.ts';
import type { ReadImage } from '../oci/read-image.ts';
import { formatReference, type Reference } from '../oci/reference.ts';
import { runs } from '../oci/runs.ts';
import type { ImageMemory, SeenTag } from './image-memory.ts';
import { readImage } from './read-image.ts';
import type { ImageReader } from './registry.ts';

/** What holds for one kind of node. */
export interface NodeVerdict {
  readonly node: string;
  readonly answer: Answer;
  readonly reason: string;
  /** The platform of the index that the node takes; undefined if none, or for an image without an index. */
  readonly takes: Platform | undefined;
  /** Something could not be read: the answer is `unknown` for that, not for lack of proof. */
  readonly unread: boolean;
}

/** One image and the nodes it was checked for. */
export interface CheckedImage {
  /** As users write it. */
  readonly image: string;
  /** Of the index or the only manifest; undefined if it could not be read. */
  readonly digest: string | undefined;
  /** The platforms that the index (or the configuration) says it is for. */
  readonly says: readonly string[];
  readonly nodes: readonly NodeVerdict[];
  /** Why it could not be read at all. */
  readonly failure: UserError | undefined;
}

/** What {@link checkImage} may be told. */
export interface CheckOptions {
  /** The caller saves it. */
  readonly memory?: ImageMemory | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Says on which nodes an image runs. A tag is asked for each time; what it points to is read from the memory where it is known. An image that cannot
 * be read is `unknown` everywhere, with what held when it was last seen. Throws Interrupted only.
 */
export async function checkImage(
  reader: ImageReader,
  reference: Reference,
  nodes: readonly Node[],
  options: CheckOptions = {},
): Promise<CheckedImage> {
  const image = formatReference(reference);
  try {
    const { tree, image: read } = await readImage(reader, reference, { ...options, nodes, keepFailures: true });
    return {
      image,
      digest: tree.stored.digest,
      says: [...new Set(platformsOffered(read))],
      nodes: nodes.map((node) => judge(read, node)),
      failure: undefined,
    };
  } catch (thrown) {
    if (!(thrown instanceof UserError)) throw thrown;
    const last = await recall(reference, nodes, options);
    return {
      image,
      digest: undefined,
      says: [],
      nodes: nodes.map((node) => ({
        node: node.name,
        answer: 'unknown',
        reason: `${thrown.message}${last === undefined ? '' : describeLast(last, node)}`,
        takes: undefined,
        unread: true,
      })),
      failure: thrown,
    };
  }
}

function judge(image: ReadImage, node: Node): NodeVerdict {
  const { answer, reason, takes, unread } = runs(image, node);
  return {
    node: node.name,
    answer,
    reason,
    takes: takes?.platform === undefined ? undefined : normalisePlatform(takes.platform),
    unread,
  };
}

interface LastSeen {
  readonly seen: SeenTag;
  readonly image: ReadImage | undefined;
}

/** What is known of a tag from an earlier run. Nobody knows whether it still points there, so this is told and never counted. */
async function recall(
  reference: Reference,
  nodes: readonly Node[],
  { memory, signal }: CheckOptions,
): Promise<LastSeen | undefined> {
  const seen = await memory?.seenTag(formatReference(reference));
  if (seen === undefined) return undefined;
  const { registry, repository } = reference;
  const byDigest = { registry, repository, digest: seen.digest };
  const read = await readImage(nothing, byDigest, { nodes, keepFailures: true, memory, signal }).catch(
    (thrown: unknown) => {
      if (thrown instanceof UserError) return undefined;
      throw thrown;
    },
  );
  return { seen, image: read?.image };
}

/** A registry that has nothing: what comes through comes from the memory. */
const nothing: ImageReader = {
  manifest: async (reference) => {
    throw new UserError('BAN-E303', `${formatReference(reference)} is not known from earlier`);
  },
  blob: async (_reference, digest) => {
    throw new UserError('BAN-E303', `${digest} is not known from earlier`);
  },
};

function describeLast({ seen, image }: LastSeen, node: Node): string {
  const then = `as of ${seen.at.slice(0, 16).replace('T', ' ')} UTC it was ${seen.digest.slice(0, 19)}`;
  const verdict = image === undefined ? undefined : runs(image, node);
  if (verdict === undefined || verdict.answer === 'unknown') return `; ${then}`;
  return `; ${then}, which ${verdict.answer === 'runs' ? 'runs' : 'does not run'} there`;
}
