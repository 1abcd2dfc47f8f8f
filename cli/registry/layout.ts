import { createReadStream } from 'node:fs';
import { readFile, realpath, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import * as v from 'valibot';
import { UserError } from '../errors.ts';
import { isDigest, verifyDigest } from '../oci/digest.ts';
import { check, type Descriptor, decodeManifest, parseJsonObject } from '../oci/manifest.ts';
import { mediaTypes } from '../oci/media-types.ts';
import { formatReference, type Reference } from '../oci/reference.ts';
import { abortError } from './network-failure.ts';
import type { ImageReader } from './registry.ts';

/**
 * Opens an OCI image layout folder (image-spec, image-layout.md), as `--output DIR` writes it, for reading. A reference with a digest names a blob;
 * without one its tag is looked for in index.json, and the only image of a layout answers to any tag. Reads nothing outside the folder, wherever links
 * point. Throws BAN-E003 if the folder cannot be read, BAN-E303 for what is not in it, BAN-E306 for what is damaged.
 */
export async function openLayout(folder: string): Promise<ImageReader> {
  const root = await realpath(folder).catch((error: unknown) => {
    throw new UserError('BAN-E003', `the folder ${folder} cannot be read`, { hint: 'check the path', cause: error });
  });
  const versionFile = await readInside(root, 'oci-layout', `no image layout: ${folder} holds no file "oci-layout"`);
  check(versionSchema, parseJsonObject(versionFile, `oci-layout of ${folder}`), `oci-layout of ${folder}`);
  const index = decodeManifest(
    await readInside(root, 'index.json', `no index.json in the image layout ${folder}`),
    mediaTypes.ociIndex,
    `index.json of ${folder}`,
  );
  const listed =
    index.kind === 'index'
      ? index.entries.flatMap(({ descriptor, attestation }) => (attestation ? [] : [descriptor]))
      : [];

  return {
    async manifest(reference, signal) {
      const wanted = reference.digest === undefined ? choose(listed, reference, folder) : undefined;
      const digest = wanted?.digest ?? reference.digest ?? '';
      const what = `manifest ${digest} of ${folder}`;
      const path = await blobPath(root, digest, what);
      if ((await stat(path)).size > largestManifest)
        throw new UserError('BAN-E306', `the ${what} is larger than ${largestManifest} bytes`);
      const bytes = await readFile(path, signal === undefined ? {} : { signal }).catch((error: unknown) => {
        throw signal?.aborted === true ? abortError(signal) : unreadable(path, error);
      });
      verifyDigest(bytes, digest, what);
      return { digest, mediaType: (wanted ?? listed.find((each) => each.digest === digest))?.mediaType ?? '', bytes };
    },
    async blob(_reference, digest, signal) {
      const path = await blobPath(root, digest, `blob ${digest} of ${folder}`);
      return readFileAsStream(path, signal);
    },
  };
}

const versionSchema = v.object({ imageLayoutVersion: v.literal('1.0.0') });

const largestManifest = 4 * 1024 * 1024;

function choose(listed: readonly Descriptor[], reference: Reference, folder: string): Descriptor {
  const names = listed.map(({ annotations }) => [
    annotations['org.opencontainers.image.ref.name'],
    annotations['io.containerd.image.name'],
  ]);
  const full = `${reference.registry}/${reference.repository}:${reference.tag ?? ''}`;
  const accepted = [reference.tag, formatReference(reference), full];
  const match = listed.find(
    (_, index) => names[index]?.some((name) => name !== undefined && accepted.includes(name)) === true,
  );
  const only = listed.length === 1 ? listed[0] : undefined;
  if (match !== undefined) return match;
  if (only !== undefined) return only;
  const there =
    names.map((pair) => pair.find((name) => name !== undefined) ?? 'an image without a name').join(', ') || 'nothing';
  throw new UserError('BAN-E303', `the image layout ${folder} has no ${formatReference(reference)}`, {
    hint: `it holds ${there}`,
  });
}

async function blobPath(root: string, digest: string, what: string): Promise<string> {
  if (!isDigest(digest)) throw new UserError('BAN-E306', `"${digest}" is no digest of a blob`);
  return locateInside(root, join('blobs', ...digest.split(':')), `no ${what}`);
}

async function readInside(root: string, name: string, absent: string): Promise<Uint8Array> {
  const path = await locateInside(root, name, absent);
  if ((await stat(path)).size > largestManifest)
    throw new UserError('BAN-E306', `${name} of ${root} is larger than ${largestManifest} bytes`);
  return readFile(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
}

/** Where a file of the layout really is; a link that leads out of the folder counts as damage. */
async function locateInside(root: string, name: string, absent: string): Promise<string> {
  const path = await realpath(join(root, name)).catch((error: unknown) => {
    throw new UserError('BAN-E303', absent, { hint: 'build it again with --output', cause: error });
  });
  const inside = relative(root, path);
  if (inside !== '..' && !inside.startsWith(`..${sep}`) && !(await stat(path)).isDirectory()) return path;
  throw new UserError('BAN-E306', `${name} of the image layout ${root} leads out of it or is no file`, {
    hint: 'build it again with --output',
  });
}

/** Opens the file when the first bytes are asked for: a stream that nobody reads holds nothing, and no error of it comes up alone. */
function readFileAsStream(path: string, signal: AbortSignal | undefined): ReadableStream<Uint8Array> {
  const chunks = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    const file: AsyncIterable<Uint8Array> = createReadStream(path);
    try {
      for await (const chunk of file) {
        if (signal?.aborted === true) throw abortError(signal);
        yield chunk;
      }
    } catch (error) {
      throw signal?.aborted === true ? abortError(signal) : unreadable(path, error);
    }
  };
  return ReadableStream.from(chunks());
}

function unreadable(path: string, cause: unknown): UserError {
  return new UserError('BAN-E003', `${path} cannot be read`, { hint: 'check who may read it', cause });
}
