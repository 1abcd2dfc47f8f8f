import { Interrupted, UserError } from '../../errors.ts';
import { platformsTaken } from '../../oci/containerd.ts';
import type { Descriptor, ImageManifest } from '../../oci/manifest.ts';
import { formatPlatform, type Platform, samePlatform } from '../../oci/platform.ts';
import { formatReference, parseReference, type Reference, withoutDigest } from '../../oci/reference.ts';
import type { ImageMemory } from '../../registry/image-memory.ts';
import { type ManifestNode, readTree } from '../../registry/image-tree.ts';
import { openLayout } from '../../registry/layout.ts';
import { readConfig } from '../../registry/read-image.ts';
import type { ImageReader } from '../../registry/registry.ts';
import type { Elsewhere } from '../builder.ts';
import type { BuildPlan } from '../plan.ts';
import { type BaseConfig, decodeBaseConfig } from './image-config.ts';

/** One platform of a base image. */
export interface BaseImage {
  /** As the Dockerfile names it, without the digest. */
  readonly name: string;
  /** Of this platform's manifest. */
  readonly digest: string;
  readonly layers: readonly Descriptor[];
  readonly config: BaseConfig;
  /** Where its layers are: the registry and repository that answered, which may be a mirror; a reader without a place is a folder. */
  readonly reader: ImageReader;
  readonly place: Reference;
}

/** A base image that cannot be had now: nobody answers, or nobody may ask so often. With the next network it is there again. */
export class BaseUnavailable extends UserError {
  readonly base: string;
  /** What the registry, or the network, says. */
  readonly reason: UserError;
  /** The platforms that lack it, as far as that is known: a layer may be the base's of several. */
  readonly platforms: readonly Platform[];

  constructor(base: string, reason: UserError, platforms: readonly Platform[] = []) {
    super('BAN-E210', `the base image ${withoutDigest(base)} cannot be had: ${reason.message}`, {
      hint: reason.hint,
      cause: reason,
    });
    this.name = 'BaseUnavailable';
    this.base = base;
    this.reason = reason;
    this.platforms = platforms;
  }

  /** The same, of these platforms. */
  of(platforms: readonly Platform[]): BaseUnavailable {
    return new BaseUnavailable(this.base, this.reason, platforms);
  }
}

/** No answer, an odd one (a captive portal, a broken mirror), a limit of requests. A refusal or a missing image is an error instead: it will not pass. */
const passing = new Set(['BAN-E301', 'BAN-E304', 'BAN-E308']);

/** How long a base image's manifests may take, in milliseconds: a network that swallows everything must not hold a build for minutes. */
const patience = 20_000;

/** The outside of {@link openBases}. */
export interface BasePorts {
  readonly registry: () => Promise<ImageReader>;
  readonly memory: () => Promise<ImageMemory>;
}

/** Finds base images. */
export interface Bases {
  /** `names`: what a stage is called on the way to its base; the last is the image. Undefined for `scratch`. Throws {@link BaseUnavailable}, BAN-E210, BAN-E220. */
  find(
    names: readonly string[],
    contexts: BuildPlan['buildContexts'],
    platform: Platform,
    signal: AbortSignal,
  ): Promise<BaseImage | undefined>;
}

/** A base that is being read, or was: it is given up when nobody waits for it any more. */
interface Asked {
  readonly found: Promise<BaseImage>;
  readonly stop: AbortController;
  waiting: number;
}

/** Opens the base images that references name, each asked for once in the life of this: fifty functions have the same. */
export function openBases({ registry, memory }: BasePorts): Bases {
  const asked = new Map<string, Asked>();
  const silent: SilentRegistries = new Map();
  const ask = (key: string, name: string, replaced: string | undefined, platform: Platform): Asked => {
    const stop = new AbortController();
    const found = findBase(name, replaced, platform, { registry, memory, silent, signal: stop.signal });
    const entry = { found, stop, waiting: 0 };
    asked.set(key, entry);
    // What cannot be had is not asked for a second time in one run; any other trouble is nothing to remember.
    found.catch((error: unknown) => {
      if (!(error instanceof BaseUnavailable) && asked.get(key) === entry) asked.delete(key);
    });
    return entry;
  };
  return {
    async find(names, contexts, platform, signal) {
      const name = names.at(-1) ?? '';
      const replaced = names.map((each) => replacementOf(each, contexts)).find((each) => each !== undefined);
      if (replaced === undefined && name === 'scratch') return undefined;
      const key = `${replaced ?? name} ${formatPlatform(platform)}`;
      const known = asked.get(key);
      // One that is being given up, because the only function that waited for it failed, is no answer for the next one.
      const usable = known?.stop.signal.aborted === false ? known : undefined;
      return await waitFor(usable ?? ask(key, name, replaced, platform), signal);
    },
  };
}

