import { isAbsolute, relative, resolve } from 'node:path';
import { UserError } from '../errors.ts';

/** A git repository with templates, as a person wrote it. */
export interface TemplateSource {
  /** What is shown and locked: never with credentials; a path is relative to the project where it was written so. */
  readonly repository: string;
  /** What git is given: an address without credentials, or an absolute path. */
  readonly address: string;
  /** A branch, a tag, or `sha-` and at least 7 hexadecimal digits of a commit; undefined is the default branch. */
  readonly ref: string | undefined;
  /** `Basic …` for addresses that carry a user: git gets it by its environment, since everybody can read a command line. */
  readonly authorization: string | undefined;
}

/** Where a source was written: relative paths begin at `from`, and are locked relative to `project`. Both absolute. */
export interface SourcePlace {
  readonly from: string;
  readonly project: string;
}

/**
 * Reads `https://…`, `http://…`, `ssh://…`, `git+ssh://…`, `git://…`, `user@host:path` or a path on this machine, each with
 * `#REF` if wanted, as faas-cli takes them. Throws BAN-E113 for everything else: git knows more ways (`ext::`,
 * `file://`), and some of them run programs.
 */
export function parseSource(text: string, { from, project }: SourcePlace): TemplateSource {
  const refuse = (reason: string, hint = usual): UserError =>
    new UserError('BAN-E113', `"${hideCredentials(text)}" ${reason}`, { hint });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly those are refused.
  if (text === '' || text.trim() !== text || /[\u0000-\u001f\u007f]/.test(text))
    throw refuse('is no source of templates');
  const cut = text.indexOf('#');
  const place = cut < 0 ? text : text.slice(0, cut);
  const ref = cut < 0 ? undefined : text.slice(cut + 1);
  if (ref !== undefined && !isRef(ref))
    throw refuse('names no branch, tag or commit behind its #', 'write URL#v1, or URL#sha-69ca16a');
  if (/^[\w.+-]*::/.test(place) || /^file:/i.test(place))
    throw refuse(
      'is an address that bantam does not hand to git',
      place.toLowerCase().startsWith('file:') ? 'name the path itself' : usual,
    );
  if (place === '') throw refuse('is no source of templates');
  if (place.startsWith('-')) throw refuse('begins like an option');
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(place)?.[1]?.toLowerCase();
  if (scheme !== undefined) {
    if (!schemes.has(scheme)) throw refuse(`is an address of a kind (${scheme}) that bantam does not hand to git`);
    return { ...readAddress(place, refuse), ref };
  }
  const remote = /^[A-Za-z0-9_][\w.-]*@(?:[\w][\w.-]*|\[[0-9a-f:]+\]):(?!-)\S+$/i.test(place);
  if (remote) return { repository: place, address: place, ref, authorization: undefined };
  if (/^[^/.]*:/.test(place)) throw refuse('is no source of templates');
  const path = resolve(from, place);
  const shown = isAbsolute(place) ? place : relative(project, path) || '.';
  return {
    repository: isAbsolute(place) || shown.startsWith('.') ? shown : `./${shown}`,
    address: path,
    ref,
    authorization: undefined,
  };
}

/** Whether the word can only be a source: a template's name has neither `/` nor `:`, and begins with a letter or a digit. */
export function looksLikeSource(word: string): boolean {
  return /[/:\\#]/.test(word) || word.startsWith('.') || word.startsWith('~');
}

/** The source of a lock file's entry. */
export function lockedSource(
  origin: { readonly source: string; readonly ref?: string | undefined },
  project: string,
): TemplateSource {
  const { source, ref } = origin;
  return parseSource(ref === undefined ? source : `${source}#${ref}`, { from: project, project });
}

/** Whether two sources mean the same: `.git` and a slash at the end change nothing. */
export function isSameSource(
  left: { readonly source: string; readonly ref?: string | undefined },
  right: { readonly repository: string; readonly ref: string | undefined },
): boolean {
  return left.ref === right.ref && bare(left.source) === bare(right.repository);
}

/** The part of a text that may be shown: an address without the password in it. */
export function hideCredentials(text: string): string {
  return text.replace(/:\/\/[^/?#\s]*@/g, '://***@');
}

/** Whether a name may be a template's reference: what git takes as the name of a branch or a tag, in faas-cli's letters. */
function isRef(ref: string): boolean {
  return /^[A-Za-z0-9_][\w./+-]*$/.test(ref) && !/\.\.|\/\/|\/\.|\.lock(?:\/|$)|[./]$/.test(ref);
}

function readAddress(
  place: string,
  refuse: (reason: string, hint?: string) => UserError,
): Pick<TemplateSource, 'repository' | 'address' | 'authorization'> {
  const url =
    /^[^:]+:\/\/[^/\\?#]/.test(place) && !place.includes('\\') && URL.canParse(place) ? new URL(place) : undefined;
  if (url === undefined || url.hostname === '' || url.hostname.startsWith('-')) throw refuse('is no address');
  const [username, password] = [decoded(url.username), decoded(url.password)];
  if (username === undefined || password === undefined)
    throw refuse('has a login that cannot be read', 'write % as %25 in it');
  const viaSsh = url.protocol.includes('ssh');
  if (viaSsh && password !== '') throw refuse('carries a password', 'ssh takes a key: remove the password');
  if (viaSsh && /^-/.test(username)) throw refuse('begins like an option');
  if (viaSsh || (username === '' && password === ''))
    return { repository: place, address: place, authorization: undefined };
  // Only what stands before the host goes: the rest stays as it was written.
  const address = place.replace(/^([a-z0-9+.-]+:\/\/)[^/?#]*@/i, '$1');
  const login = `${username}:${password}`;
  return { repository: address, address, authorization: `Basic ${Buffer.from(login).toString('base64')}` };
}

/** Undefined for a % that begins nothing. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function bare(repository: string): string {
  return repository.replace(/\/+$/, '').replace(/\.git$/, '');
}

const schemes: ReadonlySet<string> = new Set(['https', 'http', 'ssh', 'git+ssh', 'git']);
const usual = 'write https://HOST/PATH, git@HOST:PATH or ./PATH, and #BRANCH or #TAG behind it if wanted';
