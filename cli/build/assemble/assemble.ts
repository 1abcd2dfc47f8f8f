import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describeFailure, Interrupted, systemCode, UserError } from '../../errors.ts';
import type { Report } from '../../events.ts';
import { mediaTypes } from '../../oci/media-types.ts';
import { missingBaseName } from '../../oci/missing-base.ts';
import { formatPlatform, type Platform } from '../../oci/platform.ts';
import { formatReference, withoutDigest } from '../../oci/reference.ts';
import { settleAll } from '../../registry/image-tree.ts';
import type { Builder, BuildOutcome, Elsewhere, ImageStore, PlatformSize, PushResult, RunProgram } from '../builder.ts';
import type { DockerfileFacts } from '../dockerfile.ts';
import type { BuildPlan } from '../plan.ts';
import type { BuildDescription } from '../recipe/description.ts';
import { openKeptPackages, packagesFolder } from '../recipe/kept-packages.ts';
import { makeScratch, refuseForeignFolder, replaceFolder } from '../working-folder.ts';
import {
  type BaseImage,
  type BasePorts,
  type Bases,
  BaseUnavailable,
  layersElsewhere,
  openBases,
} from './base-image.ts';
import { baseNames, readAgreeing } from './describe.ts';
import { requireDescription } from './function-tree.ts';
import { makeConfig } from './image-config.ts';
import { makeOwnLayers, type OwnLayer } from './own-layers.ts';
import { refuseForeign } from './refuse.ts';
import { toolRunner } from './tool-runner.ts';
import { type PlatformImage, writeImage } from './write-image.ts';

/** What the builder needs of the outside. */
export interface AssemblePorts extends BasePorts {
  readonly run: RunProgram;
  readonly images: ImageStore;
  readonly seconds: () => number;
  /** For layouts on their way. */
  readonly scratch: string;
  /** What may be deleted at any time: layers and packages of earlier builds. */
  readonly cacheFolder: string;
  /** Where the values of build secrets and proxies may be. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Whether a registry is the one of this project's running local gateway, which takes an image without its base. */
  readonly isLocalRegistry: (registry: string) => Promise<boolean>;
}

/**
 * The builder that needs no Docker: the function's own files as one layer, over the base image that the template's Dockerfile
 * names, whose layers are only referenced and copied where they are missing. The same tree, settings and platforms as
 * {@link ../buildx.ts} makes. Only for templates with a build description.
 */
export function openAssemble(ports: AssemblePorts): Builder {
  const bases = openBases(ports);
  const warned = new Set<string>();
  return {
    async build(plan, { report, signal }): Promise<BuildOutcome> {
      const image = formatReference(plan.reference);
      const started = ports.seconds();
      try {
        const built = await build(plan, { bases, warned }, ports, report, signal);
        report({ type: 'ended', about: plan.name });
        return { name: plan.name, image, ...built, seconds: ports.seconds() - started };
      } catch (thrown) {
        if (thrown instanceof Interrupted || signal.aborted) throw new Interrupted();
        const failure = describeFailure(explainDisk(thrown, plan));
        report({ type: 'ended', about: plan.name, failure });
        return { name: plan.name, image, failure };
      }
    },
  };
}

/** A full disk, or a folder that nobody may write to, is the user's to mend (BAN-E003); anything else that is no UserError is a fault of bantam's, and ends all. */
function explainDisk(thrown: unknown, { name }: BuildPlan): UserError {
  if (thrown instanceof UserError) return thrown;
  const code = systemCode(thrown);
  if (!(thrown instanceof Error) || typeof code !== 'string' || !diskTroubles.has(code)) throw thrown;
  return new UserError('BAN-E003', `${name}: its image cannot be written: ${thrown.message}`, {
    hint: 'make room there (bantam’s own cache folder may be deleted at any time), or name another place: XDG_CACHE_HOME, --output',
    cause: thrown,
  });
}

const diskTroubles: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EIO']);

/** What the builds of one run share. `warned`: bases that a warning was about. */
interface Shared {
  readonly bases: Bases;
  readonly warned: Set<string>;
}

interface Built {
  readonly digest: string;
  readonly sizes: readonly PlatformSize[];
  readonly push?: PushResult;
}

