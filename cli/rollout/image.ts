import pLimit from 'p-limit';
import { UserError } from '../errors.ts';
import { decodeConfig, type Overrides } from '../oci/config.ts';
import { adviseOn } from '../oci/fault.ts';
import type { ImageManifest } from '../oci/manifest.ts';
import { missingBaseOf } from '../oci/missing-base.ts';
import { anyArm, anyArm64, type Node, nodeOf } from '../oci/node.ts';
import { type Platform, parsePlatform } from '../oci/platform.ts';
import { formatReference, parseReference, type Reference, withoutDigest } from '../oci/reference.ts';
import { type RunVerdict, runs } from '../oci/runs.ts';
import type { Dialect } from '../openfaas/dialects.ts';
import { contentsOf } from '../registry/contents.ts';
import type { ImageMemory } from '../registry/image-memory.ts';
import { type ManifestNode, readTree } from '../registry/image-tree.ts';
import { readConfig, readImage } from '../registry/read-image.ts';
import type { Registry } from '../registry/registry.ts';
import { type DeployedImage, deployedReference } from './deployment.ts';

/** An image as it lies in its registry, before anything is sent to a gateway. */
export interface DeployableImage extends DeployedImage {
  readonly platforms: readonly Platform[];
  /** Whether it runs on the gateway's machine: `runs` or `unknown`; undefined if the gateway does not tell what that is. */
  readonly verdict: Pick<RunVerdict, 'answer' | 'reason'> | undefined;
}

/** What must hold for the image. `digest`: the one just built; `architecture`: GOARCH of the gateway, empty if it does not tell. */
export interface ImageExpectation {
  readonly digest: string | undefined;
  readonly architecture: string;
  /** Environment that the function is started with besides the image's own; `fprocess` decides what a watchdog starts. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
  readonly dialect: Pick<Dialect, 'imageForm' | 'pullsBeforeAnswer'>;
  /** Whether the gateway can run an image that was built without its base: only the process provider of `bantam local up` can. */
  readonly takesBaseless?: boolean | undefined;
}

/**
 * Reads all manifests of an image, and asks for every part of it, because on faasd an update to an image that is not there,
 * or does not run on the node, destroys the running function. What starts there is looked into as `image check` does, from the
 * memory where it is known. Throws BAN-E221 (it lacks its base), BAN-E503 (nothing under that tag, or not all of it), E505 (it does not run on the
 * gateway's machine), and what the registry throws.
 */
export async function readDeployableImage(
  registry: Registry,
  image: string,
  expected: ImageExpectation,
  signal: AbortSignal,
  memory?: ImageMemory,
): Promise<DeployableImage> {
  const tagged = parseReference(image);
  const reference: Reference =
    expected.digest === undefined
      ? tagged
      : { registry: tagged.registry, repository: tagged.repository, digest: expected.digest };
  const where = formatReference(reference);
  // Not from the memory: that the registry still has them is what a pull needs.
  const tree = await readTree(registry, reference, { signal }).catch((thrown: unknown) => {
    if (!(thrown instanceof UserError) || thrown.code !== 'BAN-E303') throw thrown;
    throw new UserError('BAN-E503', `there is no image ${where} in the registry, or not all of it`, {
      hint: 'bantam fn build --push',
      details: [thrown.message],
      cause: thrown,
    });
  });
  const byDigest = { registry: reference.registry, repository: reference.repository, digest: tree.stored.digest };
  await requireParts(registry, byDigest, tree, where, signal);
  const images = imagesOf(tree);
  const first = images.find(({ platform }) => platform !== undefined) ?? images[0];
  if (first === undefined)
    throw new UserError('BAN-E306', `the index ${where} names no image`, { hint: 'bantam fn build --push' });
  const reading = { reader: registry, reference: byDigest, options: { memory, signal } };
  const config = decodeConfig(await readConfig(first.manifest.config, reading), `configuration of ${where}`);
  const missingBase = missingBaseOf(config);
  if (missingBase !== undefined && expected.takesBaseless !== true)
    throw new UserError(
      'BAN-E221',
      `${where} was built without its base image ${withoutDigest(missingBase)}: it would not start there`,
      {
        hint: 'build it again where the base image can be had: bantam fn build --push',
      },
    );
  // Without a base nothing in the image says which machine it is for; the process provider looks for itself.
  const judged = expected.architecture !== '' && missingBase === undefined;
  const node = judged ? nodeOfGateway(expected.architecture) : undefined;
  const verdict =
    node === undefined
      ? undefined
      : await judge(registry, byDigest, {
          tree,
          node,
          signal,
          memory,
          overrides: { environment: expected.environment },
        });
  if (verdict?.answer === 'does not') {
    throw new UserError(
      'BAN-E505',
      `${where} does not run on the gateway's machine (${expected.architecture}): ${verdict.reason}`,
      { hint: adviseAgainst(verdict, expected.architecture) },
    );
  }
  const named = images.flatMap(({ platform }) => (platform === undefined ? [] : [platform]));
  return {
    reference: deployedReference(image, tree.stored.digest, expected.dialect),
    digest: tree.stored.digest,
    bantamRuntime: config.config.Labels['bantam.runtime'] !== undefined,
    platforms: named.length === 0 ? [config.platform] : named,
    verdict,
  };
}

