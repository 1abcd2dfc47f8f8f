import { isDigest } from '../../oci/digest.ts';
import { Refusal } from './refusal.ts';

/** What a request's path names, below `/v2/`. Names and references are valid. */
export type Asked =
  | { readonly what: 'registry' }
  | { readonly what: 'token' }
  | { readonly what: 'catalog' }
  | { readonly what: 'tags'; readonly repository: string }
  | { readonly what: 'blob'; readonly repository: string; readonly digest: string }
  | { readonly what: 'uploads'; readonly repository: string }
  | { readonly what: 'upload'; readonly repository: string; readonly id: string }
  | { readonly what: 'manifest'; readonly repository: string; readonly reference: ManifestReference }
  | { readonly what: 'referrers'; readonly repository: string; readonly digest: string };

/** The last part of a manifest's path. */
export type ManifestReference =
  | { readonly tag: string; readonly digest?: undefined }
  | { readonly digest: string; readonly tag?: undefined };

/** The whole of a repository's name, as clients and Docker bound it. */
const longestName = 255;
const component = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const namePattern = new RegExp(`^${component}(?:/${component})*$`);
const tagPattern = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;

/** Whether a text can be a tag. */
export function isTag(text: string): boolean {
  return tagPattern.test(text);
}

/** Whether a text can be a repository's name. */
export function isName(text: string): boolean {
  return text.length <= longestName && namePattern.test(text);
}

/** Takes the path of a request apart; `undefined` for what is no part of the distribution API. Throws Refusal for an invalid name, digest or tag. */
export function readPath(path: string): Asked | undefined {
  const text = decode(path);
  if (text === '/v2' || text === '/v2/') return { what: 'registry' };
  if (text === '/v2/_token') return { what: 'token' };
  if (text === '/v2/_catalog') return { what: 'catalog' };
  const { name, kind, last } =
    /^\/v2\/(?<name>.+)\/(?<kind>blobs\/uploads|blobs|manifests|referrers|tags)\/(?<last>[^/]*)$/s.exec(text)?.groups ??
    // Some clients leave the last slash away where an upload begins.
    /^\/v2\/(?<name>.+)\/(?<kind>blobs\/uploads)(?<last>)$/s.exec(text)?.groups ??
    {};
  if (name === undefined || last === undefined) return undefined;
  // `…/blobs/uploads` without its slash matches as the blob called "uploads".
  if (kind === 'blobs' && last === 'uploads') return { what: 'uploads', repository: validName(name) };
  const repository = validName(name);
  switch (kind) {
    case 'tags':
      return last === 'list' ? { what: 'tags', repository } : undefined;
    case 'blobs':
      return { what: 'blob', repository, digest: validDigest(last) };
    case 'referrers':
      return { what: 'referrers', repository, digest: validDigest(last) };
    case 'manifests':
      return { what: 'manifest', repository, reference: validReference(last) };
    default:
      return last === '' ? { what: 'uploads', repository } : { what: 'upload', repository, id: last };
  }
}

/** Throws Refusal unless a text is a digest that can be checked. */
export function validDigest(text: string): string {
  if (isDigest(text)) return text;
  throw new Refusal(400, 'DIGEST_INVALID', `"${shown(text)}" is no digest of sha256 or sha512`);
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    // An escape that is none: no name holds a percent sign, so that the path is refused as it stands.
    return path;
  }
}

function validName(name: string): string {
  if (isName(name)) return name;
  throw new Refusal(
    400,
    'NAME_INVALID',
    `"${shown(name)}" cannot be a repository's name: lower-case letters and digits, with . _ - between them, in parts divided by /`,
  );
}

function validReference(last: string): ManifestReference {
  if (isDigest(last)) return { digest: last };
  if (last.includes(':')) return { digest: validDigest(last) };
  if (isTag(last)) return { tag: last };
  throw new Refusal(400, 'MANIFEST_INVALID', `"${shown(last)}" is neither a tag nor a digest`);
}

function shown(text: string): string {
  return text.length <= 100 ? text : `${text.slice(0, 100)}…`;
}
