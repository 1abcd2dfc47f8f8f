import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import pLimit from 'p-limit';
import { Interrupted } from '../../errors.ts';
import type { Report } from '../../events.ts';
import type { BuiltImages } from '../../registry/built-images.ts';
import type { ImageReader } from '../../registry/registry.ts';
import { makeFolder } from '../../tools/make-folder.ts';
import type { Provider } from '../replicas/provider.ts';
import { defaultTiming, type ReplicaTiming } from '../replicas/replica.ts';
import { ReplicaProvider } from '../replicas/replica-provider.ts';
import { FreePorts } from './free-ports.ts';
import { hostNode } from './host.ts';
import { ImageBringer } from './image-bringer.ts';
import { ImageStore } from './image-store.ts';
import { readVariables } from './launch.ts';
import { MemoryWatch } from './memory-watch.ts';
import { ProcessRuns } from './process-runs.ts';
import { removeStrays, replicasFolder, Sweeper, writeOwner } from './strays.ts';
import { whyNoNamespace } from './user-namespace.ts';

/** What a process provider needs. */
export interface ProcessProviderOptions {
  /** Folder of its own, usually `.bantam/processes`: unpacked images, and what runs. One provider at a time. */
  readonly folder: string;
  /** Id of this gateway; each process carries it in its environment. See `newInstanceId`. */
  readonly instance: string;
  /** Where images come from. */
  readonly registry: ImageReader;
  /** Which images this user built. */
  readonly builtImages: Pick<BuiltImages, 'has'>;
  /** Runs images that this user did not build, too (`--trust`). */
  readonly trust?: boolean | undefined;
  /** Where the value of a secret is. */
  readonly secretFile: (name: string) => string;
  readonly report: Report;
  readonly timing?: Partial<ReplicaTiming> | undefined;
  /** Seconds that functions get to end when the provider closes. */
  readonly closeGraceSeconds?: number | undefined;
}

/** A process is there at once; what it takes to listen is worth seeing. Milliseconds. */
const firstPoll = 25;

/**
 * Runs functions as processes of this user, without Docker and without root; each answers on a free port of 127.0.0.1. Ends what a killed gateway left in
 * the folder. Throws BAN-E613 or what the system says if the folder cannot be used, `Interrupted`.
 */
export async function startProcessProvider(options: ProcessProviderOptions, signal?: AbortSignal): Promise<Provider> {
  const { instance, registry, builtImages, trust = false, secretFile, report, closeGraceSeconds = 5 } = options;
  const folder = resolve(options.folder);
  await makeFolder(folder, 0o700);
  await removeStrays(folder);
  await writeOwner(folder, instance);
  const store = await ImageStore.open(join(folder, 'images'));
  if (signal?.aborted === true) throw new Interrupted();
  const machine = hostNode();
  const bringer = new ImageBringer({ registry, store, builtImages, trust, node: machine, whyNoNamespace });
  const starts = pLimit(Math.max(4, 2 * availableParallelism()));
  const ports = new FreePorts();
  const memory = new MemoryWatch();
  const sweeper = new Sweeper(instance);
  return new ReplicaProvider({
    timing: { ...defaultTiming, firstPoll, ...options.timing },
    report,
    closeGraceSeconds,
    admit: (waiting) => enter(starts, waiting),
    limitations: () => limitations(process.getuid?.() === 0),
    async prepare(deployment, asking) {
      const image = await bringer.bring(deployment.image, asking);
      await image.release();
      return { environment: readVariables(image.config.config.Env) };
    },
    makeRuns: (desired, { name }) =>
      new ProcessRuns({
        name,
        instance,
        desired,
        folder: join(replicasFolder(folder), name),
        bring: (starting) => bringer.bring(desired.deployment.image, starting),
        secretFile,
        node: process.execPath,
        machine,
        ports,
        memory,
        sweeper,
      }),
    clear: async () => void (await removeStrays(folder)),
  });
}

/**
 * Ends the processes that an earlier gateway (a killed one) left in this folder, and removes what they had there. Returns how many there were.
 * Call it only when that gateway is known to be dead. A process with a recycled number is left alone.
 */
export async function removeProcesses(folder: string): Promise<number> {
  return await removeStrays(resolve(folder));
}

/** Waits for a place among those who start; gives it back when the function that comes back is called. Who leaves the queue takes no place. */
async function enter(starts: ReturnType<typeof pLimit>, signal: AbortSignal): Promise<() => void> {
  if (signal.aborted) return () => undefined;
  return await new Promise<() => void>((entered) => {
    const leaveQueue = (): void => entered(() => undefined);
    signal.addEventListener('abort', leaveQueue, { once: true });
    void starts(
      () =>
        new Promise<void>((leave) => {
          signal.removeEventListener('abort', leaveQueue);
          if (signal.aborted) leave();
          else entered(leave);
        }),
    );
  });
}

/** What containers enforce and processes of a user cannot. */
function limitations(asRoot: boolean): readonly string[] {
  return [
    asRoot
      ? 'functions run as root, because bantam does, and nothing keeps them from the rest of the machine'
      : 'functions run as you: they can read and write what you can',
    'images that are not of bantam’s templates get a root folder and processes of their own, and share the network of this machine: they may listen beyond 127.0.0.1',
    'limits.memory: looked at up to four times a second; a function above it is killed (OOMKilled)',
    'limits.cpu: not enforced, a function may take all processors',
    asRoot
      ? 'readOnlyRootFilesystem: not enforced for root'
      : 'readOnlyRootFilesystem: the files of the image are write-protected, which a function can undo',
    '/tmp and absolute paths are those of this machine: TMPDIR, HOME and secret_mount_path name folders of the replica’s own',
    'requests and constraints: on one machine nothing is set aside, and there is no node to choose',
  ];
}
