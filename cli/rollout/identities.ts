import { randomBytes } from 'node:crypto';
import type { FunctionStatus } from '../openfaas/wire.ts';

/** Under which names revision and deploy id travel: as annotations (read back from the gateway) and as environment (answered by our runtimes). */
export const identityNames = {
  annotations: { revision: 'bantam.revision', deploy: 'bantam.deploy' },
  environment: { revision: 'BANTAM_REVISION', deploy: 'BANTAM_DEPLOY' },
} as const;

/** What bantam wrote into a function. A member is undefined where something else deployed the function. */
export interface Identities {
  readonly revision: string | undefined;
  readonly deploy: string | undefined;
}

/** Reads the identities from the annotations of a status. */
export function identitiesOf(status: FunctionStatus): Identities {
  return {
    revision: status.annotations?.[identityNames.annotations.revision] || undefined,
    deploy: status.annotations?.[identityNames.annotations.deploy] || undefined,
  };
}

/** A new deploy id: 16 hexadecimal digits by chance. */
export function newDeployId(): string {
  return randomBytes(8).toString('hex');
}
