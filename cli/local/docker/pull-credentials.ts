import { parseReference } from '../../oci/reference.ts';
import type { Credentials } from '../../registry/credentials.ts';
import type { PullCredentials } from '../../tools/container-engine.ts';

/** Docker Hub's name in the credentials of `docker login`, which the engine expects too. */
const dockerHub = 'https://index.docker.io/v1/';

/** Docker's own credentials, in the form in which an engine wants them with a pull; `undefined` for a registry without any. */
export function pullCredentials(credentials: Credentials): (image: string) => Promise<PullCredentials | undefined> {
  return async (image) => {
    const { registry } = parseReference(image);
    const proof = await credentials.find(registry);
    return proof === undefined ? undefined : { serverAddress: registry === 'docker.io' ? dockerHub : registry, proof };
  };
}
