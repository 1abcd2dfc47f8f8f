import type { IncomingMessage, ServerResponse } from 'node:http';
import { failedWith } from '../../errors.ts';
import { mediaTypes } from '../../oci/media-types.ts';
import { largestManifest, readManifestFile } from './manifest-facts.ts';
import type { RegistryParts } from './parts.ts';
import { Refusal, sendJson } from './refusal.ts';

/** `GET /v2/_catalog`: the repositories that hold a manifest. */
export function listRepositories(
  { store }: RegistryParts,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  query: URLSearchParams,
): void {
  const names = [...store.catalogue.repositories].flatMap(([name, { manifests }]) =>
    manifests.size > 0 ? [name] : [],
  );
  const { page, headers } = paginate(names, query, '/v2/_catalog');
  sendJson(incoming, outgoing, { repositories: page }, { headers });
}

/** `GET /v2/NAME/tags/list`. */
export function listTags(
  { store }: RegistryParts,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { repository, query }: { readonly repository: string; readonly query: URLSearchParams },
): void {
  const found = store.catalogue.repositories.get(repository);
  if (found === undefined) throw new Refusal(404, 'NAME_UNKNOWN', `nothing was ever pushed to ${repository}`);
  const { page, headers } = paginate([...found.tags.keys()], query, `/v2/${repository}/tags/list`);
  sendJson(incoming, outgoing, { name: repository, tags: page }, { headers });
}

/**
 * `GET /v2/NAME/referrers/DIGEST`: an index of the manifests whose subject this is, the filter `artifactType` applied. Clients read no
 * manifest of more than 4 MiB, so that what is longer comes in pages.
 */
export async function listReferrers(
  { store }: RegistryParts,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  {
    repository,
    digest,
    query,
  }: { readonly repository: string; readonly digest: string; readonly query: URLSearchParams },
): Promise<void> {
  const wanted = query.get('artifactType');
  const last = query.get('last') ?? '';
  const found = [...(store.catalogue.repositories.get(repository)?.manifests ?? [])]
    .filter(([, { subject, artifactType }]) => subject === digest && (wanted === null || artifactType === wanted))
    .filter(([referrer]) => referrer > last)
    .sort(([left], [right]) => (left < right ? -1 : 1));
  const manifests: unknown[] = [];
  let bytes = 0;
  let previous: string | undefined;
  let more = false;
  for (const [referrer, { mediaType, size, artifactType }] of found) {
    const annotations = await annotationsOf(store.blobs.path(referrer), mediaType);
    if (annotations === undefined) continue;
    const descriptor = { mediaType, digest: referrer, size, ...(artifactType ? { artifactType } : {}), ...annotations };
    bytes += Buffer.byteLength(JSON.stringify(descriptor)) + 1;
    more = manifests.length > 0 && bytes > largestManifest - 1024;
    if (more) break;
    manifests.push(descriptor);
    previous = referrer;
  }
  const next = new URLSearchParams({ ...(wanted === null ? {} : { artifactType: wanted }), last: previous ?? '' });
  sendJson(
    incoming,
    outgoing,
    { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests },
    {
      headers: {
        'Content-Type': mediaTypes.ociIndex,
        ...(wanted === null ? {} : { 'OCI-Filters-Applied': 'artifactType' }),
        ...(more ? { Link: `</v2/${repository}/referrers/${digest}?${next}>; rel="next"` } : {}),
      },
    },
  );
}

/** Annotations are as long as a manifest may be, so that they are not kept in memory. Undefined if the manifest was removed meanwhile. */
async function annotationsOf(
  path: string,
  mediaType: string,
): Promise<{ readonly annotations?: Readonly<Record<string, string>> } | undefined> {
  const facts = await readManifestFile(path, mediaType).catch((error: unknown) => {
    if (failedWith(error, 'ENOENT')) return undefined;
    throw error;
  });
  if (facts === undefined) return undefined;
  const { annotations } = facts;
  return Object.keys(annotations).length === 0 ? {} : { annotations };
}

/** Names in lexical order, capital letters beside small ones (distribution-spec, "Listing Tags"), from behind `last`, at most `n`. */
function paginate(
  names: readonly string[],
  query: URLSearchParams,
  path: string,
): { readonly page: readonly string[]; readonly headers: Readonly<Record<string, string>> } {
  const wanted = query.get('n');
  if (wanted !== null && !/^\d{1,9}$/.test(wanted))
    throw new Refusal(400, 'UNSUPPORTED', `n=${wanted.slice(0, 20)} is no number of entries`);
  const count = wanted === null ? Number.POSITIVE_INFINITY : Number(wanted);
  const last = query.get('last');
  const sorted = [...names].sort(compareNames);
  const rest = last === null || last === '' ? sorted : sorted.filter((name) => compareNames(name, last) > 0);
  const page = rest.slice(0, count);
  const end = page.at(-1);
  const next = new URLSearchParams({ n: String(count), last: end ?? '' });
  return {
    page,
    headers: end === undefined || page.length === rest.length ? {} : { Link: `<${path}?${next}>; rel="next"` },
  };
}

function compareNames(left: string, right: string): number {
  const [small, smaller] = [left.toLowerCase(), right.toLowerCase()];
  if (small !== smaller) return small < smaller ? -1 : 1;
  return left === right ? 0 : left < right ? -1 : 1;
}
