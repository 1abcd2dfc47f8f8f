import { existsSync } from 'node:fs';
import { copyFile, link, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Interrupted, UserError } from '../../errors.ts';
import type { Node } from '../../oci/node.ts';
import { isSecretName } from '../../openfaas/secret-name.ts';
import { parseQuantity } from '../dialect/quantity.ts';
import type { DesiredFunction } from '../replicas/provider.ts';
import type { Run, RunLine, RunLogQuery, Runs } from '../replicas/run.ts';
import { copyTree } from './copy-tree.ts';
import type { FreePorts } from './free-ports.ts';
import type { BroughtImage } from './image-bringer.ts';
import { explainFailure } from './image-store.ts';
import { type LaunchSurroundings, placeIn, planLaunch } from './launch.ts';
import type { MemoryWatch } from './memory-watch.ts';
import { hasBantamRuntime } from './own-layers.ts';
import { ProcessRun, startChild } from './process-run.ts';
import { removeTree } from './remove-tree.ts';
import { ReplicaLog } from './replica-log.ts';
import { recordProcess, type Sweeper } from './strays.ts';
import { planNamespaceLaunch } from './user-namespace.ts';

/** What the runs of one replica need. */
export interface ProcessRunsOptions {
  /** The replica's name. */
  readonly name: string;
  readonly instance: string;
  readonly desired: DesiredFunction;
  /** A folder of its own; made at each start, and removed at the end. */
  readonly folder: string;
  /** Brings the image and holds it. Called until it has worked once. */
  readonly bring: (signal: AbortSignal) => Promise<BroughtImage>;
  readonly secretFile: (name: string) => string;
  /** The program that `node` means. */
  readonly node: string;
  /** This machine. */
  readonly machine: Node;
  readonly ports: FreePorts;
  readonly memory: MemoryWatch;
  readonly sweeper: Sweeper;
}

/** One process after the other, each in a session of its own, with folders of its own. */
export class ProcessRuns implements Runs {
  readonly #options: ProcessRunsOptions;
  readonly #log = new ReplicaLog();
  #image: BroughtImage | undefined;
  #present: ProcessRun | undefined;

  constructor(options: ProcessRunsOptions) {
    this.#options = options;
  }

  async start(signal: AbortSignal): Promise<Run> {
    const { name, instance, desired, folder, ports, memory, sweeper } = this.#options;
    this.#image ??= await this.#options.bring(signal);
    const root = await this.#makeFolders(this.#image);
    const taken: number[] = [];
    const takePort = async (): Promise<number> => {
      const port = await ports.take();
      taken.push(port);
      return port;
    };
    let run: ProcessRun | undefined;
    try {
      const [port, metricsPort] = [await takePort(), await takePort()];
      const isForeign = !hasBantamRuntime(this.#image.config);
      const plan = isForeign ? planNamespaceLaunch : planLaunch;
      const launch = plan(this.#image.config, desired.deployment, this.#surroundings(root, port, metricsPort));
      if (signal.aborted) throw new Interrupted();
      const child = await startChild(name, launch, this.#options.machine);
      // The first process of a namespace is only its guard: it hands no signal on.
      run = new ProcessRun({ name, child, port, log: this.#log, sweeper, signalsGroup: isForeign });
      this.#present = run;
      run.watch(memory, memoryLimit(desired));
      await recordProcess(folder, instance, run.pid);
      return run;
    } catch (error) {
      await run?.stop(0);
      throw explainFailure(error, desired.deployment.image, folder);
    } finally {
      void (run?.over ?? Promise.resolve()).then(() => {
        for (const each of taken) ports.giveBack(each);
      });
    }
  }

  logs(query: RunLogQuery, signal: AbortSignal): AsyncIterable<RunLine> {
    return this.#log.read(query, signal);
  }

  async remove(graceSeconds: number): Promise<void> {
    await this.#present?.stop(graceSeconds);
    this.#log.end();
    await removeTree(this.#options.folder);
    await this.#image?.release();
  }

  #surroundings(root: string, port: number, metricsPort: number): LaunchSurroundings {
    const { name, instance, folder, node } = this.#options;
    const own = { home: join(folder, 'home'), temporary: join(folder, 'tmp'), secrets: join(folder, 'secrets') };
    return {
      root,
      has: (path) => existsSync(placeIn(root, path)),
      node,
      instance,
      replica: name,
      port,
      metricsPort,
      ...own,
    };
  }

  /** New folders for a new run, as a container gets them, with the secrets that the function declares. Returns the root. */
  async #makeFolders(image: BroughtImage): Promise<string> {
    const { folder, secretFile, desired } = this.#options;
    const { secrets = [], readOnlyRootFilesystem } = desired.deployment;
    await removeTree(folder);
    for (const part of ['', 'home', 'tmp', 'secrets'])
      await mkdir(join(folder, part), { recursive: true, mode: 0o700 });
    for (const secret of secrets) await share(secret, secretFile(secret), join(folder, 'secrets', secret));
    const mayWrite = readOnlyRootFilesystem === false;
    // In a namespace of mounts the image's own folder can be write-protected as it is.
    if (!mayWrite && !hasBantamRuntime(image.config)) return image.root;
    const root = join(folder, 'root');
    await copyTree(image.root, root, !mayWrite);
    return root;
  }
}

/** Bytes that the function may hold; `undefined` where it has no limit. Quantities are valid by now. */
function memoryLimit({ deployment }: DesiredFunction): number | undefined {
  const text = deployment.limits?.memory;
  return text ? parseQuantity(text) : undefined;
}

/** The file itself, so that a new value of the secret reaches a running function as it does in a container; a copy where that cannot be. */
async function share(secret: string, from: string, to: string): Promise<void> {
  if (!isSecretName(secret)) throw new UserError('BAN-E611', `"${secret}" is no name of a secret`);
  try {
    await link(from, to).catch(() => copyFile(from, to));
  } catch (cause) {
    throw new UserError('BAN-E611', `the secret ${secret} cannot be handed to the function`, {
      hint: `does it exist? bantam secret list`,
      cause,
    });
  }
}
