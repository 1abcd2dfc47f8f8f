import { UserError } from '../../errors.ts';
import { parseReference } from '../../oci/reference.ts';

/**
 * What faasd says of an image reference that it cannot read; `undefined` for one that it can. As Docker's reference library has it, a first part with
 * capital letters is taken for a registry, and only the rest is looked at.
 */
export function referenceProblem(image: string): string | undefined {
  try {
    parseReference(image);
    return undefined;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const slash = image.indexOf('/');
    const first = slash < 0 ? '' : image.slice(0, slash);
    const isRegistry = /[.:A-Z]/.test(first) || first === 'localhost';
    const path = (isRegistry ? image.slice(slash + 1) : image).split(':')[0] ?? '';
    const capital = path !== path.toLowerCase() ? `: repository name (${path}) must be lowercase` : '';
    return `invalid reference format${capital}`;
  }
}

/** What faasd says when it could not pull a (readable) image. What containerd would say of a registry, the error says in bantam's words. */
export function pullProblem(image: string, problem: UserError): string {
  const reference = faasdReference(image);
  return `unable to pull image ${reference}: cannot pull: ${reason(reference, problem)}`;
}

/** An image as faasd names it: with the registry that is meant, and with the tag that is meant where there is no digest. */
export function faasdReference(image: string): string {
  const { registry, repository, tag, digest } = parseReference(image);
  return `${registry}/${repository}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

function reason(reference: string, { code, message }: UserError): string {
  if (code === 'BAN-E505') return 'no match for platform in manifest: not found';
  if (code === 'BAN-E303') return `failed to resolve reference "${reference}": ${reference}: not found`;
  if (code === 'BAN-E301') return `failed to resolve reference "${reference}": failed to do request: ${message}`;
  return message;
}
