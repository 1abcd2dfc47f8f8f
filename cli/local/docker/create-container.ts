import { UserError } from '../../errors.ts';
import type { ContainerEngine, ContainerPlan, PullCredentials } from '../../tools/container-engine.ts';
import type { PreparedImage } from '../replicas/provider.ts';

/** What creating a container may need. `note` gets sentences worth a line, `onProgress` the pull's own lines. */
export interface CreateOptions {
  /** Docker's credentials for the registry of an image; `undefined` where there are none. */
  readonly credentials?: ((image: string) => Promise<PullCredentials | undefined>) | undefined;
  readonly onProgress?: ((line: string) => void) | undefined;
  readonly note?: ((text: string) => void) | undefined;
  readonly signal: AbortSignal;
}

/**
 * Makes the container of a plan, pulling its image as Kubernetes' policy Always would: a tag is asked of the registry each time, a digest only if the engine
 * has not got it. An image that only the engine has (built here, never pushed) is used with a note. Returns the container's id.
 */
export async function createContainer(
  engine: ContainerEngine,
  plan: ContainerPlan,
  options: CreateOptions,
): Promise<string> {
  if (plan.image.includes('@')) {
    const id = await createFromStore(engine, plan);
    if (id !== undefined) return id;
  }
  await pullOrKeep(engine, plan, options);
  // Not abortable: an aborted create may leave a container of which nobody knows the id. It takes milliseconds.
  return engine.containers.create(plan);
}

/** Brings an image as `createContainer` would, and tells its environment. Throws what pulling throws, `Interrupted`. */
export async function prepareImage(
  engine: ContainerEngine,
  plan: Pick<ContainerPlan, 'image' | 'platform'>,
  options: CreateOptions,
): Promise<PreparedImage> {
  const { image } = plan;
  const stored = image.includes('@') ? await engine.images.inspect(image, options.signal) : undefined;
  if (stored === undefined) await pullOrKeep(engine, plan, options);
  const brought = stored ?? (await engine.images.inspect(image, options.signal));
  return { environment: brought?.environment ?? {} };
}

/** `undefined` if the engine lacks the image, or lacks it for this platform. */
async function createFromStore(engine: ContainerEngine, plan: ContainerPlan): Promise<string | undefined> {
  try {
    return await engine.containers.create(plan);
  } catch (error) {
    if (
      error instanceof UserError &&
      /no such image|not found|does not provide the specified platform|no match for platform/i.test(error.message)
    )
      return undefined;
    throw error;
  }
}

async function pullOrKeep(
  engine: ContainerEngine,
  { image, platform }: Pick<ContainerPlan, 'image' | 'platform'>,
  { credentials, onProgress, note, signal }: CreateOptions,
): Promise<void> {
  try {
    await engine.images.pull(image, { platform, credentials: await credentials?.(image), onProgress, signal });
  } catch (error) {
    if (!(error instanceof UserError) || error.code === 'BAN-E202') throw error;
    const stored = await engine.images.inspect(image, signal);
    if (stored === undefined) throw error;
    note?.(`${error.message}; the engine's own copy of ${image} is used`);
  }
}