/** What to do about an image that does not run: one that is not for that machine is built for it, any other fault mended first. */
function adviseAgainst({ fault, takes }: RunVerdict, architecture: string): string {
  const force = 'on a cluster of several architectures --force deploys it all the same';
  if (fault === undefined || fault === 'platform' || (fault === 'machine' && takes?.platform === undefined))
    return `bantam fn build --push --platform linux/${architecture}; ${force}`;
  return `${adviseOn([fault])}; then: bantam fn build --push (${force})`;
}

async function judge(
  registry: Registry,
  reference: Reference,
  known: {
    readonly tree: ManifestNode;
    readonly node: Node;
    readonly signal: AbortSignal;
    readonly memory: ImageMemory | undefined;
    readonly overrides: Overrides;
  },
): Promise<RunVerdict> {
  const { image } = await readImage(registry, reference, { ...known, nodes: [known.node], keepFailures: true });
  return runs(image, known.node);
}

/** Every manifest and blob of every platform must still be in the registry: a node that lacks one cannot pull, and on faasd that ends the running function. */
async function requireParts(
  registry: Registry,
  reference: Reference,
  tree: ManifestNode,
  where: string,
  signal: AbortSignal,
): Promise<void> {
  const { blobs } = contentsOf(tree);
  const limit = pLimit(4);
  const found = await Promise.all(
    blobs.map(({ digest }) =>
      limit(async () => ({ digest, there: await registry.hasBlob(reference, digest, signal) })),
    ),
  );
  const lost = found.filter(({ there }) => !there).map(({ digest }) => digest);
  if (lost.length === 0) return;
  throw new UserError('BAN-E503', `the registry has lost ${lost.length} of ${blobs.length} parts of ${where}`, {
    details: lost,
    hint: 'bantam fn build --push sends them again',
  });
}

/** What a gateway's machine is, of which it tells no more than GOARCH; some say `x86_64` or `aarch64`. */
function nodeOfGateway(reported: string): Node {
  const platform = platformOfGateway(reported);
  if (platform.architecture === 'arm64') return anyArm64;
  return platform.architecture === 'arm' && reported === 'arm' ? anyArm : nodeOf(platform);
}

function platformOfGateway(reported: string): Platform {
  try {
    return parsePlatform(reported);
  } catch {
    return { os: 'linux', architecture: reported }; // No platform of ours: then no image fits it, and the message names it.
  }
}

function imagesOf(
  { manifest, children }: ManifestNode,
  platform?: Platform,
): { readonly manifest: ImageManifest; readonly platform: Platform | undefined }[] {
  if (manifest.kind === 'image') return [{ manifest, platform }];
  return children.flatMap(({ node, descriptor, attestation }) =>
    node === undefined || attestation ? [] : imagesOf(node, descriptor.platform),
  );
}
