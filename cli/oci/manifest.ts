import * as v from 'valibot';
import { UserError } from '../errors.ts';
import { isDigest } from './digest.ts';
import { isImageMediaType, isIndexMediaType, mediaTypes } from './media-types.ts';
import { parseModestJson } from './modest-json.ts';
import type { Platform } from './platform.ts';
import { printable } from './printable.ts';

/** A pointer to a blob or manifest (image-spec, descriptor.md). `size` in bytes, as stored (compressed). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: Platform;
  /** `os.features` of the platform: what a machine must have besides, never anything for plain Linux. */
  readonly osFeatures?: readonly string[];
  readonly annotations: Readonly<Record<string, string>>;
}

/** One platform's image: a configuration and layers, the lowest first. */
export interface ImageManifest {
  readonly kind: 'image';
  readonly mediaType: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly annotations: Readonly<Record<string, string>>;
}

/** A list of images, one per platform, as OCI index or Docker manifest list. */
export interface ImageIndex {
  readonly kind: 'index';
  readonly mediaType: string;
  /** All that it names, in its order, which decides where two are for the same platform: images, indexes, attestations, artifacts. */
  readonly entries: readonly IndexEntry[];
  readonly annotations: Readonly<Record<string, string>>;
}

/** One line of an index. */
export interface IndexEntry {
  readonly descriptor: Descriptor;
  /** BuildKit's provenance and SBOM documents: they look like images of platform unknown/unknown. */
  readonly attestation: boolean;
}

/** What {@link decodeManifest} returns. */
export type Manifest = ImageManifest | ImageIndex;

/**
 * Decodes a manifest or index. `mediaType` is what the registry or the descriptor said; where it says nothing useful
 * (`''`, `application/json`) the document's own field or its shape decides. A document that contradicts its media type is refused
 * (image-spec, manifest.md: "mediaType"; CVE-2021-41190). `where` names it in errors. Throws BAN-E306.
 */
export function decodeManifest(bytes: Uint8Array, mediaType: string, where: string): Manifest {
  const json = parseJsonObject(bytes, where);
  const declared = mediaType.split(';')[0]?.trim().toLowerCase() ?? '';
  const own = typeof json['mediaType'] === 'string' ? json['mediaType'] : undefined;
  const said = isIndexMediaType(declared) || isImageMediaType(declared) ? declared : (own ?? '');
  if (json['schemaVersion'] === 1) {
    throw damaged(
      where,
      'it is a Docker manifest of schema 1, which no current engine pulls',
      'push it again with a current Docker',
    );
  }
  if ('manifests' in json && ('layers' in json || 'config' in json))
    throw damaged(where, 'it is an index and an image at once');
  if (own !== undefined && own !== said) throw damaged(where, `it was announced as ${said} and calls itself ${own}`);
  if (isIndexMediaType(said) || (said === '' && 'manifests' in json)) {
    return toIndex(check(indexSchema, json, where), said === '' ? mediaTypes.ociIndex : said);
  }
  if (isImageMediaType(said) || (said === '' && 'layers' in json)) {
    const image = check(imageSchema, json, where);
    const annotations = image.annotations;
    return {
      kind: 'image',
      mediaType: said === '' ? mediaTypes.ociManifest : said,
      config: image.config,
      layers: image.layers,
      annotations,
    };
  }
  throw damaged(
    where,
    said === '' ? 'it is neither an image nor an index' : `${said} is neither an image nor an index`,
  );
}

/** The largest real indexes have some thousand values, and engines take 127 layers. */
const documentBounds = { values: 50_000, depth: 500 };

/** Parses JSON and insists on an object. Throws BAN-E306 naming `where`. */
export function parseJsonObject(bytes: Uint8Array, where: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = parseModestJson(new TextDecoder('utf-8', { fatal: true }).decode(bytes), documentBounds);
  } catch (error) {
    throw damaged(where, `it is no JSON (${error instanceof Error ? error.message : String(error)})`, undefined, error);
  }
  const parsed = v.safeParse(v.record(v.string(), v.unknown()), value);
  if (!parsed.success || Array.isArray(value)) throw damaged(where, 'it is no JSON object');
  return parsed.output;
}

/** Runs a schema over JSON; every mismatch becomes a line of one BAN-E306. */
export function check<Schema extends v.GenericSchema>(
  schema: Schema,
  json: unknown,
  where: string,
): v.InferOutput<Schema> {
  const parsed = v.safeParse(schema, json);
  if (parsed.success) return parsed.output;
  const lines = parsed.issues
    .slice(0, 10)
    .map((issue) => printable(`${v.getDotPath(issue) ?? '(top)'}: ${issue.message}`));
  throw new UserError('BAN-E306', `the ${where} is damaged: ${lines[0] ?? 'it does not have the expected shape'}`, {
    hint: 'push the image again',
    details: lines.slice(1),
  });
}

function damaged(where: string, what: string, hint = 'push the image again', cause?: unknown): UserError {
  return new UserError('BAN-E306', `the ${where} is damaged: ${printable(what)}`, { hint, cause });
}

const annotationsSchema = v.nullish(v.record(v.string(), v.string()), {});

const platformSchema = v.pipe(
  v.object({
    os: v.nullish(v.string(), ''),
    architecture: v.nullish(v.string(), ''),
    variant: v.nullish(v.string()),
    'os.features': v.nullish(v.array(v.string()), []),
  }),
  v.transform(({ os, architecture, variant, 'os.features': osFeatures }) => {
    const platform: Platform = {
      os,
      architecture,
      ...(variant === null || variant === undefined || variant === '' ? {} : { variant }),
    };
    return { platform, ...(osFeatures.length === 0 ? {} : { osFeatures }) };
  }),
);

const descriptorSchema = v.pipe(
  v.object({
    mediaType: v.optional(v.string(), ''),
    digest: v.pipe(v.string(), v.check(isDigest, 'no sha256 or sha512 digest')),
    size: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
    platform: v.nullish(platformSchema),
    annotations: annotationsSchema,
  }),
  v.transform(
    ({ platform, ...rest }): Descriptor => ({
      ...rest,
      ...(platform ?? {}),
    }),
  ),
);

const imageSchema = v.object({
  schemaVersion: v.literal(2),
  config: descriptorSchema,
  layers: v.array(descriptorSchema),
  annotations: annotationsSchema,
});

const indexSchema = v.object({
  schemaVersion: v.literal(2),
  // Go writes an empty list as null.
  manifests: v.nullable(v.array(descriptorSchema)),
  annotations: annotationsSchema,
});

function toIndex(index: v.InferOutput<typeof indexSchema>, mediaType: string): ImageIndex {
  const entries = (index.manifests ?? []).map((descriptor) => ({ descriptor, attestation: isAttestation(descriptor) }));
  return { kind: 'index', mediaType, entries, annotations: index.annotations };
}

/** BuildKit, docs/attestations/attestation-storage.md: platform unknown/unknown and an annotation that names the kind. */
function isAttestation({ platform, annotations }: Descriptor): boolean {
  return (
    annotations['vnd.docker.reference.type'] !== undefined ||
    (platform?.os === 'unknown' && platform.architecture === 'unknown')
  );
}
