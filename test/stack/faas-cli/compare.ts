import { isDeepStrictEqual } from 'node:util';
import { UserError } from '../../../cli/errors.ts';
import { formatReference, parseReference } from '../../../cli/oci/reference.ts';
import type { FaasCliRecording, RecordedRequest } from '../../recordings/faas-cli/recording.ts';
import type { BantamReading } from './bantam-reads.ts';

/** How bantam's deployments differ from those of faas-cli, a line each; none if they mean the same. */
export function compareDeployments(
  theirs: NonNullable<FaasCliRecording['deploy']>,
  ours: Pick<BantamReading, 'refusal' | 'requests'>,
): string[] {
  const refused = theirs.exit !== 0 && theirs.requests.length === 0;
  // Without any function faas-cli asks for other options; bantam reads that there are none.
  if (theirs.error === 'nothing to do' && ours.requests.length === 0) return [];
  if (refused !== (ours.refusal !== undefined))
    return [refused ? `faas-cli refuses (${theirs.error})` : `bantam refuses: ${ours.refusal?.details.join('; ')}`];
  if (refused) return [];
  const named = (list: readonly { readonly body: Readonly<Record<string, unknown>> }[]) =>
    list.map(({ body }) => String(body['service'])).sort();
  const sent = theirs.requests.filter(({ method }) => method !== 'CONNECT');
  // What goes through a tunnel cannot be seen.
  if (sent.length > 0 && !isDeepStrictEqual(named(sent), named(ours.requests)))
    return [`functions: ${named(sent).join()} and ${named(ours.requests).join()}`];
  return theirs.requests.flatMap((request) => compareOne(request, ours.requests));
}

function compareOne(theirs: RecordedRequest, ours: BantamReading['requests']): string[] {
  if (theirs.method === 'CONNECT') {
    const host = new URL(ours[0]?.url ?? 'http://none').host;
    return theirs.url === `${host}:443` ? [] : [`address: ${theirs.url} and ${host}`];
  }
  const found = ours.find(({ body }) => body['service'] === theirs.body['service']);
  if (found === undefined) return ['no such function'];
  const [left, right] = [plain(theirs.body), plain(found.body)];
  const fields = [...new Set([...Object.keys(left), ...Object.keys(right)])].filter(
    (field) => !isDeepStrictEqual(left[field], right[field]),
  );
  return [
    ...(theirs.url === found.url ? [] : [`address: ${theirs.url} and ${found.url}`]),
    ...fields.map((field) => `${field}: ${JSON.stringify(left[field])} and ${JSON.stringify(right[field])}`),
  ];
}

/** A body in the one form that means what it means: absent is empty, lists whose order means nothing are sorted, an image has its tag. */
function plain(body: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const set = (value: unknown): unknown => (Array.isArray(value) ? [...new Set(value)].sort() : (value ?? []));
  return {
    labels: {},
    annotations: {},
    envVars: {},
    ...body,
    image: canonical(String(body['image'])),
    secrets: set(body['secrets']),
    constraints: set(body['constraints']),
  };
}

function canonical(image: string): string {
  try {
    return formatReference(parseReference(image));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return image; // Then it differs, as it should.
  }
}
