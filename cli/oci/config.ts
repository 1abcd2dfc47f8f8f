import * as v from 'valibot';
import { check, parseJsonObject } from './manifest.ts';
import type { Platform } from './platform.ts';

/** The configuration of one platform's image (image-spec, config.md), as far as bantam reads it. Absent lists are empty. */
export interface ImageConfig {
  readonly platform: Platform;
  readonly config: {
    readonly Entrypoint: readonly string[];
    readonly Cmd: readonly string[];
    /** `NAME=value`. */
    readonly Env: readonly string[];
    readonly Labels: Readonly<Record<string, string>>;
    readonly User: string;
    readonly WorkingDir: string;
    /** `8080/tcp`. */
    readonly ExposedPorts: readonly string[];
  };
  /** One entry per build step, oldest first; those without `emptyLayer` belong to the layers, in order. */
  readonly history: readonly { readonly createdBy: string; readonly emptyLayer: boolean }[];
  /** Digests of the uncompressed layers, lowest first. */
  readonly diffIds: readonly string[];
}

/** Decodes an image configuration; `where` names it in errors. Throws BAN-E306. */
export function decodeConfig(bytes: Uint8Array, where: string): ImageConfig {
  const json = check(configSchema, parseJsonObject(bytes, where), where);
  const { architecture, os, variant, config, history, rootfs } = json;
  return {
    platform: { os, architecture, ...(variant === '' ? {} : { variant }) },
    config: {
      Entrypoint: config?.Entrypoint ?? [],
      Cmd: config?.Cmd ?? [],
      Env: config?.Env ?? [],
      Labels: config?.Labels ?? {},
      User: config?.User ?? '',
      WorkingDir: config?.WorkingDir ?? '',
      ExposedPorts: Object.keys(config?.ExposedPorts ?? {}),
    },
    history: (history ?? []).map((entry) => ({
      createdBy: entry.created_by ?? '',
      emptyLayer: entry.empty_layer ?? false,
    })),
    diffIds: rootfs?.diff_ids ?? [],
  };
}

/** What a deployment says about how the image is started; Kubernetes' `command`, `args` and `env`. */
export interface Overrides {
  readonly command?: readonly string[] | undefined;
  readonly args?: readonly string[] | undefined;
  /** For functions of classic templates: `fprocess`. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
}

/** The configuration as a deployment changes it. A `command` without `args` drops the image's own arguments, as Kubernetes does. */
export function startedWith(image: ImageConfig, { command, args, environment = {} }: Overrides): ImageConfig {
  const { Entrypoint, Cmd, Env } = image.config;
  const own = Env.filter((line) => !Object.hasOwn(environment, line.split('=', 1)[0] ?? ''));
  return {
    ...image,
    config: {
      ...image.config,
      Entrypoint: command ?? Entrypoint,
      Cmd: args ?? (command === undefined ? Cmd : []),
      Env: [...own, ...Object.entries(environment).map(([name, value]) => `${name}=${value}`)],
    },
  };
}

const strings = v.nullish(v.array(v.string()));

const configSchema = v.object({
  // Old builders leave these out; containerd takes such an image for one of Linux.
  architecture: v.nullish(v.string(), ''),
  os: v.nullish(v.string(), ''),
  variant: v.nullish(v.string(), ''),
  config: v.nullish(
    v.object({
      Entrypoint: strings,
      Cmd: strings,
      Env: strings,
      Labels: v.nullish(v.record(v.string(), v.string())),
      User: v.nullish(v.string()),
      WorkingDir: v.nullish(v.string()),
      ExposedPorts: v.nullish(v.record(v.string(), v.unknown())),
    }),
  ),
  history: v.nullish(v.array(v.object({ created_by: v.nullish(v.string()), empty_layer: v.nullish(v.boolean()) }))),
  rootfs: v.nullish(v.object({ diff_ids: strings })),
});
