import type { Reference } from '../oci/reference.ts';

/** A manifest or index as the registry holds it: `bytes` hash to `digest`. */
export interface StoredManifest {
  readonly digest: string;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/** A blob to be sent; `size` in bytes. */
export interface BlobSource {
  readonly digest: string;
  readonly size: number;
  open(): Promise<ReadableStream<Uint8Array>>;
}

/**
 * The distribution API as bantam needs it (opencontainers/distribution-spec). Every call is bounded, follows the
 * registry's authentication (Docker's credentials) and throws BAN-E301 (no answer), E302 (refused), E303 (absent), E304 (odd answer), E306 (digest mismatch), E308 (too many requests).
 */
export interface Registry {
  /** Reads the manifest or index that tag or digest name; the bytes are checked against the digest. */
  manifest(reference: Reference, signal?: AbortSignal): Promise<StoredManifest>;
  /** Opens a blob for reading; where the connection breaks it is read on from there (Range). Ending early closes it. The caller checks the digest where it reads all of it. */
  blob(reference: Reference, digest: string, signal?: AbortSignal): Promise<ReadableStream<Uint8Array>>;
  /** Writes a manifest under `tag` (or under its digest if `tag` is undefined) and returns the digest. */
  putManifest(
    reference: Reference,
    manifest: { mediaType: string; bytes: Uint8Array },
    tag: string | undefined,
    signal?: AbortSignal,
  ): Promise<string>;
  /**
   * Makes sure that the repository holds a blob: `there` (it did), `mounted` (taken from the repository `from` of the same
   * registry), `sent` (in one PUT, checked by the registry against the digest).
   */
  putBlob(
    reference: Reference,
    blob: BlobSource,
    from: string | undefined,
    signal?: AbortSignal,
  ): Promise<'there' | 'mounted' | 'sent'>;
  /** Whether the repository holds a blob. One HEAD request. */
  hasBlob(reference: Reference, digest: string, signal?: AbortSignal): Promise<boolean>;
  /** The digest a tag points to, `undefined` if there is no such tag. One HEAD request. */
  digestOf(reference: Reference, signal?: AbortSignal): Promise<string | undefined>;
}

/** The reading half, which an image layout folder has too; `digestOf` only where tags may move. */
export type ImageReader = Pick<Registry, 'manifest' | 'blob'> & Partial<Pick<Registry, 'digestOf'>>;