/** One function on its way. */
interface Job {
  readonly plan: BuildPlan;
  readonly facts: DockerfileFacts;
  readonly description: BuildDescription;
  readonly scratch: string;
  readonly layerOf: (platform: Platform) => OwnLayer;
  readonly ports: AssemblePorts;
  readonly shared: Shared;
  readonly report: Report;
  readonly signal: AbortSignal;
}

async function build(
  plan: BuildPlan,
  shared: Shared,
  ports: AssemblePorts,
  report: Report,
  signal: AbortSignal,
): Promise<Built> {
  refuseForeign(plan);
  const description = await requireDescription(plan);
  const facts = await readAgreeing(plan, description);
  if (plan.output.kind === 'layout') await refuseForeignFolder(plan.output.folder);
  const scratch = await makeScratch(plan, ports.scratch, report);
  try {
    const tools = await toolRunner(plan, { ...ports, scratch, report });
    // The bases are looked for while the files are made: they take a network, the files a processor.
    const stop = new AbortController();
    const looking = AbortSignal.any([signal, stop.signal]);
    const found = findBases(plan, facts, shared.bases, looking).catch((error: unknown) => ({ error }));
    const layerOf = await makeOwnLayers(plan, description, {
      folder: join(ports.cacheFolder, 'own-layers-1'),
      packages: openKeptPackages(packagesFolder(ports.cacheFolder), { whole: true }),
      scratch,
      run: tools,
      report,
      signal,
    }).catch(async (error: unknown) => {
      stop.abort();
      await found;
      throw error;
    });
    const job: Job = { plan, facts, description, scratch, layerOf, ports, shared, report, signal };
    const result = await found;
    try {
      if ('error' in result) throw result.error;
      return await finish(job, result);
    } catch (thrown) {
      if (!(thrown instanceof BaseUnavailable)) throw thrown;
      return await finishWithoutBase(job, thrown);
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The base image of each platform; undefined for those that are made from scratch. */
async function findBases(
  plan: BuildPlan,
  facts: DockerfileFacts,
  bases: Bases,
  signal: AbortSignal,
): Promise<ReadonlyMap<Platform, BaseImage | undefined>> {
  // In their order: which failure counts must not depend on who answers first.
  const found = await settleAll(
    plan.platforms.map(async (platform) => {
      const names = baseNames(plan, facts, platform);
      const base = await bases.find(names, plan.buildContexts, platform, signal).catch((error: unknown) => {
        if (error instanceof BaseUnavailable) return error;
        throw error;
      });
      return [platform, base] as const;
    }),
  );
  const [first] = found.flatMap(([, base]) => (base instanceof BaseUnavailable ? [base] : []));
  if (first === undefined)
    return new Map(found.flatMap(([platform, base]) => (isThere(base) ? [[platform, base]] : [])));
  throw first.of(found.flatMap(([platform, base]) => (base instanceof BaseUnavailable ? [platform] : [])));
}

function isThere(base: BaseImage | BaseUnavailable | undefined): base is BaseImage | undefined {
  return !(base instanceof BaseUnavailable);
}

/** ` for linux/arm/v7` where the bases of the other platforms can be had. */
function lackingOf({ platforms: wanted }: BuildPlan, lacking: readonly Platform[]): string {
  const some = lacking.length > 0 && lacking.length < wanted.length;
  return some ? ` for ${lacking.map(formatPlatform).join(', ')}` : '';
}

/** What is left to do when the base cannot be had: an image of the function's own files, for those who know what it lacks. Throws BAN-E221. */
async function finishWithoutBase(job: Job, { base, reason, platforms }: BaseUnavailable): Promise<Built> {
  const { plan, ports, shared, report } = job;
  const { kind } = plan.output;
  const some = lackingOf(plan, platforms);
  const others = plan.platforms.filter((platform) => !platforms.includes(platform)).map(formatPlatform);
  const leave = some === '' ? '' : `or build for the others alone: --platform ${others.join(',')}; `;
  if (kind === 'push' && !(await ports.isLocalRegistry(plan.reference.registry)))
    throw new UserError(
      'BAN-E221',
      `${plan.name}: its base image ${withoutDigest(base)}${some} cannot be had: ${reason.message}`,
      {
        details: ['nothing was pushed: without its base the image would start nowhere but in bantam local up'],
        hint: `${reason.hint === undefined ? '' : `${reason.hint}; `}${leave}a mirror of your own helps: --build-context ${base}=docker-image://REGISTRY/NAME:TAG`,
      },
    );
  // Fifty functions on one base are one problem; what each of them lacks stands in its lines.
  if (!shared.warned.has(base))
    report({
      type: 'warning',
      text: `the base image ${withoutDigest(base)}${some} cannot be had (${reason.message}): images that are made of it hold the function’s own files only, and run only on the process provider of bantam local up`,
      hint: 'build them again where the base can be had, before they go to a cluster',
    });
  shared.warned.add(base);
  return await finish(job, undefined);
}

/** Puts the image together, checks it and hands it on. `bases` undefined: they cannot be had. */
async function finish(job: Job, bases: ReadonlyMap<Platform, BaseImage | undefined> | undefined): Promise<Built> {
  const { plan, scratch, ports, report, signal } = job;
  const layout = join(scratch, bases === undefined ? 'layout-without-base' : 'layout');
  await ports.images.prepareLayout(layout, signal);
  const missing = (platform: Platform): string | undefined => {
    const name = bases === undefined ? baseNames(plan, job.facts, platform).at(-1) : undefined;
    return name === 'scratch' ? undefined : name;
  };
  const platforms = plan.platforms.map((platform) => assemble(job, platform, bases?.get(platform), missing(platform)));
  for (const platform of plan.platforms) {
    const layer = job.layerOf(platform);
    await layer.place(join(layout, 'blobs/sha256', layer.digest.replace('sha256:', '')));
  }
  const lacks = [...new Set(plan.platforms.flatMap((platform) => missing(platform) ?? []))].join(' ');
  const annotations: Readonly<Record<string, string>> = lacks === '' ? {} : { [missingBaseName]: lacks };
  const digest = await writeImage(layout, { platforms, annotations, tag: plan.reference.tag ?? 'latest' });
  const elsewhere = layersElsewhere([...(bases?.values() ?? [])].flatMap((base) => (base === undefined ? [] : [base])));
  if (plan.output.kind === 'layout') await bringLayers(plan, layout, elsewhere, ports.images, report, signal);
  report({ type: 'progress', about: plan.name, text: 'checking the image' });
  const sizes = await ports.images.verify(plan, layout, digest, signal, elsewhere);
  if (plan.output.kind === 'layout') {
    if (signal.aborted) throw new Interrupted();
    await replaceFolder(layout, plan.output.folder, join(scratch, 'replaced'));
  }
  if (plan.output.kind !== 'push') return { digest, sizes };
  report({ type: 'progress', about: plan.name, text: `pushing to ${plan.reference.registry}` });
  return { digest, sizes, push: await ports.images.push(plan, layout, digest, signal, elsewhere) };
}

async function bringLayers(
  plan: BuildPlan,
  layout: string,
  elsewhere: Elsewhere,
  images: ImageStore,
  report: Report,
  signal: AbortSignal,
): Promise<void> {
  if (elsewhere.blobs.length === 0) return;
  report({ type: 'progress', about: plan.name, text: 'reading its base images' });
  await images.complete(layout, elsewhere, signal);
}

function assemble(
  { plan, facts, description, layerOf }: Job,
  platform: Platform,
  base: BaseImage | undefined,
  missingBase: string | undefined,
): PlatformImage {
  const layer = layerOf(platform);
  const last = facts.stages.at(-1);
  const own = last?.instructions ?? [];
  return {
    platform,
    config: makeConfig({
      platform,
      base: base?.config,
      image: description.image,
      labels: plan.labels,
      diffId: layer.diffId,
      instructions: own,
      missingBase,
    }),
    layers: [...(base?.layers ?? []), { mediaType: mediaTypes.ociLayerGzip, digest: layer.digest, size: layer.size }],
    annotations: {
      ...(base === undefined
        ? {}
        : { 'org.opencontainers.image.base.name': base.name, 'org.opencontainers.image.base.digest': base.digest }),
      ...(missingBase === undefined ? {} : { [missingBaseName]: missingBase }),
    },
  };
}
