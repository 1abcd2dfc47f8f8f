import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { RegistryParts } from './parts.ts';
import { type ByteRange, readRange } from './range.ts';
import { Refusal, sendEmpty } from './refusal.ts';

/** A content to be sent, and under what it is known. */
export interface Content {
  readonly digest: string;
  readonly size: number;
  readonly mediaType: string;
}

/** `GET`, `HEAD` and `DELETE` of `/v2/NAME/blobs/DIGEST`. */
export async function answerBlob(
  parts: RegistryParts,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { repository, digest }: { readonly repository: string; readonly digest: string },
): Promise<void> {
  const { store, access, now } = parts;
  const remove = incoming.method === 'DELETE';
  if (remove) access.requireWrite(incoming, repository);
  const blob = store.catalogue.blob(repository, digest);
  if (blob === undefined) throw new Refusal(404, 'BLOB_UNKNOWN', `${repository} has no blob ${digest}`);
  if (remove) {
    await store.removeBlob(repository, digest);
    return sendEmpty(outgoing, 202, { 'Docker-Content-Digest': digest });
  }
  // Who asks whether it is there may be about to push a manifest with it.
  if (incoming.method === 'HEAD') store.catalogue.touch(repository, now(), digest);
  const content = { digest, size: blob.size, mediaType: 'application/octet-stream' };
  await sendContent(parts, incoming, outgoing, content);
}

/** Sends a content, or the part of it that a Range header asks for, only as fast as the client takes it. To HEAD its headers. */
export async function sendContent(
  { store, silence }: Pick<RegistryParts, 'store' | 'silence'>,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { digest, size, mediaType }: Content,
): Promise<void> {
  const etag = `"${digest}"`;
  const headers = {
    'Content-Type': mediaType,
    'Docker-Content-Digest': digest,
    ETag: etag,
    'Accept-Ranges': 'bytes',
    'Cache-Control': 'no-cache',
  };
  if (incoming.headers['if-none-match']?.split(',').some((tag) => tag.trim() === etag || tag.trim() === '*')) {
    outgoing.writeHead(304, headers).end();
    return;
  }
  const conditional = incoming.headers['if-range'];
  const asked = conditional === undefined || conditional === etag ? incoming.headers.range : undefined;
  const range = readRange(asked, size);
  if (range === 'none')
    throw new Refusal(416, 'SIZE_INVALID', `it has ${size} bytes, and none of them was asked for`, {
      headers: { 'Content-Range': `bytes */${size}` },
    });
  if (incoming.method === 'HEAD') {
    outgoing.writeHead(200, { ...headers, 'Content-Length': size }).end();
    return;
  }
  const part = range === 'all' ? undefined : range;
  // Opened before the first word of the answer, so that what cannot be read is still an honest 500.
  const file = size === 0 ? undefined : await openContent(store, digest, part);
  if (part === undefined) outgoing.writeHead(200, { ...headers, 'Content-Length': size });
  else
    outgoing.writeHead(206, {
      ...headers,
      'Content-Length': part.last - part.first + 1,
      'Content-Range': `bytes ${part.first}-${part.last}/${size}`,
    });
  outgoing.setTimeout(silence, () => outgoing.destroy());
  if (file === undefined) outgoing.end();
  else await pipeline(file, outgoing);
}

function openContent(
  { blobs }: RegistryParts['store'],
  digest: string,
  range: ByteRange | undefined,
): Promise<ReturnType<typeof blobs.read>> {
  const file = blobs.read(digest, range);
  return new Promise((resolve, reject) => {
    file.once('open', () => {
      file.off('error', reject);
      resolve(file);
    });
    file.once('error', reject);
  });
}
