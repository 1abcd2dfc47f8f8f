import { join } from 'node:path';
import type { Report } from '../events.ts';
import type { BuiltImages } from '../registry/built-images.ts';
import type { ImageReader } from '../registry/registry.ts';
import type { ContainerEngine, PullCredentials } from '../tools/container-engine.ts';
import { removeInstance, startDockerProvider } from './docker/docker-provider.ts';
import { startProcessProvider } from './process/provider.ts';
import type { Provider } from './replicas/provider.ts';
import type { ReplicaTiming } from './replicas/replica.ts';

/** What runs the functions of a local gateway. */
export type ProviderChoice =
  | {
      readonly kind: 'process';
      /** Where images come from, the gateway's own registry included. */
      readonly registry: ImageReader;
      readonly builtImages: Pick<BuiltImages, 'has'>;
      /** Runs images that this user did not build, too. */
      readonly trust?: boolean | undefined;
    }
  | {
      readonly kind: 'docker';
      /** Runs all functions for this platform. */
      readonly platform?: string | undefined;
      readonly credentials?: ((image: string) => Promise<PullCredentials | undefined>) | undefined;
    };

/** What both kinds need. */
export interface ProviderSurroundings {
  readonly stateFolder: string;
  readonly instance: string;
  readonly engine?: (() => Promise<ContainerEngine>) | undefined;
  readonly secretFile: (name: string) => string;
  readonly report: Report;
  readonly timing?: Partial<ReplicaTiming> | undefined;
  readonly closeGraceSeconds?: number | undefined;
}

/** A provider that runs. */
export interface RunningProvider {
  readonly provider: Provider;
  /** Where containers reach this machine; `undefined` for processes, and where that address is not one of this machine. */
  readonly bridgeAddress: string | undefined;
  /** Removes what is left when the provider is closed, or did not start. */
  clear(): Promise<void>;
}

/** Starts what runs functions. Throws BAN-E202 without an engine, BAN-E613 without a folder to write to, `Interrupted`. */
export async function startProvider(
  choice: ProviderChoice,
  surroundings: ProviderSurroundings,
  signal?: AbortSignal,
): Promise<RunningProvider> {
  if (choice.kind === 'process') {
    const folder = join(surroundings.stateFolder, 'processes');
    const provider = await startProcessProvider({ ...choice, ...surroundings, folder }, signal);
    return { provider, bridgeAddress: undefined, clear: async () => undefined };
  }
  if (surroundings.engine === undefined) throw new Error('the Docker provider needs an engine');
  const engine = await surroundings.engine();
  const clear = async (): Promise<void> => void (await removeInstance(engine, surroundings.instance));
  try {
    const provider = await startDockerProvider({ ...choice, ...surroundings, engine }, signal);
    return { provider, bridgeAddress: provider.bridgeAddress, clear };
  } catch (error) {
    // The network may be there already; what keeps it from being removed is the same that kept it from being used.
    await clear().catch(() => undefined);
    throw error;
  }
}
