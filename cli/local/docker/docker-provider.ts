import { once } from 'node:events';
import { createServer } from 'node:net';
import { failedWith, Interrupted, UserError } from '../../errors.ts';
import type { Event, Report } from '../../events.ts';
import type { ContainerEngine, EngineFacts, PullCredentials } from '../../tools/container-engine.ts';
import { instanceLabel } from '../replicas/names.ts';
import type { Provider } from '../replicas/provider.ts';
import { defaultTiming, type ReplicaTiming } from '../replicas/replica.ts';
import { ReplicaProvider } from '../replicas/replica-provider.ts';
import { planContainer, pullReference } from './container-plan.ts';
import { ContainerRuns } from './container-runs.ts';
import { prepareImage } from './create-container.ts';

/** What a Docker provider needs. */
export interface DockerProviderOptions {
  readonly engine: ContainerEngine;
  /** Label value of all it makes; see `newInstanceId`. */
  readonly instance: string;
  /** Where the host keeps the value of a secret. */
  readonly secretFile: (name: string) => string;
  readonly report: Report;
  /** Runs all functions for this platform; without it each image for the engine's own. */
  readonly platform?: string | undefined;
  readonly credentials?: ((image: string) => Promise<PullCredentials | undefined>) | undefined;
  readonly timing?: Partial<ReplicaTiming> | undefined;
  /** Seconds that functions get to end when the provider closes. */
  readonly closeGraceSeconds?: number | undefined;
}

/** A provider with an address on its own network: where the gateway must listen too, for functions to reach it. */
export interface DockerProvider extends Provider {
  /** `undefined` where the network's address is not one of this machine (Docker Desktop): containers then get `host-gateway`. */
  readonly bridgeAddress: string | undefined;
}

/**
 * Runs functions as containers of the engine, on a bridge network of their own; each replica is published on a free port of 127.0.0.1.
 * Throws BAN-E202 if the engine does not answer or is on another machine.
 */
export async function startDockerProvider(
  options: DockerProviderOptions,
  signal?: AbortSignal,
): Promise<DockerProvider> {
  const { engine, instance } = options;
  if (!engine.onThisMachine) {
    throw new UserError('BAN-E202', `the Docker engine at ${engine.address} is on another machine`, {
      hint: 'the local gateway needs an engine of this machine: unset DOCKER_HOST, or choose one with: docker context use default',
    });
  }
  const facts = await engine.facts(signal);
  // Not abortable: an aborted creation may end after the clean-up has looked for what there is. It takes milliseconds.
  const network = await engine.networks.create(`bantam-${instance}`, { [instanceLabel]: instance });
  if (signal?.aborted === true) throw new Interrupted();
  return new RunningDockerProvider(options, facts, (await isOwnAddress(network.gateway)) ? network.gateway : undefined);
}

/** Removes every container and network of one instance id, also of a gateway that was killed. Returns how many containers there were. */
export async function removeInstance(engine: ContainerEngine, instance: string): Promise<number> {
  const containers = await engine.containers.list(instanceLabel, instance);
  await Promise.all(containers.map((container) => engine.containers.remove(container.id)));
  for (const network of await engine.networks.list(instanceLabel, instance)) await engine.networks.remove(network);
  return containers.length;
}

class RunningDockerProvider extends ReplicaProvider implements DockerProvider {
  readonly bridgeAddress: string | undefined;

  constructor(options: DockerProviderOptions, facts: EngineFacts, bridgeAddress: string | undefined) {
    const { engine, instance, secretFile, platform, credentials, report, closeGraceSeconds = 5 } = options;
    const timing = { ...defaultTiming, ...startAllowance(platform, facts.platform), ...options.timing };
    super({
      timing,
      report,
      closeGraceSeconds,
      limitations: () => [
        'requests and constraints: on one machine nothing is set aside, and there is no node to choose',
      ],
      prepare: (deployment, signal) =>
        prepareImage(engine, { image: pullReference(deployment.image), platform }, { credentials, signal }),
      clear: async () => void (await removeInstance(engine, instance)),
      makeRuns: (desired, { name, announce }) =>
        new ContainerRuns({
          name,
          engine,
          enginePlatform: facts.platform,
          plan: () =>
            planContainer(desired.deployment, {
              instance,
              replica: name,
              network: { name: `bantam-${instance}`, gatewayAddress: bridgeAddress ?? 'host-gateway' },
              secretFile,
              platform,
              cpus: facts.cpus,
            }),
          create: { credentials, note: announce, onProgress: (text) => report(describePull(desired.name, text)) },
          retry: timing.poll,
        }),
    });
    this.bridgeAddress = bridgeAddress;
  }
}

/** The engine's last line about a pull says `Status: …`. */
function describePull(about: string, text: string): Event {
  return text.startsWith('Status:') ? { type: 'ended', about } : { type: 'progress', about, text };
}

/** Emulated programs start slowly; a cluster of the right processors would not be so patient. */
function startAllowance(platform: string | undefined, enginePlatform: string): Partial<ReplicaTiming> {
  return platform === undefined || platform === enginePlatform ? {} : { start: defaultTiming.start * 4 };
}

/** Whether this machine can listen there. Asked by trying: the list of interfaces leaves out a bridge that has no container yet. */
async function isOwnAddress(address: string): Promise<boolean> {
  const server = createServer();
  server.listen({ host: address, port: 0 });
  try {
    await once(server, 'listening');
  } catch (error) {
    if (failedWith(error, 'EADDRNOTAVAIL')) return false;
    throw error;
  }
  server.close();
  return true;
}
