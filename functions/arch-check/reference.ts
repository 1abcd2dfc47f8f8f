import { Failure } from './failure.ts';

/** `registry/repository` and what is asked for in it: a tag, or a digest, which wins. */
export interface Reference {
  readonly registry: string;
  readonly repository: string;
  readonly version: string;
}

const shape =
  /^(?<name>[a-z0-9][a-z0-9._/:-]*?)(?::(?<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?(?:@(?<digest>sha256:[0-9a-f]{64}))?$/;
const repositoryShape = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;
const registryShape = /^[a-z0-9][a-z0-9.-]*(?::\d{1,5})?$/;

/**
 * Reads an image reference as Docker does: without a registry it is Docker Hub's, without a tag `latest`. The first part
 * is a registry if it has a dot or a port, or is localhost.
 */
export function parseReference(text: string): Reference {
  const { name = '', tag, digest } = shape.exec(text)?.groups ?? {};
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const named = /[.:]/.test(first) || first === 'localhost';
  const registry = named ? first : 'docker.io';
  const rest = named ? name.slice(slash + 1) : name;
  const repository = registry === 'docker.io' && !rest.includes('/') ? `library/${rest}` : rest;
  if (text.length > 512 || !repositoryShape.test(repository) || !registryShape.test(registry)) {
    throw new Failure(400, 'bad-reference', `${JSON.stringify(text.slice(0, 512))} is no image reference`);
  }
  return { registry, repository, version: digest ?? tag ?? 'latest' };
}

/** The reference with nothing left out. */
export function formatReference({ registry, repository, version }: Reference): string {
  return `${registry}/${repository}${version.startsWith('sha256:') ? '@' : ':'}${version}`;
}