/** Waits until a base is there or `signal` aborts; whoever leaves last ends the reading, and waits for that. */
async function waitFor(entry: Asked, signal: AbortSignal): Promise<BaseImage> {
  if (signal.aborted) throw new Interrupted();
  entry.waiting += 1;
  const left = leaving(signal);
  try {
    return await Promise.race([entry.found, left.promise]);
  } finally {
    left.forget();
    entry.waiting -= 1;
    if (signal.aborted && entry.waiting === 0) {
      entry.stop.abort();
      await entry.found.catch(() => undefined);
    }
  }
}

/** Rejects when a signal aborts, unless it is forgotten before. */
function leaving(signal: AbortSignal): { readonly promise: Promise<never>; forget(): void } {
  let listener: () => void = () => undefined;
  const promise = new Promise<never>((_resolve, reject) => {
    listener = () => reject(new Interrupted());
    signal.addEventListener('abort', listener, { once: true });
  });
  return { promise, forget: () => signal.removeEventListener('abort', listener) };
}

/** What `--build-context` has in the place of a name. Names of images match however they are written. */
function replacementOf(name: string, contexts: BuildPlan['buildContexts']): string | undefined {
  if (Object.hasOwn(contexts, name)) return contexts[name];
  const wanted = spelled(name);
  const same = Object.keys(contexts).find((other) => wanted !== undefined && spelled(other) === wanted);
  return same === undefined ? undefined : contexts[same];
}

function spelled(name: string): string | undefined {
  try {
    return formatReference(parseReference(name));
  } catch {
    return undefined; // A stage's name or a variable: no image.
  }
}

/** Registries that did not answer in this run, and what was said of them: asking each of them for fifty bases would take fifty times as long. */
type SilentRegistries = Map<string, UserError>;

interface Asking extends BasePorts {
  readonly silent: SilentRegistries;
  readonly signal: AbortSignal;
}

async function findBase(
  name: string,
  replaced: string | undefined,
  platform: Platform,
  asking: Asking,
): Promise<BaseImage> {
  const own = AbortSignal.timeout(patience);
  const signal = AbortSignal.any([asking.signal, own]);
  let host: string | undefined;
  try {
    const { reader, place, memory } = await open(name, replaced, asking);
    host = place.registry;
    const asked = answering(reader, place, asking.silent);
    const tree = await readTree(asked, place, { signal, memory });
    const chosen = choose(tree, platform);
    if (chosen === undefined)
      throw new UserError('BAN-E210', `the base image ${name} is not there for ${formatPlatform(platform)}`, {
        hint: 'build for the platforms that it has: --platform, or platforms: in the stack file',
      });
    const byDigest: Reference = { registry: place.registry, repository: place.repository, digest: chosen.digest };
    const options = { memory, signal };
    const bytes = await readConfig(chosen.manifest.config, { reader: asked, reference: byDigest, options });
    return {
      name: withoutDigest(name),
      digest: chosen.digest,
      layers: chosen.manifest.layers,
      config: decodeBaseConfig(bytes, `configuration of the base image ${name}`),
      reader,
      place: byDigest,
    };
  } catch (thrown) {
    if (asking.signal.aborted) throw new Interrupted();
    const reason = own.aborted ? noAnswer(host ?? name) : thrown;
    if (host !== undefined && reason instanceof UserError && reason.code === 'BAN-E301')
      asking.silent.set(host, reason);
    throw explain(reason, name);
  }
}

