import { formatReference, parseReference } from '../../oci/reference.ts';
import type { FunctionDeployment } from '../../openfaas/wire.ts';
import type { ContainerPlan } from '../../tools/container-engine.ts';
import { parseQuantity } from '../dialect/quantity.ts';
import { containerName, functionLabel, instanceLabel } from '../replicas/names.ts';

/** What the provider knows and a deployment does not. */
export interface ContainerSurroundings {
  readonly instance: string;
  /** Replica name, the container's host name. */
  readonly replica: string;
  /** `gatewayAddress` is what `gateway` and `gateway.openfaas` mean inside: an address, or `host-gateway`. Without a network: the engine's default one. */
  readonly network?: { readonly name: string; readonly gatewayAddress: string } | undefined;
  /** Where the host keeps the value of a secret. */
  readonly secretFile: (name: string) => string;
  readonly platform?: string | undefined;
  /** Processors of the engine: Docker refuses a limit above, Kubernetes does not. */
  readonly cpus: number;
}

/** Where functions find their secrets (OpenFaaS convention). */
export const secretsFolder = '/var/openfaas/secrets';
/** The port of every OpenFaaS function. */
export const functionPort = 8080;

/**
 * Decides everything about the container of one replica. Pure; quantities are valid by now.
 * The root file system is read-only unless the deployment says false: what a function may not write locally never wears out an SD card.
 */
export function planContainer(deployment: FunctionDeployment, surroundings: ContainerSurroundings): ContainerPlan {
  const { instance, replica, network, secretFile, platform, cpus } = surroundings;
  const { service, namespace = 'openfaas-fn' } = deployment;
  const memory = deployment.limits?.memory === undefined ? undefined : parseQuantity(deployment.limits.memory);
  const cpu = deployment.limits?.cpu === undefined ? undefined : parseQuantity(deployment.limits.cpu);
  return {
    name: containerName(instance, replica),
    hostname: replica,
    image: pullReference(deployment.image),
    ...(platform === undefined ? {} : { platform }),
    environment: { ...deployment.envVars, ...(deployment.envProcess ? { fprocess: deployment.envProcess } : {}) },
    labels: { ...deployment.labels, [instanceLabel]: instance, [functionLabel]: service },
    port: functionPort,
    ...(network === undefined
      ? {}
      : { network: { name: network.name, aliases: [service, `${service}.${namespace}`] } }),
    extraHosts:
      network === undefined ? [] : [`gateway:${network.gatewayAddress}`, `gateway.openfaas:${network.gatewayAddress}`],
    mounts: (deployment.secrets ?? []).map((name) => ({
      source: secretFile(name),
      target: `${secretsFolder}/${name}`,
      readOnly: true,
    })),
    memoryFolders: { '/tmp': 'mode=1777' },
    readOnlyRoot: deployment.readOnlyRootFilesystem ?? true,
    ...(memory === undefined ? {} : { memoryBytes: Math.floor(memory) }),
    ...(cpu === undefined ? {} : { nanoCpus: Math.round(Math.max(0.01, Math.min(cpu, cpus)) * 1e9) }),
    pidsLimit: 256,
  };
}

/** How the engine is asked for an image: by digest alone where there is one, since it takes no tag beside it. */
export function pullReference(image: string): string {
  const { tag, ...reference } = parseReference(image);
  return formatReference(reference.digest === undefined && tag !== undefined ? { ...reference, tag } : reference);
}
