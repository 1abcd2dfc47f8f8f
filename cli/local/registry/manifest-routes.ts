import type { IncomingMessage, ServerResponse } from 'node:http';
import { isTag, type ManifestReference, validDigest } from './asked.ts';
import { sendContent } from './blob-routes.ts';
import { largestManifest, type ManifestFacts, readManifestFile } from './manifest-facts.ts';
import type { RegistryParts } from './parts.ts';
import { Refusal, sendEmpty } from './refusal.ts';

/** `GET`, `HEAD`, `PUT` and `DELETE` of `/v2/NAME/manifests/REFERENCE`. */
export async function answerManifest(
  parts: RegistryParts,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  {
    repository,
    reference,
    query,
  }: { readonly repository: string; readonly reference: ManifestReference; readonly query: URLSearchParams },
): Promise<void> {
  const { store, access } = parts;
  if (incoming.method === 'PUT') return putManifest(parts, incoming, outgoing, { repository, reference, query });
  if (incoming.method === 'DELETE') access.requireWrite(incoming, repository);
  const found = store.catalogue.repositories.get(repository);
  const digest = reference.digest ?? found?.tags.get(reference.tag);
  const entry = digest === undefined ? undefined : found?.manifests.get(digest);
  if (digest === undefined || entry === undefined)
    throw new Refusal(
      404,
      found === undefined ? 'NAME_UNKNOWN' : 'MANIFEST_UNKNOWN',
      found === undefined
        ? `nothing was ever pushed to ${repository}`
        : `${repository} has no ${reference.tag === undefined ? `manifest ${digest}` : `tag ${reference.tag}`}`,
    );
  if (incoming.method !== 'DELETE')
    return sendContent(parts, incoming, outgoing, { digest, size: entry.size, mediaType: entry.mediaType });
  if (reference.tag === undefined) await store.removeManifest(repository, digest);
  else await store.removeTag(repository, reference.tag);
  sendEmpty(outgoing, 202, {});
}

async function putManifest(
  { store, uploads, access, now }: RegistryParts,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  {
    repository,
    reference,
    query,
  }: { readonly repository: string; readonly reference: ManifestReference; readonly query: URLSearchParams },
): Promise<void> {
  access.requireWrite(incoming, repository);
  store.catalogue.touch(repository, now());
  // Through a file like any content: two hundred of them at once are not two hundred times four mebibytes of memory.
  const upload = await uploads.begin(repository, true);
  try {
    // A digest beside a tag is the newer form of saying both (distribution-spec 1.1+dev).
    const wanted = reference.digest ?? (query.has('digest') ? validDigest(query.get('digest') ?? '') : undefined);
    const algorithm = wanted?.slice(0, wanted.indexOf(':')) ?? 'sha256';
    uploads.expect(upload, algorithm);
    await uploads.receive(upload, incoming, { most: largestManifest });
    const digest = await uploads.digest(upload, algorithm);
    if (wanted !== undefined && wanted !== digest)
      throw new Refusal(400, 'DIGEST_INVALID', `the manifest hashes to ${digest}, not to ${wanted}`);
    const { size } = upload;
    const facts = await readManifestFile(upload.file, incoming.headers['content-type']);
    const tags = [...(reference.tag === undefined ? [] : [reference.tag]), ...furtherTags(query)];
    const manifest = { file: upload.file, digest, tags, entry: entryOf(facts, size, now()), needs: facts.needs };
    await uploads.handOver(upload, () => store.addManifest(repository, manifest));
    sendEmpty(outgoing, 201, {
      Location: `/v2/${repository}/manifests/${digest}`,
      'Docker-Content-Digest': digest,
      ...(facts.subject === undefined ? {} : { 'OCI-Subject': facts.subject }),
      ...(tags.length === 0 || reference.tag !== undefined ? {} : { 'OCI-Tag': tags.join(', ') }),
    });
  } finally {
    await uploads.end(upload);
  }
}

function entryOf({ mediaType, blobs, manifests, subject, artifactType }: ManifestFacts, size: number, time: number) {
  return {
    size,
    time,
    mediaType,
    blobs,
    manifests,
    ...(subject === undefined ? {} : { subject }),
    ...(artifactType === undefined ? {} : { artifactType }),
  };
}

/** `?tag=a&tag=b` (distribution-spec 1.1+dev). */
function furtherTags(query: URLSearchParams): string[] {
  const tags = [...new Set(query.getAll('tag'))];
  for (const tag of tags)
    if (!isTag(tag)) throw new Refusal(400, 'MANIFEST_INVALID', `"${tag.slice(0, 100)}" cannot be a tag`);
  if (tags.length > 100) throw new Refusal(400, 'MANIFEST_INVALID', 'more than 100 tags at once');
  return tags;
}
