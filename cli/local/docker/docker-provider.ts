import { once } from 'node:events';
import { createServer } from 'node:net';
import { UserError } from '../../errors.ts';
import type { Report } from '../../events.ts';
import type { ContainerEngine, EngineFacts, PullCredentials } from '../../tools/container-engine.ts';
import { FunctionRollout } from '../replicas/function-rollout.ts';
import { instanceLabel, newReplicaName } from '../replicas/names.ts';
import type { DesiredFunction, Provider } from '../replicas/provider.ts';
import { defaultTiming, Replica, type ReplicaTiming } from '../replicas/replica.ts';
import { functionLogs } from '../replicas/replica-logs.ts';
import { planContainer } from './container-plan.ts';

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
  const network = await engine.networks.create(`bantam-${instance}`, { [instanceLabel]: instance }, signal);
  return new RunningDockerProvider(options, facts, (await isOwnAddress(network.gateway)) ? network.gateway : undefined);
}

/** Removes every container and network of one instance id, also of a gateway that was killed. Returns how many containers there were. */
export async function removeInstance(engine: ContainerEngine, instance: string): Promise<number> {
  const containers = await engine.containers.list(instanceLabel, instance);
  await Promise.all(containers.map((container) => engine.containers.remove(container.id)));
  for (const network of await engine.networks.list(instanceLabel, instance)) await engine.networks.remove(network);
  return containers.length;
}

class RunningDockerProvider implements DockerProvider {
  readonly bridgeAddress: string | undefined;
  readonly #options: DockerProviderOptions;
  readonly #facts: EngineFacts;
  readonly #functions = new Map<string, FunctionRollout>();
  #closing: Promise<void> | undefined;

  constructor(options: DockerProviderOptions, facts: EngineFacts, bridgeAddress: string | undefined) {
    this.#options = options;
    this.#facts = facts;
    this.bridgeAddress = bridgeAddress;
  }

  list() {
    return [...this.#functions.values()].map((rollout) => rollout.state);
  }

  apply(desired: DesiredFunction): void {
    if (this.#closing !== undefined) throw new Error('the provider is closed');
    const rollout = this.#functions.get(desired.name);
    if (rollout !== undefined) rollout.apply(desired);
    else
      this.#functions.set(
        desired.name,
        new FunctionRollout(desired, {
          makeReplica: this.#makeReplica,
          announce: this.#warn,
          failed: this.#stopFailed,
        }),
      );
  }

  async remove(name: string): Promise<void> {
    const rollout = this.#functions.get(name);
    await rollout?.remove();
    this.#functions.delete(name);
  }

  endpoints(name: string) {
    return this.#functions.get(name)?.endpoints ?? [];
  }

  async *logs(query: Parameters<Provider['logs']>[0], signal: AbortSignal) {
    const rollout = this.#functions.get(query.name);
    if (rollout !== undefined) yield* functionLogs(rollout, query, signal);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { closeGraceSeconds = 5, engine, instance } = this.#options;
    await Promise.all([...this.#functions.values()].map((rollout) => rollout.remove(closeGraceSeconds)));
    this.#functions.clear();
    await removeInstance(engine, instance);
  }

  readonly #makeReplica = (
    desired: DesiredFunction,
    events: { changed: () => void; announce: (instance: string, text: string, hint?: string) => void },
  ): Replica => {
    const { engine, instance, secretFile, platform, credentials, report, timing } = this.#options;
    const name = newReplicaName(desired.name, desired.generation);
    return new Replica({
      name,
      generation: desired.generation,
      engine,
      enginePlatform: this.#facts.platform,
      plan: () =>
        planContainer(desired.deployment, {
          instance,
          replica: name,
          network: { name: `bantam-${instance}`, gatewayAddress: this.bridgeAddress ?? 'host-gateway' },
          secretFile,
          platform,
          cpus: this.#facts.cpus,
        }),
      timing: { ...defaultTiming, ...startAllowance(platform, this.#facts.platform), ...timing },
      create: {
        credentials,
        // The engine's last line about a pull says `Status: …`.
        onProgress: (text) =>
          report(
            text.startsWith('Status:')
              ? { type: 'ended', about: desired.name }
              : { type: 'progress', about: desired.name, text },
          ),
      },
      changed: events.changed,
      announce: (text, hint) => events.announce(name, text, hint),
    });
  };

  readonly #warn = (about: string, text: string, hint?: string): void => {
    this.#options.report({ type: 'warning', about, text, ...(hint === undefined ? {} : { hint }) });
  };

  readonly #stopFailed = (error: unknown): void => {
    this.#options.report({ type: 'warning', text: error instanceof Error ? error.message : String(error) });
  };
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
    if (error instanceof Error && 'code' in error && error.code === 'EADDRNOTAVAIL') return false;
    throw error;
  }
  server.close();
  return true;
}
