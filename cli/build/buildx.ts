import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import { describeFailure, Interrupted, UserError } from '../errors.ts';
import type { Report } from '../events.ts';
import { formatPlatform } from '../oci/platform.ts';
import { formatReference } from '../oci/reference.ts';
import type { Builder, BuildOutcome, ImageStore, PlatformSize, PushResult, RunProgram } from './builder.ts';
import { explainFailedBuild } from './explain.ts';
import { ensureOwnBuilder } from './own-builder.ts';
import { type BuildFiles, type BuildPlan, buildxArguments, buildxEnvironment } from './plan.ts';
import { BuildLog } from './progress.ts';

/** What the builder needs of the outside. `scratch`: a folder for layouts on their way, on the same disk as the kept base layers. */
export interface BuildxPorts {
  readonly run: RunProgram;
  readonly images: ImageStore;
  readonly seconds: () => number;
  readonly scratch: string;
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
  if (plan.instance !== undefined) await ensureOwnBuilder(plan.instance, plan, ports.run, report, signal);
  // A layout of the user's is finished beside its place and moved there as the last step.
  const beside = plan.output.kind === 'layout' ? dirname(plan.output.folder) : ports.scratch;
  await mkdir(beside, { recursive: true });
  const scratch = await mkdtemp(join(beside, '.bantam-'));
  const files: BuildFiles = { metadata: join(scratch, 'metadata.json'), layout: join(scratch, 'layout') };
  const keeps = plan.output.kind === 'push' || plan.output.kind === 'layout';
  try {
    if (keeps) await ports.images.prepareLayout(files.layout, signal);
    const digest = await runBuildx(plan, files, ports.run, report, signal);
    if (!keeps) return { digest, sizes: [] };
    if (digest === undefined) {
      throw new UserError('BAN-E208', `${plan.name}: buildx reported no digest for what it wrote`, {
        hint: 'docker buildx 0.10 or newer is needed: docker buildx version',
      });
    }
    report({ type: 'progress', about: plan.name, text: 'checking the image' });
    const sizes = await ports.images.verify(plan, files.layout, digest, signal);
    if (plan.output.kind === 'layout') {
      await rm(plan.output.folder, { recursive: true, force: true });
      await rename(files.layout, plan.output.folder);
      return { digest, sizes };
    }
    report({ type: 'progress', about: plan.name, text: `pushing to ${plan.reference.registry}` });
    return { digest, sizes, push: await ports.images.push(plan, files.layout, digest, signal) };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

const metadataSchema = v.object({ 'containerimage.digest': v.optional(v.string()) });

async function runBuildx(
  plan: BuildPlan,
  files: BuildFiles,
  run: RunProgram,
  report: Report,
  signal: AbortSignal,
): Promise<string | undefined> {
  const argv = buildxArguments(plan, files);
  report({ type: 'trace', about: plan.name, text: ['docker', ...argv].join(' ') });
  report({ type: 'progress', about: plan.name, text: `building for ${plan.platforms.map(formatPlatform).join(', ')}` });
  const log = new BuildLog();
  const result = await run('docker', argv, {
    signal,
    environment: buildxEnvironment,
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
  const metadata = await readFile(files.metadata, 'utf8').catch(() => undefined);
  return metadata === undefined ? undefined : v.parse(metadataSchema, JSON.parse(metadata))['containerimage.digest'];
}
