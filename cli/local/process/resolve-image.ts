import { UserError } from '../../errors.ts';
import { decodeConfig, type ImageConfig } from '../../oci/config.ts';
import { entryChosen, platformsTaken } from '../../oci/containerd.ts';
import { decodeManifest, type ImageIndex, type ImageManifest } from '../../oci/manifest.ts';
import { explainUnreadableLayer, isLayerMediaType } from '../../oci/media-types.ts';
import type { Node } from '../../oci/node.ts';
import { formatPlatform, normalisePlatform, type Platform, samePlatform } from '../../oci/platform.ts';
import { formatReference, type Reference } from '../../oci/reference.ts';
import { readConfig } from '../../registry/read-image.ts';
import type { ImageReader } from '../../registry/registry.ts';

/** The part of an image that a machine runs. */
export interface ResolvedImage {
  readonly reference: Reference;
  /** Digests from what the reference names (an index, mostly) down to the manifest, which is the last. */
  readonly path: readonly string[];
  readonly manifest: ImageManifest;
  readonly config: ImageConfig;
}

/** Indexes within indexes: buildx's layouts have one level of it. */
const deepest = 3;

/**
 * Finds what a machine runs of an image: manifest and configuration, no layers. Throws what the reader throws, BAN-E306 for what is damaged,
 * BAN-E505 if it holds nothing for this machine.
 */
export async function resolveImage(
  reader: ImageReader,
  reference: Reference,
  node: Node,
  signal: AbortSignal,
): Promise<ResolvedImage> {
  const { registry, repository } = reference;
  const written = formatReference(reference);
  const path: string[] = [];
  let wanted = reference;
  for (;;) {
    const stored = await reader.manifest(wanted, signal);
    path.push(stored.digest);
    const manifest = decodeManifest(stored.bytes, stored.mediaType, `manifest ${stored.digest} of ${written}`);
    if (manifest.kind === 'index') {
      if (path.length > deepest)
        throw new UserError('BAN-E306', `the index of ${written} holds indexes more than ${deepest} deep`);
      wanted = { registry, repository, digest: chooseEntry(manifest, node, written) };
      continue;
    }
    const bytes = await readConfig(manifest.config, { reader, reference, options: { signal } });
    const config = decodeConfig(bytes, `configuration of ${written}`);
    // A single manifest, or an entry without a platform, says only here what it is for.
    if (config.platform.architecture !== '' && !isTaken(config.platform, node))
      throw lacksPlatform(written, [config.platform], node);
    const unreadable = manifest.layers.map(({ mediaType }) => explainUnreadableLayer(mediaType)).find(Boolean);
    if (unreadable !== undefined) throw new UserError('BAN-E306', `${written} cannot be unpacked: ${unreadable}`);
    const layers = manifest.layers.filter(({ mediaType }) => isLayerMediaType(mediaType));
    return { reference, path, manifest: { ...manifest, layers }, config };
  }
}

function chooseEntry(index: ImageIndex, node: Node, written: string): string {
  const images = index.entries.flatMap(({ descriptor, attestation }) => (attestation ? [] : [descriptor]));
  const chosen = entryChosen(images, node);
  if (chosen !== undefined) return chosen.digest;
  const offered = images.flatMap(({ platform }) => (platform === undefined ? [] : [platform]));
  throw lacksPlatform(written, offered, node);
}

function isTaken(platform: Platform, node: Node): boolean {
  return platformsTaken(node.asks).some((each) => samePlatform(each, platform));
}

function lacksPlatform(written: string, offered: readonly Platform[], node: Node): UserError {
  const names = [...new Set(offered.map((each) => formatPlatform(normalisePlatform(each))))];
  const own = formatPlatform(node.asks);
  const has = names.length === 0 ? 'no image of any platform' : `${names.join(', ')} only`;
  return new UserError('BAN-E505', `${written} has ${has}, and this machine is ${own}`, {
    hint:
      node.asks.os === 'linux'
        ? `build it for this machine, too: bantam fn build --platform ${[...names, own].join(',')}; or emulate: bantam local up --provider docker`
        : 'images of functions are for Linux: run them in containers with bantam local up --provider docker, or test without an image with bantam fn test',
  });
}
