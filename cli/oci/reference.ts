import { UserError } from '../errors.ts';

/** An image reference taken apart. `registry` is what a client connects to (`docker.io` for short names); at least one of `tag` and `digest` is set. */
export interface Reference {
  readonly registry: string;
  /** Path inside the registry, `library/` already added for official Docker Hub images. */
  readonly repository: string;
  readonly tag?: string;
  /** `sha256:<64 hex>` or `sha512:<128 hex>`. */
  readonly digest?: string;
}

/**
 * Parses `[registry/]repository[:tag][@digest]` with Docker's rules (distribution/reference): the first part is a registry
 * only if it holds a dot or a colon or is `localhost`; no tag and no digest means `latest`. Throws BAN-E305.
 */
export function parseReference(text: string): Reference {
  const match =
    /^(?<name>[^@]*?)(?::(?<tag>[\w][\w.-]{0,127}))?(?:@(?<digest>sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}))?$/.exec(
      text,
    );
  const name = match?.groups?.['name'] ?? '';
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const hasRegistry = first.includes('.') || first.includes(':') || first === 'localhost';
  const registry = hasRegistry ? (first === 'index.docker.io' ? 'docker.io' : first) : 'docker.io';
  const path = hasRegistry ? name.slice(slash + 1) : name;
  const repository = registry === 'docker.io' && !path.includes('/') ? `library/${path}` : path;
  if (
    match === null ||
    !repositoryPattern.test(repository) ||
    !registryPattern.test(registry) ||
    repository.length > 255
  ) {
    throw new UserError('BAN-E305', `"${text}" is no image reference`, {
      hint: 'write [registry[:port]/]name[:tag], in lower case, for example registry.lan:5000/hello:1.0',
    });
  }
  const tag = match.groups?.['tag'];
  const digest = match.groups?.['digest'];
  return {
    registry,
    repository,
    ...(tag === undefined ? (digest === undefined ? { tag: 'latest' } : {}) : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/** Whether a name means Docker Hub's own library (`hello`, `docker.io/library/hello`), to which nobody but Docker pushes: users mean a registry of their own. */
export function isOfficial({ registry, repository }: Reference): boolean {
  return registry === 'docker.io' && repository.startsWith('library/');
}

/** The reference as users write it: Docker Hub's registry and `library/` left out, tag and digest kept. */
export function formatReference(reference: Reference): string {
  return `${formatRepository(reference)}${reference.tag === undefined ? '' : `:${reference.tag}`}${reference.digest === undefined ? '' : `@${reference.digest}`}`;
}

/** A written reference without its digest, for people who know the image by its name. */
export function withoutDigest(text: string): string {
  return text.replace(/@sha(?:256|512):[0-9a-f]+$/, '');
}

/** The same without tag and digest. */
export function formatRepository(reference: Reference): string {
  const { registry, repository } = reference;
  if (registry !== 'docker.io') return `${registry}/${repository}`;
  const short = /^library\/([^/]+)$/.exec(repository)?.[1] ?? repository;
  // `docker.io/my.org/x` without its registry would read as a registry called my.org.
  return /^(?:localhost|[^/]*[.:][^/]*)\//.test(short) || (short === repository && !short.includes('/'))
    ? `docker.io/${repository}`
    : short;
}

const component = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const repositoryPattern = new RegExp(`^${component}(?:/${component})*$`);
const registryPattern = /^(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::\d{1,5})?$/;
