import type { IncomingMessage, ServerResponse } from 'node:http';
import { validDigest } from './asked.ts';
import type { RegistryParts } from './parts.ts';
import { readChunkRange } from './range.ts';
import { Refusal, sendEmpty } from './refusal.ts';
import type { Upload } from './uploads.ts';

/** `POST /v2/NAME/blobs/uploads/`: begins an upload; with `digest` and a body it is the whole of it; with `mount` the blob may be taken from another repository. */
export async function beginUpload(
  parts: RegistryParts,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { repository, query }: { readonly repository: string; readonly query: URLSearchParams },
): Promise<void> {
  const { store, uploads, access, now } = parts;
  access.requireWrite(incoming, repository);
  store.catalogue.touch(repository, now());
  const mount = query.get('mount');
  if (mount !== null && (await store.mountBlob(repository, validDigest(mount), query.get('from') ?? undefined)))
    return sendEmpty(outgoing, 201, blobHeaders(repository, mount));
  const digest = query.get('digest');
  if (digest !== null) validDigest(digest);
  const algorithm = digest?.slice(0, digest.indexOf(':')) ?? query.get('digest-algorithm');
  const upload = await uploads.begin(repository, digest !== null);
  if (algorithm === 'sha256' || algorithm === 'sha512') uploads.expect(upload, algorithm);
  if (digest === null) return sendEmpty(outgoing, 202, uploadHeaders(repository, upload));
  try {
    await uploads.receive(upload, incoming);
    await finish(parts, repository, upload, digest);
  } finally {
    // Nobody was told where to go on.
    await uploads.end(upload);
  }
  sendEmpty(outgoing, 201, blobHeaders(repository, digest));
}

/** `GET`, `PATCH`, `PUT` and `DELETE` of an upload that was begun. */
export async function answerUpload(
  parts: RegistryParts,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { repository, id, query }: { readonly repository: string; readonly id: string; readonly query: URLSearchParams },
): Promise<void> {
  const { store, uploads, access, now } = parts;
  access.requireWrite(incoming, repository);
  store.catalogue.touch(repository, now());
  const upload = uploads.find(repository, id);
  if (incoming.method === 'GET') return sendEmpty(outgoing, 204, uploadHeaders(repository, upload));
  await whileBusy(upload, async () => {
    if (incoming.method === 'DELETE') {
      await uploads.end(upload);
      return sendEmpty(outgoing, 204, {});
    }
    const digest = incoming.method === 'PUT' ? validDigest(query.get('digest') ?? '') : undefined;
    const check = requireOrder(repository, upload, incoming);
    if (digest !== undefined) uploads.expect(upload, digest.slice(0, digest.indexOf(':')));
    await uploads.receive(upload, incoming, { check });
    if (digest === undefined) return sendEmpty(outgoing, 202, uploadHeaders(repository, upload));
    try {
      await finish(parts, repository, upload, digest);
    } catch (error) {
      // Its bytes are not what was announced, and sending more would not make them so.
      if (error instanceof Refusal && error.code === 'DIGEST_INVALID') await uploads.end(upload);
      throw error;
    }
    sendEmpty(outgoing, 201, blobHeaders(repository, digest));
  });
}

/** Checks what was received against its digest and only then makes it a blob. */
async function finish(
  { store, uploads }: RegistryParts,
  repository: string,
  upload: Upload,
  digest: string,
): Promise<void> {
  const found = await uploads.digest(upload, digest.slice(0, digest.indexOf(':')));
  if (found !== digest)
    throw new Refusal(400, 'DIGEST_INVALID', `what was sent hashes to ${found}, not to ${digest}`, {
      detail: { digest: found, size: upload.size },
    });
  await uploads.handOver(upload, () => store.addBlob(repository, digest, upload.file, upload.size));
}

/**
 * A chunk that says where it belongs must follow what is there (distribution-spec, "Pushing a blob in chunks": 416 otherwise). Returns the
 * check that it is as long as it says: a body may come without Content-Length.
 */
function requireOrder(repository: string, upload: Upload, { headers }: IncomingMessage): (received: number) => void {
  const header = headers['content-range'];
  if (header === undefined) return () => undefined;
  const refuse = (why: string): Refusal =>
    new Refusal(416, 'BLOB_UPLOAD_INVALID', `Content-Range ${header.slice(0, 100)} ${why}`, {
      headers: uploadHeaders(repository, upload),
    });
  const range = readChunkRange(header);
  if (range === undefined) throw refuse('is none');
  if (range.first !== upload.size) throw refuse(`does not begin where the upload stands, at ${upload.size}`);
  const length = range.last - range.first + 1;
  const announced = headers['content-length'];
  if (announced !== undefined && Number(announced) !== length)
    throw refuse(`is ${length} bytes long, and Content-Length says ${announced}`);
  return (received) => {
    if (received !== length) throw refuse(`is ${length} bytes long, and ${received} came`);
  };
}

async function whileBusy(upload: Upload, work: () => Promise<void>): Promise<void> {
  if (upload.busy)
    throw new Refusal(409, 'BLOB_UPLOAD_INVALID', 'another request is writing to this upload: wait for its end');
  upload.busy = true;
  try {
    await work();
  } finally {
    upload.busy = false;
  }
}

function uploadHeaders(repository: string, { id, size }: Upload): Record<string, string> {
  return {
    Location: `/v2/${repository}/blobs/uploads/${id}`,
    Range: `0-${Math.max(0, size - 1)}`,
    'Docker-Upload-UUID': id,
  };
}

function blobHeaders(repository: string, digest: string): Record<string, string> {
  return { Location: `/v2/${repository}/blobs/${digest}`, 'Docker-Content-Digest': digest };
}
