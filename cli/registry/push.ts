import pLimit from 'p-limit';
import { UserError } from '../errors.ts';
import { sha256Digest, verifyWhileReading } from '../oci/digest.ts';
import type { Reference } from '../oci/reference.ts';
import { listContents } from './contents.ts';
import type { ImageReader, Registry } from './registry.ts';

/** What a push sent: bytes of blobs and manifests in request bodies. `changed`: the tag did not point to this digest before. */
export interface PushReport {
  readonly sentBytes: number;
  readonly changed: boolean;
}

/** Where else in a registry a blob lies already: a repository to mount it from. */
export interface BlobLedger {
  placeOf(registry: string, digest: string): string | undefined;
  add(registry: string, digest: string, repository: string): void;
  /** Runs uploads of one blob to one registry after each other: the second one finds it and mounts it. */
  inTurn(registry: string, digest: string, upload: () => Promise<void>): Promise<void>;
}

/**
 * Copies an image (index or single manifest) from a layout to its registry: blobs the registry lacks, then manifests, all
 * by digest; the index is read back and compared; only then the tag is written. A tag that points there already is no proof
 * that the parts are there (a registry's disk dies too): they are asked for, and only what is missing is sent. Blobs are mounted from other repositories of the registry where the ledger knows one. Throws what {@link Registry} throws.
 */
export async function pushImage(
  reader: ImageReader,
  registry: Registry,
  target: Reference,
  digest: string,
  options: { readonly ledger: BlobLedger; readonly signal: AbortSignal },
): Promise<PushReport> {
  const { ledger } = options;
  // What fails first ends the others: a registry that went down is not asked again for every blob.
  const abort = new AbortController();
  const signal = AbortSignal.any([options.signal, abort.signal]);
  const tagged = target.tag !== undefined && (await registry.digestOf(target, signal)) === digest;
  const byDigest: Reference = { registry: target.registry, repository: target.repository, digest };
  const { manifests, blobs } = await listContents(reader, byDigest, signal);
  let sentBytes = 0;
  const limit = pLimit(4);
  const failures: unknown[] = [];
  const uploads = blobs.map((blob) =>
    limit(() =>
      ledger.inTurn(target.registry, blob.digest, async () => {
        const place = ledger.placeOf(target.registry, blob.digest);
        const source = {
          digest: blob.digest,
          size: blob.size,
          open: () => openChecked(reader, byDigest, blob.digest, signal),
        };
        const result = await registry.putBlob(
          byDigest,
          source,
          place === target.repository ? undefined : place,
          signal,
        );
        if (result === 'sent') sentBytes += blob.size;
        ledger.add(target.registry, blob.digest, target.repository);
      }),
    ).catch((error: unknown) => {
      failures.push(error);
      abort.abort();
    }),
  );
  await Promise.all(uploads);
  if (failures.length > 0) throw failures[0];
  for (const manifest of manifests) {
    if (tagged && (await registry.digestOf({ ...byDigest, digest: manifest.digest }, signal)) === manifest.digest)
      continue;
    await registry.putManifest(byDigest, manifest, undefined, signal);
    sentBytes += manifest.bytes.length;
  }
  if (tagged) return { sentBytes, changed: false };
  const stored = await registry.manifest(byDigest, signal);
  if (sha256Digest(stored.bytes) !== digest) {
    throw new UserError('BAN-E306', `${target.registry} gives back another index than the one that was pushed`, {
      hint: 'look at any proxy in front of the registry',
    });
  }
  const root = manifests.at(-1);
  if (target.tag !== undefined && root !== undefined) {
    await registry.putManifest(byDigest, root, target.tag, signal);
    sentBytes += root.bytes.length;
  }
  return { sentBytes, changed: true };
}

/** A blob that proves its digest while it is read: a damaged file breaks off the upload instead of reaching the registry. */
async function openChecked(
  reader: ImageReader,
  image: Reference,
  digest: string,
  signal: AbortSignal,
): Promise<ReadableStream<Uint8Array>> {
  const bytes = await reader.blob(image, digest, signal);
  return ReadableStream.from(verifyWhileReading(bytes, digest, `blob ${digest}, on its way to ${image.registry},`));
}
