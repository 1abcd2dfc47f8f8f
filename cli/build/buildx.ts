import { readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import { describeFailure, Interrupted, UserError } from '../errors.ts';
import type { Report } from '../events.ts';
import { formatPlatform } from '../oci/platform.ts';
import { formatReference } from '../oci/reference.ts';
import type { Builder, BuildOutcome, ImageStore, PlatformSize, PushResult, RunProgram } from './builder.ts';
import { describeLostCache, explainFailedBuild } from './explain.ts';
import { hiddenTextsOf } from './hidden-texts.ts';
import { linkTree } from './link-tree.ts';
import { ensureOwnBuilder } from './own-builder.ts';
import { type BuildFiles, type BuildPlan, buildxArguments, buildxEnvironment, shownArguments } from './plan.ts';
import { BuildLog } from './progress.ts';
import { makeScratch, makeWorkingFolder, refuseForeignFolder, replaceFolder } from './working-folder.ts';

/** What the builder needs of the outside. `scratch`: a folder for layouts on their way, on the same disk as the kept base layers. */
export interface BuildxPorts {
  readonly run: RunProgram;
  readonly images: ImageStore;
  readonly seconds: () => number;
  readonly scratch: string;
  /** Where the values of build secrets and proxies may be, which no line of the build shows. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/**
 * The builder that drives `docker buildx build`, one process per function so that each has an outcome of its own (a bake
 * with one broken target cancels the others and writes no metadata). Success is exit code 0, plus the digest in the
 * metadata file, plus the image read back; the text of the log decides nothing.
 */
export function openBuildx(ports: BuildxPorts): Builder {
  return {
    async build(plan, { report, signal }): Promise<BuildOutcome> {
      const image = formatReference(plan.reference);
      const started = ports.seconds();
      try {
        const built = await build(plan, ports, report, signal);
        report({ type: 'ended', about: plan.name });
        return { name: plan.name, image, ...built, seconds: ports.seconds() - started };
      } catch (thrown) {
        if (thrown instanceof Interrupted || signal.aborted) throw new Interrupted();
        if (!(thrown instanceof UserError)) throw thrown;
        const failure = describeFailure(thrown);
        report({ type: 'ended', about: plan.name, failure });
        return { name: plan.name, image, failure };
      }
    },
  };
}

interface Built {
  readonly digest: string | undefined;
  readonly sizes: readonly PlatformSize[];
  readonly push?: PushResult;
}

async function build(plan: BuildPlan, ports: BuildxPorts, report: Report, signal: AbortSignal): Promise<Built> {
  if (plan.output.kind === 'layout') await refuseForeignFolder(plan.output.folder);
  if (plan.instance?.own === true) await ensureOwnBuilder(plan.instance.name, plan, ports.run, report, signal);
  const scratch = await makeScratch(plan, ports.scratch, report);
  const cache = await makeCacheFolder(plan);
  const files: BuildFiles = {
    metadata: join(scratch, 'metadata.json'),
    layout: join(scratch, 'layout'),
    ...(cache === undefined || plan.caches.local === undefined
      ? {}
      : { cache: join(cache, 'new'), oldCache: await holdCache(plan.caches.local.folder, join(cache, 'read')) }),
  };
  const readable = plan.output.kind !== 'load';
  try {
    if (readable) await ports.images.prepareLayout(files.layout, signal);
    const digest = await runBuildx(plan, files, ports, report, signal);
    if (cache !== undefined && plan.caches.local !== undefined)
      await replaceFolder(join(cache, 'new'), plan.caches.local.folder, join(cache, 'old')).catch((error: Error) =>
        report({ type: 'warning', about: plan.name, text: `the cache was not written: ${error.message}` }),
      );
    if (digest === undefined) {
      throw new UserError('BAN-E208', `${plan.name}: buildx reported no digest for what it wrote`, {
        hint: 'docker buildx 0.10 or newer is needed: docker buildx version',
      });
    }
    if (!readable) return { digest, sizes: [] };
    report({ type: 'progress', about: plan.name, text: 'checking the image' });
    const sizes = await ports.images.verify(plan, files.layout, digest, signal);
    if (plan.output.kind === 'layout') {
      if (signal.aborted) throw new Interrupted();
      await replaceFolder(files.layout, plan.output.folder, join(scratch, 'replaced'));
      return { digest, sizes };
    }
    if (plan.output.kind === 'check') return { digest, sizes };
    report({ type: 'progress', about: plan.name, text: `pushing to ${plan.reference.registry}` });
    return { digest, sizes, push: await ports.images.push(plan, files.layout, digest, signal) };
  } finally {
    await rm(scratch, { recursive: true, force: true });
    if (cache !== undefined) await rm(cache, { recursive: true, force: true });
  }
}

/** A folder beside the local cache of a plan, where the new one is written. Throws BAN-E214. */
async function makeCacheFolder(plan: BuildPlan): Promise<string | undefined> {
  const folder = plan.caches.local?.folder;
  if (folder === undefined) return undefined;
  return await makeWorkingFolder(dirname(folder)).catch((cause: Error) => {
    throw new UserError('BAN-E214', `${dirname(folder)} cannot be written to: ${cause.message}`, {
      hint: 'choose another folder: --build-cache local=FOLDER',
      cause,
    });
  });
}

/** What a build reads of a local cache: a tree of its own, since another build may replace and remove that folder meanwhile. */
async function holdCache(folder: string, own: string): Promise<string> {
  for (let left = 3; left > 0; left -= 1) if (await linkTree(folder, own)) return own;
  return folder;
}

const metadataSchema = v.pipe(v.string(), v.parseJson(), v.object({ 'containerimage.digest': v.optional(v.string()) }));

async function runBuildx(
  plan: BuildPlan,
  files: BuildFiles,
  { run, environment }: BuildxPorts,
  report: Report,
  signal: AbortSignal,
): Promise<string | undefined> {
  const argv = buildxArguments(plan, files);
  report({ type: 'trace', about: plan.name, text: ['docker', ...shownArguments(plan, files)].join(' ') });
  report({ type: 'progress', about: plan.name, text: `building for ${plan.platforms.map(formatPlatform).join(', ')}` });
  const log = new BuildLog(await hiddenTextsOf(plan, environment));
  const result = await run('docker', argv, {
    signal,
    cwd: plan.caches.local?.working,
    environment: buildxEnvironment(plan),
    onStderrLine: (line) => {
      for (const event of log.read(line)) report({ ...event, about: plan.name });
    },
  });
  if (result.exitCode !== 0)
    throw explainFailedBuild(plan, {
      missing: result.missing,
      exitCode: result.exitCode,
      text: log.plain,
      steps: log.failed(),
    });
  const lost = describeLostCache(log.failed());
  if (lost !== undefined) report({ type: 'warning', about: plan.name, text: lost });
  const metadata = await readFile(files.metadata, 'utf8').catch(() => '{}');
  const parsed = v.safeParse(metadataSchema, metadata);
  return parsed.success ? parsed.output['containerimage.digest'] : undefined;
}
