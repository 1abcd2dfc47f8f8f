import type { Report } from '../events.ts';
import type { ImageConfig } from '../oci/config.ts';
import type { Program } from '../oci/entrypoint.ts';
import type { Fault } from '../oci/fault.ts';
import type { Answer } from '../oci/judge-program.ts';
import { nodeOf } from '../oci/node.ts';
import { formatPlatform, normalisePlatform, type Platform, samePlatform } from '../oci/platform.ts';
import type { ImageEntry } from '../oci/read-image.ts';
import type { Reference } from '../oci/reference.ts';
import { judgeContent } from '../oci/runs.ts';
import { type ImageSize, measureImage } from '../oci/size.ts';
import { type ImageOnRegistry, type ReadOptions, readImage } from './read-image.ts';
import type { ImageReader } from './registry.ts';

/** One platform of an image as it really is. */
export interface InspectedPlatform {
  /** As the index (or, without one, the configuration) names it, normalised. */
  readonly platform: Platform;
  /** Of this platform's manifest. */
  readonly digest: string;
  readonly config: ImageConfig;
  readonly size: ImageSize;
  readonly program: Program;
  /** Whether it runs on the machine that its platform names. */
  readonly verdict: Answer;
  /** The verdict's reason as a clause. */
  readonly reason: string;
  /** With `does not`: what is wrong, for advice. */
  readonly fault: Fault | undefined;
  /** What its configuration says it is for where that is another machine than its index says: a fault of the build that no container runtime minds. */
  readonly contradiction: Platform | undefined;
  /** The base image that its manifest names (image-spec, annotations.md: `base.name`, `base.digest`); most builders name none. */
  readonly base: { readonly name: string; readonly digest: string } | undefined;
}

/** An image and its platforms. */
export interface InspectedImage {
  /** Of what the reference names: index, or the only manifest. */
  readonly digest: string;
  readonly mediaType: string;
  /** False for an image that is no index: such an image is pulled for any platform without complaint. */
  readonly isIndex: boolean;
  /** All platforms there are, in the order of the index. */
  readonly available: readonly Platform[];
  /** Those that were asked for and are there. */
  readonly platforms: readonly InspectedPlatform[];
  /** Those that were asked for and could not be read; none unless failures are kept. What names no platform is unknown/unknown: anything may be in it. */
  readonly unread: readonly { readonly platform: Platform; readonly reason: string }[];
  /** All of what was read. */
  readonly source: ImageOnRegistry;
}

/** What {@link inspectImage} may be told. */
export interface InspectOptions extends ReadOptions {
  /** How many history entries the last Dockerfile stage made, to tell own layers from the base; see {@link measureImage}. */
  readonly ownHistoryEntries?: number | undefined;
  readonly report?: Report | undefined;
}

/** Reads an image and says of each platform what it holds and whether it runs where it says it does. Throws as {@link readImage}. */
export async function inspectImage(
  reader: ImageReader,
  reference: Reference,
  options: InspectOptions = {},
): Promise<InspectedImage> {
  const source = await readImage(reader, reference, options);
  const entries = flatten(source.image.entries);
  const isWanted = ({ platform }: { platform: Platform }) =>
    options.platforms === undefined || options.platforms.some((each) => samePlatform(each, platform));
  const named = entries.flatMap((entry) => {
    const platform = platformOf(entry);
    return platform === undefined ? [] : [{ entry, platform }];
  });
  return {
    digest: source.tree.stored.digest,
    mediaType: source.tree.stored.mediaType,
    isIndex: source.image.isIndex,
    available: named.map(({ platform }) => platform),
    platforms: named.filter(isWanted).flatMap(({ entry, platform }) => inspectEntry(source, entry, platform, options)),
    unread: entries.flatMap((entry) => {
      const platform = platformOf(entry);
      if (entry.content.kind !== 'unread' || (platform !== undefined && !isWanted({ platform }))) return [];
      return [{ platform: platform ?? nobodyKnows, reason: entry.content.reason }];
    }),
    source,
  };
}

function inspectEntry(
  source: ImageOnRegistry,
  entry: ImageEntry,
  platform: Platform,
  options: InspectOptions,
): InspectedPlatform[] {
  const manifest = source.manifests.get(entry);
  if (manifest === undefined || entry.content.kind !== 'image') return [];
  const { config, program } = entry.content;
  options.report?.({
    type: 'trace',
    text: `${formatPlatform(platform)} starts ${program.via.join(' → ') || 'nothing'}`,
  });
  const size = measureImage(manifest, config, options.ownHistoryEntries);
  const base = baseOf(manifest.annotations);
  const { answer: verdict, reason, fault } = judgeContent(entry.content, nodeOf(platform));
  const contradiction = contradictionOf(config.platform, platform);
  return [{ platform, digest: entry.digest, config, size, program, base, verdict, reason, fault, contradiction }];
}

/** Old builders leave the platform out of a configuration, or its variant: that contradicts nothing. */
function contradictionOf(said: Platform, platform: Platform): Platform | undefined {
  const { os, architecture } = normalisePlatform(said);
  const agrees = os === platform.os && (architecture === '' || architecture === platform.architecture);
  return agrees ? undefined : normalisePlatform(said);
}

function baseOf(annotations: Readonly<Record<string, string>>): InspectedPlatform['base'] {
  const name = annotations['org.opencontainers.image.base.name'] ?? '';
  const digest = annotations['org.opencontainers.image.base.digest'] ?? '';
  return name === '' && digest === '' ? undefined : { name, digest };
}

const nobodyKnows: Platform = { os: 'unknown', architecture: 'unknown' };

function flatten(entries: readonly ImageEntry[]): ImageEntry[] {
  return entries.flatMap((entry) => (entry.content.kind === 'index' ? flatten(entry.content.entries) : [entry]));
}

function platformOf({ platform, content }: ImageEntry): Platform | undefined {
  if (content.kind === 'no image') return undefined;
  const said = platform ?? (content.kind === 'image' ? content.config.platform : undefined);
  return said === undefined ? undefined : normalisePlatform(said);
}
