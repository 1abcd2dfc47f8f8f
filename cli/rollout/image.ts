import { text as readText } from 'node:stream/consumers';
import pLimit from 'p-limit';
import { UserError } from '../errors.ts';
import { decodeConfig } from '../oci/config.ts';
import { decodeManifest } from '../oci/manifest.ts';
import { formatPlatform, type Platform, parsePlatform } from '../oci/platform.ts';
import { formatReference, parseReference, type Reference } from '../oci/reference.ts';
import type { Dialect } from '../openfaas/dialects.ts';
import { listContents } from '../registry/contents.ts';
import type { Registry } from '../registry/registry.ts';
import { type DeployedImage, deployedReference } from './deployment.ts';

/** An image as it lies in its registry, before anything is sent to a gateway. */
export interface DeployableImage extends DeployedImage {
  readonly platforms: readonly Platform[];
}

/** What must hold for the image. `digest`: the one just built; `architecture`: GOARCH of the gateway, empty if it does not tell. */
export interface ImageExpectation {
  readonly digest: string | undefined;
  readonly architecture: string;
  readonly dialect: Pick<Dialect, 'imageForm' | 'pullsBeforeAnswer'>;
}

/**
 * Reads an image's index (or single manifest) and one configuration, because on faasd an update to an image that is not
 * there, or lacks the node's platform, destroys the running function. Throws BAN-E503 (nothing under that tag), E505
 * (the gateway's architecture is missing), and what the registry throws.
 */
export async function readDeployableImage(
  registry: Registry,
  image: string,
  expected: ImageExpectation,
  signal: AbortSignal,
): Promise<DeployableImage> {
  const tagged = parseReference(image);
  const reference: Reference =
    expected.digest === undefined
      ? tagged
      : { registry: tagged.registry, repository: tagged.repository, digest: expected.digest };
  const stored = await registry.manifest(reference, signal).catch((thrown: unknown) => {
    if (!(thrown instanceof UserError) || thrown.code !== 'BAN-E303') throw thrown;
    throw new UserError('BAN-E503', `there is no image ${formatReference(reference)} in the registry`, {
      hint: 'bantam fn build --push',
      cause: thrown,
    });
  });
  const where = formatReference(reference);
  const manifest = decodeManifest(stored.bytes, stored.mediaType, where);
  const first =
    manifest.kind === 'image'
      ? stored
      : await firstImage(registry, reference, manifest.images[0]?.digest, where, signal);
  const config = await readConfig(registry, reference, first, where, signal);
  const platforms = manifest.kind === 'image' ? [config.platform] : manifest.images.map(({ platform }) => platform);
  if (
    expected.architecture !== '' &&
    !platforms.some(({ architecture }) => fits(architecture, expected.architecture))
  ) {
    throw new UserError(
      'BAN-E505',
      `${where} has ${platforms.map(formatPlatform).join(', ')}, and the gateway's machine is ${expected.architecture}`,
      {
        hint: `bantam fn build --push --platform linux/${expected.architecture}; on a cluster of several architectures --force deploys it all the same`,
      },
    );
  }
  await requireParts(registry, { ...reference, digest: stored.digest }, where, signal);
  return {
    reference: deployedReference(image, stored.digest, expected.dialect),
    digest: stored.digest,
    bantamRuntime: config.config.Labels['bantam.runtime'] !== undefined,
    platforms,
  };
}

/** Every manifest and blob of every platform must still be in the registry: a node that lacks one cannot pull, and on faasd that ends the running function. */
async function requireParts(
  registry: Registry,
  reference: Reference,
  where: string,
  signal: AbortSignal,
): Promise<void> {
  const { blobs } = await listContents(registry, reference, signal);
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

/** containerd starts 32-bit ARM images on 64-bit ARM machines too. */
function fits(image: string, reported: string): boolean {
  const machine = machineOf(reported);
  return image === machine || (machine === 'arm64' && image === 'arm');
}

/** GOARCH of what a gateway calls its machine: most say GOARCH, some `x86_64` or `aarch64`; an unheard-of name stays as it is. */
function machineOf(reported: string): string {
  try {
    return parsePlatform(reported).architecture;
  } catch {
    return reported; // No platform of ours: then no image fits it, and the message names it.
  }
}

async function firstImage(
  registry: Registry,
  reference: Reference,
  digest: string | undefined,
  where: string,
  signal: AbortSignal,
): Promise<{ bytes: Uint8Array; mediaType: string }> {
  if (digest === undefined)
    throw new UserError('BAN-E306', `the index ${where} names no image`, { hint: 'bantam fn build --push' });
  return await registry.manifest({ registry: reference.registry, repository: reference.repository, digest }, signal);
}

async function readConfig(
  registry: Registry,
  reference: Reference,
  image: { bytes: Uint8Array; mediaType: string },
  where: string,
  signal: AbortSignal,
): Promise<ReturnType<typeof decodeConfig>> {
  const manifest = decodeManifest(image.bytes, image.mediaType, where);
  if (manifest.kind !== 'image')
    throw new UserError('BAN-E306', `the index ${where} names another index`, { hint: 'bantam fn build --push' });
  const text = await readText(await registry.blob(reference, manifest.config.digest, signal));
  return decodeConfig(new TextEncoder().encode(text), `configuration of ${where}`);
}