/** What earlier runs have read is there without the registry; for the rest one that kept silent before is not waited for again. */
function answering(reader: ImageReader, { registry }: Reference, silent: SilentRegistries): ImageReader {
  const refuse = (): void => {
    const reason = silent.get(registry);
    if (reason !== undefined) throw reason;
  };
  const { digestOf } = reader;
  return {
    ...reader,
    async manifest(reference, signal) {
      refuse();
      return await reader.manifest(reference, signal);
    },
    async blob(reference, digest, signal) {
      refuse();
      return await reader.blob(reference, digest, signal);
    },
    ...(digestOf === undefined
      ? {}
      : {
          async digestOf(reference, signal) {
            refuse();
            return await digestOf.call(reader, reference, signal);
          },
        }),
  };
}

function noAnswer(host: string): UserError {
  return new UserError('BAN-E301', `the registry ${host} did not answer within ${patience / 1000} s`, {
    hint: 'check the network',
  });
}

/** What a reader throws, as what it means for a build. */
function explain(thrown: unknown, name: string): unknown {
  if (!(thrown instanceof UserError) || thrown instanceof BaseUnavailable) return thrown;
  if (passing.has(thrown.code)) return new BaseUnavailable(name, thrown);
  if (thrown.code === 'BAN-E210' || thrown.code === 'BAN-E220') return thrown;
  return new UserError('BAN-E210', `the base image ${name} cannot be read: ${thrown.message}`, {
    hint: thrown.hint,
    details: thrown.details,
    cause: thrown,
  });
}

async function open(
  name: string,
  replaced: string | undefined,
  { registry, memory }: Asking,
): Promise<{ readonly reader: ImageReader; readonly place: Reference; readonly memory?: ImageMemory }> {
  if (replaced === undefined) return { reader: await registry(), place: parseReference(name), memory: await memory() };
  const [, kind = '', value = ''] = /^([\w-]+):\/\/(.+)$/.exec(replaced) ?? [];
  if (kind === 'docker-image')
    return { reader: await registry(), place: parseReference(value), memory: await memory() };
  if (kind === 'oci-layout') {
    const [, folder = '', tag, digest] = /^(.*?)(?::([\w][\w.-]*))?(?:@(sha256:[0-9a-f]{64}))?$/.exec(value) ?? [];
    const named = { registry: 'layout.invalid', repository: 'base' };
    const place = digest === undefined ? { ...named, tag: tag ?? 'latest' } : { ...named, digest };
    return { reader: await openLayout(folder), place };
  }
  throw new UserError('BAN-E220', `only docker buildx can take ${replaced} for the base image ${name}`, {
    hint: 'name an image, --build-context NAME=docker-image://REGISTRY/NAME:TAG, or build with --builder buildx',
  });
}

/** The entry that is for a platform, or for an older processor of the same kind. */
function choose(
  { stored, manifest, children }: ManifestNode,
  platform: Platform,
): { readonly digest: string; readonly manifest: ImageManifest } | undefined {
  if (manifest.kind === 'image') return { digest: stored.digest, manifest };
  const taken = platformsTaken(platform).filter(({ architecture }) => architecture === platform.architecture);
  for (const wanted of taken) {
    const entries = children.filter(
      ({ descriptor }) => descriptor.platform !== undefined && samePlatform(descriptor.platform, wanted),
    );
    const [best] = entries.map(({ node }) => (node === undefined ? undefined : choose(node, platform)));
    if (best !== undefined) return best;
  }
  return undefined;
}

/** The layers of base images, for a layout that does not hold them. */
export function layersElsewhere(bases: readonly BaseImage[]): Elsewhere {
  const homes = new Map<string, BaseImage>();
  for (const base of bases) for (const { digest } of base.layers) if (!homes.has(digest)) homes.set(digest, base);
  const sizes = new Map(bases.flatMap(({ layers }) => layers.map(({ digest, size }) => [digest, size] as const)));
  return {
    blobs: [...homes].map(([digest, { place }]) => ({
      digest,
      size: sizes.get(digest) ?? 0,
      registry: place.registry,
      repository: place.repository,
    })),
    async open(digest, signal) {
      const base = homes.get(digest);
      if (base === undefined) return undefined;
      try {
        return await base.reader.blob(base.place, digest, signal);
      } catch (thrown) {
        throw explain(thrown, base.name);
      }
    },
  };
}
