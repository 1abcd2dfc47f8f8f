import * as v from 'valibot';
import { check, parseJsonObject } from '../../oci/manifest.ts';
import { missingBaseName } from '../../oci/missing-base.ts';
import { normalisePlatform, type Platform } from '../../oci/platform.ts';
import type { BuildDescription } from '../recipe/description.ts';

const baseSchema = v.looseObject({
  config: v.nullish(
    v.looseObject({
      Env: v.nullish(v.array(v.string())),
      Labels: v.nullish(v.record(v.string(), v.string())),
      ExposedPorts: v.nullish(v.record(v.string(), v.unknown())),
    }),
  ),
  history: v.nullish(v.array(v.looseObject({})), []),
  rootfs: v.object({ diff_ids: v.array(v.string()) }),
});

/** A base image's configuration, with all that bantam does not know of it. */
export type BaseConfig = v.InferOutput<typeof baseSchema>;

/** Decodes one; `where` names it in messages. Throws BAN-E306. */
export function decodeBaseConfig(bytes: Uint8Array, where: string): BaseConfig {
  return check(baseSchema, parseJsonObject(bytes, where), where);
}

/** What an image's configuration is made of. */
export interface ConfigParts {
  readonly platform: Platform;
  readonly base: BaseConfig | undefined;
  /** What build.json says. */
  readonly image: BuildDescription['image'];
  /** `--build-label`. */
  readonly labels: Readonly<Record<string, string>>;
  /** Of the own layer, uncompressed. */
  readonly diffId: string;
  /** The instructions of the Dockerfile's last stage, in order; the first that copies makes the layer. */
  readonly instructions: readonly { readonly keyword: string; readonly text: string }[];
  /** The base that could not be had. */
  readonly missingBase: string | undefined;
}

/** Times of everything: nothing of the machine that builds reaches the image. */
const created = '1970-01-01T00:00:00Z';

/** What BuildKit sets where no base sets a PATH. */
const defaultPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * The configuration of one platform's image as Docker's builder makes it: what the base says, with build.json's settings
 * over it (image-spec, config.md; BuildKit's dockerfile2llb). An entrypoint of its own drops the base's arguments.
 */
export function makeConfig(parts: ConfigParts): Uint8Array {
  const { base, image } = parts;
  const { os, architecture, variant } = normalisePlatform(parts.platform);
  const { Env, Labels, ExposedPorts, ...others } = base?.config ?? {};
  // What is the base's own: its triggers have no further build, its arguments belong to its own entrypoint.
  const rest = Object.entries(others).filter(([name]) => !overridden.has(name));
  const labels = {
    ...Labels,
    ...image.labels,
    ...parts.labels,
    ...(parts.missingBase === undefined ? {} : { [missingBaseName]: parts.missingBase }),
  };
  const ports = { ...ExposedPorts, ...Object.fromEntries(image.exposedPorts.map((port) => [port, {}])) };
  const config = {
    User: image.user,
    ...(Object.keys(ports).length === 0 ? {} : { ExposedPorts: ports }),
    Env: mergeEnvironment(Env ?? [], image.environment),
    Entrypoint: image.entrypoint,
    ...(image.cmd.length === 0 ? {} : { Cmd: image.cmd }),
    WorkingDir: image.workingDirectory,
    Labels: Object.fromEntries(Object.entries(labels).sort(([left], [right]) => (left < right ? -1 : 1))),
    ...Object.fromEntries(rest),
  };
  const own = parts.instructions.map(({ keyword, text }) => ({
    created,
    created_by: text,
    comment: 'bantam assemble',
    ...(keyword === 'COPY' ? {} : { empty_layer: true }),
  }));
  const document = {
    architecture,
    config,
    created,
    history: [...(base?.history ?? []), ...own],
    os,
    rootfs: { type: 'layers', diff_ids: [...(base?.rootfs.diff_ids ?? []), parts.diffId] },
    ...(variant === undefined ? {} : { variant }),
  };
  return Buffer.from(JSON.stringify(document));
}

const overridden = new Set(['User', 'Entrypoint', 'Cmd', 'WorkingDir', 'OnBuild', 'ArgsEscaped']);

/** A variable of the base keeps its place and gets the new value; new ones follow. */
function mergeEnvironment(base: readonly string[], own: Readonly<Record<string, string>>): string[] {
  const nameOf = (line: string): string => line.split('=', 1)[0] ?? '';
  const known = new Set(base.map(nameOf));
  const merged = [
    ...base.map((line) => (Object.hasOwn(own, nameOf(line)) ? `${nameOf(line)}=${own[nameOf(line)]}` : line)),
    ...Object.entries(own).flatMap(([name, value]) => (known.has(name) ? [] : [`${name}=${value}`])),
  ];
  return merged.some((line) => nameOf(line) === 'PATH') ? merged : [defaultPath, ...merged];
}
