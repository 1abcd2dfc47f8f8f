import * as v from 'valibot';
import { UserError } from '../../errors.ts';
import type { ImageManifest } from '../../oci/manifest.ts';
import { formatPlatform, normalisePlatform, type Platform } from '../../oci/platform.ts';
import { parseReference, type Reference } from '../../oci/reference.ts';
import { openRegistry } from '../../registry/client.ts';
import { type ManifestNode, readTree } from '../../registry/image-tree.ts';
import type { Registry } from '../../registry/registry.ts';
import type { Sizes } from './messages.ts';

const timeout = 5000;
/** A configuration is a few kB; a larger one is not read. */
const largestConfiguration = 4 << 20;

/**
 * What a node downloads of an image, for each of its platforms: configuration and compressed layers, as the manifests in the gateway's own
 * registry (at `gatewayUrl`) tell. Images elsewhere are not asked for. Never throws but for an abort.
 */
export async function readSizes(gatewayUrl: string, image: string, signal: AbortSignal): Promise<Sizes> {
  const { host, port } = new URL(gatewayUrl);
  try {
    const reference = parseReference(image);
    if (![host, `localhost:${port}`].includes(reference.registry))
      return { platforms: [], unknown: `the image lies in ${reference.registry}, not in this gateway's registry` };
    const here = { ...reference, registry: host };
    const registry = openRegistry({
      credentials: { find: async () => undefined },
      report: () => undefined,
      insecure: [host],
      timeout,
      attempts: 1,
    });
    return { platforms: await measure(registry, here, signal) };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { platforms: [], unknown: error.message };
  }
}

async function measure(registry: Registry, reference: Reference, signal: AbortSignal): Promise<Sizes['platforms']> {
  const root = await readTree(registry, reference, { keepFailures: true, signal });
  if (root.manifest.kind === 'image') {
    const platform = await platformOf(registry, reference, root.manifest, signal);
    return [{ platform: formatPlatform(platform), bytes: bytesOf(root.manifest) }];
  }
  return imagesOf(root);
}

/** Indexes within indexes count by what is in them; attestations do not. */
function imagesOf({ children }: ManifestNode): { platform: string; bytes: number }[] {
  return children.flatMap(({ attestation, descriptor, node }) => {
    if (attestation || node === undefined) return [];
    if (node.manifest.kind === 'index') return imagesOf(node);
    if (descriptor.platform === undefined) return [];
    return [{ platform: formatPlatform(normalisePlatform(descriptor.platform)), bytes: bytesOf(node.manifest) }];
  });
}

function bytesOf({ config, layers }: ImageManifest): number {
  return layers.reduce((sum, { size }) => sum + size, config.size);
}

/** An image without an index tells its platform in its configuration only. */
async function platformOf(
  registry: Registry,
  reference: Reference,
  { config }: ImageManifest,
  signal: AbortSignal,
): Promise<Platform> {
  const unknown = { os: 'unknown', architecture: 'unknown' };
  if (config.size > largestConfiguration) return unknown;
  const stream = await registry.blob(reference, config.digest, signal);
  const read = v.safeParse(configurationSchema, await new Response(stream).text());
  if (!read.success) return unknown;
  const { os, architecture, variant } = read.output;
  return normalisePlatform({ os, architecture, ...(variant === undefined ? {} : { variant }) });
}

const configurationSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ os: v.string(), architecture: v.string(), variant: v.optional(v.string()) }),
);
