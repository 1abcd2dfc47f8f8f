import * as v from 'valibot';
import { Failure } from './failure.ts';

/** Shapes of the OCI image specification (and Docker's schema 2, which has the same), as far as they are read here. */
const digest = v.pipe(v.string(), v.regex(/^sha256:[0-9a-f]{64}$/));
const platform = v.object({ os: v.string(), architecture: v.string(), variant: v.optional(v.string()) });

const index = v.object({
  manifests: v.array(
    v.object({
      digest,
      platform: v.optional(platform),
      annotations: v.optional(v.record(v.string(), v.string())),
    }),
  ),
});

const manifest = v.object({
  config: v.object({ digest }),
  layers: v.array(v.object({ digest, size: v.number(), mediaType: v.string() })),
});

const strings = v.nullish(v.array(v.string()));
const config = v.object({
  ...platform.entries,
  config: v.nullish(v.object({ Entrypoint: strings, Cmd: strings, Env: strings, WorkingDir: v.nullish(v.string()) })),
});

export type Platform = v.InferOutput<typeof platform>;
export type Manifest = v.InferOutput<typeof manifest>;
export type Config = v.InferOutput<typeof config>;

/** An index is told from a manifest by what is in it: registries are careless about media types. */
export function isIndex(document: unknown): document is v.InferOutput<typeof index> {
  return v.is(index, document);
}

export function readManifest(document: unknown): Manifest {
  return read(manifest, document, 'a manifest');
}

export function readConfig(document: unknown): Config {
  return read(config, document, 'an image configuration');
}

function read<Schema extends v.GenericSchema>(schema: Schema, document: unknown, name: string): v.InferOutput<Schema> {
  const result = v.safeParse(schema, document);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new Failure(502, 'bad-registry', `this is not ${name}: ${v.getDotPath(issue) ?? ''} ${issue.message}`);
}

/** `linux/arm/v7`. arm64 is always v8, and 32-bit ARM without a variant is v7. */
export function formatPlatform({ os, architecture, variant }: Platform): string {
  if (architecture === 'arm') return `${os}/arm/${variant ?? 'v7'}`;
  if (variant === undefined || variant === '' || (architecture === 'arm64' && variant === 'v8'))
    return `${os}/${architecture}`;
  return `${os}/${architecture}/${variant}`;
}
