import type { Platform } from '../oci/platform.ts';

/** A stack file, read, substituted and validated. Paths are absolute. */
export interface Stack {
  /** Absolute path of the file. */
  readonly file: string;
  /** Folder that relative paths of the file belong to: `template/` and handlers are looked for here. */
  readonly folder: string;
  /** `provider.gateway`, if given. */
  readonly gateway: string | undefined;
  readonly functions: readonly StackFunction[];
  /** `x-bantam.platforms`, if given. */
  readonly platforms: readonly Platform[] | undefined;
  /** `configuration` as faas-cli reads it. */
  readonly configuration?: StackConfiguration;
  /** `x-bantam.targets`, in the file's order. */
  readonly targets?: readonly Target[];
  /** The one of them that was asked for and applied (targets.ts). */
  readonly target?: Target;
}

/** Where a stack goes, by one word (`-t NAME`): what it says comes before what the stack file says elsewhere. */
export interface Target {
  readonly name: string;
  /** As written. */
  readonly gateway: string | undefined;
  /** `registry[:port][/path]`, without a slash at its end. */
  readonly registry: string | undefined;
  readonly namespace: string | undefined;
  readonly platforms: readonly Platform[] | undefined;
}

/** `configuration.templates` (where templates come from; no source means the template store) and `configuration.copy` (paths that every function's handler gets a copy of). */
export interface StackConfiguration {
  readonly templates: readonly { readonly name: string; readonly source: string | undefined }[];
  readonly copy: readonly string[];
}

/** One declared function. Quantities are kept as written. */
export interface StackFunction {
  readonly name: string;
  /** `lang`; empty only for functions with `skip_build` that name none. */
  readonly language: string;
  /** Absolute path of the handler folder; undefined for functions with `skip_build` and no handler. */
  readonly handler: string | undefined;
  /** As written, after substitution. */
  readonly image: string;
  readonly skipBuild: boolean;
  readonly namespace: string | undefined;
  readonly process: string | undefined;
  /** `environment` and then each `environment_file`, later ones winning. */
  readonly environment: Readonly<Record<string, string>>;
  readonly secrets: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly constraints: readonly string[];
  readonly limits: { readonly memory?: string; readonly cpu?: string } | undefined;
  readonly requests: { readonly memory?: string; readonly cpu?: string } | undefined;
  readonly readOnlyRootFilesystem: boolean;
  readonly buildArguments: Readonly<Record<string, string>>;
  /** Names of `build_options` of the template. */
  readonly buildOptions?: readonly string[];
  /** `build_secrets`: id → path as written. */
  readonly buildSecrets?: Readonly<Record<string, string>>;
  readonly platforms: readonly Platform[] | undefined;
  /** `x-bantam.probe`: the path that may be asked for readiness of a foreign template's function. */
  readonly probe: string | undefined;
  /** Where the function stands in the file, for messages: 1-based. */
  readonly position: { readonly line: number; readonly column: number };
}
