import { parseReference } from '../oci/reference.ts';

/** The image that a new function is given: `[prefix/]NAME:latest`. `prefix` is a registry, a path in one, or both (`registry.lan:5000/team`). Throws BAN-E305 for a prefix that cannot be one. */
export function newImageName(name: string, prefix: string | undefined): string {
  const trimmed = (prefix ?? '').trim().replace(/\/+$/, '');
  const image = trimmed === '' ? `${name}:latest` : `${trimmed}/${name}:latest`;
  // A prefix with ${NAME} in it is known only when the stack is read.
  if (!image.includes('${')) parseReference(image);
  return image;
}
