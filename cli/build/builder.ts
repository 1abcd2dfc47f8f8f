import type { Failure } from '../errors.ts';
import type { Report } from '../events.ts';
import type { Platform } from '../oci/platform.ts';
import type { BuildPlan } from './plan.ts';

/** Compressed bytes of one platform's image; `own` are the layers that the function's last stage added to its base. */
export interface PlatformSize {
  readonly platform: Platform;
  readonly digest: string;
  readonly total: number;
  readonly own: number | undefined;
  /** Whether it runs on the machine that the platform names, in the words of `image check`: `runs: /usr/bin/node is AArch64`, or `unknown: …`. */
  readonly program: string;
}

/** What became of one function's build: an image, or a failure of its own that leaves the others alone. */
export type BuildOutcome =
  | {
      readonly name: string;
      readonly image: string;
      /** Digest of the index (several platforms) or manifest; undefined for `--load` of an engine that does not report one. */
      readonly digest: string | undefined;
      /** Set after `--push`. */
      readonly push?: PushResult;
      readonly sizes: readonly PlatformSize[];
      readonly seconds: number;
    }
  | { readonly name: string; readonly image: string; readonly failure: Failure };

/** Turns plans into images. Failures of a function are outcomes; only an abort of `signal` throws. */
export interface Builder {
  build(plan: BuildPlan, ports: { readonly report: Report; readonly signal: AbortSignal }): Promise<BuildOutcome>;
}

/** What a push did. */
export interface PushResult {
  /** Bytes of blobs and manifests sent; 0 if the registry had all of it. */
  readonly sentBytes: number;
  /** False if the tag pointed to this digest already. */
  readonly changed: boolean;
}

/** Blobs of an image that its layout need not hold: the layers of base images, which stay in their registries until they are needed. */
export interface Elsewhere {
  /** `size` in bytes; `registry` and `repository`: where they can be mounted from. */
  readonly blobs: readonly {
    readonly digest: string;
    readonly size: number;
    readonly registry: string;
    readonly repository: string;
  }[];
  /** Opens one of them; undefined for any other. The caller checks the digest. */
  open(digest: string, signal: AbortSignal | undefined): Promise<ReadableStream<Uint8Array> | undefined>;
}

/** What happens to an image after it was built into a layout folder and before anybody sees it under its tag. */
export interface ImageStore {
  /** Makes the folder, with base layers of earlier builds in it so that they are not copied out of the engine again. */
  prepareLayout(folder: string, signal: AbortSignal): Promise<void>;
  /** Brings into a layout what it lacks, for those who shall have all of it. */
  complete(folder: string, elsewhere: Elsewhere, signal: AbortSignal): Promise<void>;
  /**
   * Reads index, configurations and the program that starts; keeps base layers for next time. Throws BAN-E208 or E307 naming everything wrong;
   * an image that says itself that it has no base ({@link ../oci/missing-base.ts}) is not blamed for that.
   */
  verify(
    plan: BuildPlan,
    folder: string,
    digest: string,
    signal: AbortSignal,
    elsewhere?: Elsewhere,
  ): Promise<readonly PlatformSize[]>;
  /** Sends what the registry lacks, everything by digest, reads the index back, then lets the tag point to it. */
  push(
    plan: BuildPlan,
    folder: string,
    digest: string,
    signal: AbortSignal,
    elsewhere?: Elsewhere,
  ): Promise<PushResult>;
}

/** Runs a program; {@link runProgram} of the tools room, or a test's. */
export type RunProgram = typeof import('../tools/exec.ts').runProgram;
