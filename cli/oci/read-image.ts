import type { ImageConfig } from './config.ts';
import type { Program } from './entrypoint.ts';
import type { Platform } from './platform.ts';

/** An image as far as it was read. */
export interface ReadImage {
  /** False for a single manifest: any node takes it without asking what it is for. Then there is exactly one entry. */
  readonly isIndex: boolean;
  /** In the order of the index, attestations and all else it names included. */
  readonly entries: readonly ImageEntry[];
}

/** One manifest that an index names, or the only one. */
export interface ImageEntry {
  readonly digest: string;
  /** As the index spells it; undefined where it does not say, and for a single manifest. */
  readonly platform: Platform | undefined;
  /** `os.features` of the index: an entry with any is not for plain Linux nodes. */
  readonly osFeatures?: readonly string[] | undefined;
  readonly content: EntryContent;
}

/** What an entry holds. */
export type EntryContent =
  | {
      readonly kind: 'image';
      readonly config: ImageConfig;
      /** How many layers its manifest has (those that containerd takes for layers, `isLayerMediaType`). */
      readonly layerCount: number;
      readonly program: Program;
    }
  /** An index within the index. */
  | { readonly kind: 'index'; readonly entries: readonly ImageEntry[] }
  /** A manifest of something else: an attestation, a signature, a chart. `what`: the media type of its configuration. */
  | { readonly kind: 'no image'; readonly what: string }
  /** Not read: `reason` says why, as a clause ("registry.lan does not answer", "nobody asked for it"). */
  | { readonly kind: 'unread'; readonly reason: string };
