import { UserError } from '../errors.ts';
import { parseReference } from '../oci/reference.ts';

/**
 * Reads what stands before the last part of an image's name: `registry[:port][/path]`, as in `pi-0.lan:5000/team`. A slash at
 * its end goes. The first part must be a registry by Docker's rules (a dot, a colon, or `localhost`), because a bare `pi-0`
 * would mean a user of Docker Hub. Throws BAN-E305.
 */
export function parseRegistryPrefix(text: string): string {
  const prefix = text.trim().replace(/\/+$/, '');
  const refuse = (problem: string, hint: string): UserError =>
    new UserError('BAN-E305', `"${text}" is no registry: ${problem}`, { hint });
  if (/^[a-z]+:\/\//i.test(prefix))
    throw refuse('it begins with a scheme', `write ${prefix.replace(/^[a-z]+:\/\//i, '')}, without http://`);
  const [first = '', ...path] = prefix.split('/');
  if (!/[.:]/.test(first) && first !== 'localhost')
    throw refuse(
      'its first part would be read as a user of Docker Hub',
      `write docker.io/${prefix || 'USER'} if that is meant, else the registry with its port, as in ${first || 'pi-0'}:5000`,
    );
  if (first === 'docker.io' && path.length === 0)
    throw refuse('Docker Hub takes images below a user only', 'write docker.io/USER');
  if (!parses(`${prefix}/x`))
    throw refuse('it cannot be read', 'write registry[:port][/path], as in pi-0.lan:5000/team');
  return prefix;
}

/** The image under another registry: all before the last part of its name is replaced, tag and digest stay. `ghcr.io/me/hello:1` under `pi-0.lan:5000/team` is `pi-0.lan:5000/team/hello:1`. */
export function imageUnder(prefix: string, image: string): string {
  return `${prefix}/${image.slice(image.lastIndexOf('/') + 1)}`;
}

function parses(reference: string): boolean {
  try {
    parseReference(reference);
    return true;
  } catch (error) {
    if (error instanceof UserError) return false;
    throw error;
  }
}
