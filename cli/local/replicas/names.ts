import { randomBytes } from 'node:crypto';

/** The label that every container and network of a local gateway carries; its value is the instance id. Clean-up touches nothing else. */
export const instanceLabel = 'bantam.local';
/** The label with the function's name. */
export const functionLabel = 'bantam.function';

/** A new id for one run of a local gateway: 8 hex digits, so that several on one machine never meet. */
export function newInstanceId(): string {
  return randomBytes(4).toString('hex');
}

/**
 * A name for a new replica, like a pod's: `hello-3f2a91c0-x7k2p`. It is the container's host name too, hence at most 63 characters;
 * a long function name is cut, the random end keeps it unique.
 */
export function newReplicaName(functionName: string, generation: string): string {
  const end = `-${generation.slice(0, 8)}-${randomBytes(3).toString('hex').slice(0, 5)}`;
  return `${functionName.slice(0, 63 - end.length)}${end}`;
}

/** The container's name in the engine: unique over all gateways of the machine. */
export function containerName(instance: string, replica: string): string {
  return `bantam-${instance}-${replica}`;
}
