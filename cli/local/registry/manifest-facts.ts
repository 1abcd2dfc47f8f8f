import { readFile } from 'node:fs/promises';
import pLimit from 'p-limit';
import * as v from 'valibot';
import { isDigest } from '../../oci/digest.ts';
import { isImageMediaType, isIndexMediaType } from '../../oci/media-types.ts';
import { parseModestJson } from '../../oci/modest-json.ts';
import { Refusal } from './refusal.ts';

/** What a registry has to know of a manifest. */
export interface ManifestFacts {
  readonly mediaType: string;
  /** Blobs that it names, each once. */
  readonly blobs: readonly string[];
  /** Manifests that it lists, each once. */
  readonly manifests: readonly string[];
  readonly subject: string | undefined;
  readonly artifactType: string | undefined;
  readonly annotations: Readonly<Record<string, string>>;
  /** What must be there before it is taken; nothing where its kind is not known. */
  readonly needs: { readonly blobs: readonly string[]; readonly manifests: readonly string[] };
}

/** Registries must take 4 MiB (distribution-spec, "Pushing Manifests"); clients read no more than that. */
export const largestManifest = 4 << 20;

/** A manifest of 4 MiB can hold a million values; real indexes have some thousand, artifacts many annotations. */
const bounds = { values: 100_000, depth: 500 };

/** A manifest of 4 MiB takes many times that while it is read, and two hundred at once would be more than a small machine has. */
const reading = pLimit(1);

/** Reads the manifest in a file, as {@link readManifest} does; one at a time. Throws also what the disk says. */
export function readManifestFile(path: string, contentType: string | undefined): Promise<ManifestFacts> {
  return reading(async () => readManifest(await readFile(path), contentType));
}

/**
 * Reads a manifest as it is pushed. `contentType` is what the client called it; without one the document's own field counts.
 * A document of a kind that is not known is taken as it is, and what looks like references in it protects what it names. Throws Refusal.
 */
export function readManifest(bytes: Uint8Array, contentType: string | undefined): ManifestFacts {
  const said = contentType?.split(';')[0]?.trim();
  const json = parse(bytes);
  const own = typeof json?.['mediaType'] === 'string' ? json['mediaType'] : undefined;
  const mediaType = said || own;
  if (mediaType === undefined) throw invalid('it has no Content-Type, and no mediaType of its own says what it is');
  if (/[^\x20-\x7e]/.test(mediaType) || mediaType.length > 255) throw invalid('its Content-Type is no media type');
  const known = isImageMediaType(mediaType) || isIndexMediaType(mediaType);
  if (json === undefined) {
    if (known || mediaType.endsWith('json')) throw invalid('it is no JSON object');
    return { ...nothing, mediaType };
  }
  // What one reader takes for an image and the next for an index (CVE-2021-41190).
  if (known && own !== undefined && own !== mediaType)
    throw invalid(`it is sent as ${mediaType} and calls itself ${own}`);
  if (known && 'manifests' in json && ('layers' in json || 'config' in json))
    throw invalid('it is an index and an image at once');
  const parsed = v.safeParse(known ? (isIndexMediaType(mediaType) ? indexSchema : imageSchema) : anySchema, json);
  if (!parsed.success) {
    if (!known) return { ...nothing, mediaType };
    const [issue] = parsed.issues;
    throw invalid(`${v.getDotPath(issue) ?? 'it'}: ${issue.message}`.slice(0, 300));
  }
  const { config, layers, blobs, manifests, subject, artifactType, annotations } = parsed.output;
  const named = [...(config == null ? [] : [config]), ...(layers ?? []), ...(blobs ?? [])];
  const listed = unique((manifests ?? []).map(({ digest }) => digest));
  return {
    mediaType,
    blobs: unique(named.map(({ digest }) => digest)),
    manifests: listed,
    subject: subject?.digest,
    artifactType: artifactType || (isIndexMediaType(mediaType) ? undefined : config?.mediaType || undefined),
    annotations: annotations ?? {},
    needs: known
      ? { blobs: unique(named.filter((blob) => !isElsewhere(blob)).map(({ digest }) => digest)), manifests: listed }
      : nothing.needs,
  };
}

const nothing = {
  blobs: [],
  manifests: [],
  subject: undefined,
  artifactType: undefined,
  annotations: {},
  needs: { blobs: [], manifests: [] },
} as const satisfies Omit<ManifestFacts, 'mediaType'>;

function parse(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    const parsed = v.safeParse(v.record(v.string(), v.unknown()), parseModestJson(text, bounds));
    return parsed.success ? parsed.output : undefined;
  } catch {
    // No JSON: whether that is allowed depends on what it is called.
    return undefined;
  }
}

/** Layers that licences keep from registries (image-spec, layer.md, "Non-Distributable Layers"; Docker's foreign layers). */
function isElsewhere({ mediaType, urls }: Descriptor): boolean {
  return /\.nondistributable\.|\.foreign\./.test(mediaType ?? '') || (urls?.length ?? 0) > 0;
}

const descriptorSchema = v.object({
  mediaType: v.nullish(v.string()),
  digest: v.pipe(v.string(), v.check(isDigest, 'no sha256 or sha512 digest')),
  size: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  urls: v.nullish(v.array(v.string())),
});

type Descriptor = v.InferOutput<typeof descriptorSchema>;

const more = {
  subject: v.nullish(descriptorSchema),
  artifactType: v.nullish(v.string()),
  annotations: v.nullish(v.record(v.string(), v.string())),
};

const anySchema = v.object({
  config: v.nullish(descriptorSchema),
  layers: v.nullish(v.array(descriptorSchema)),
  blobs: v.nullish(v.array(descriptorSchema)),
  manifests: v.nullish(v.array(descriptorSchema)),
  ...more,
});

const imageSchema = v.object({
  schemaVersion: v.literal(2),
  config: descriptorSchema,
  // Go writes an empty list as null.
  layers: v.nullable(v.array(descriptorSchema)),
  blobs: v.optional(v.undefined()),
  manifests: v.optional(v.undefined()),
  ...more,
});

const indexSchema = v.object({
  schemaVersion: v.literal(2),
  config: v.optional(v.undefined()),
  layers: v.optional(v.undefined()),
  blobs: v.optional(v.undefined()),
  manifests: v.nullable(v.array(descriptorSchema)),
  ...more,
});

function unique(digests: readonly string[]): string[] {
  return [...new Set(digests)];
}

function invalid(why: string): Refusal {
  return new Refusal(400, 'MANIFEST_INVALID', `the manifest cannot be taken: ${why}`);
}
