import { type Config, formatPlatform, isIndex, type Platform, readConfig, readManifest } from './documents.ts';
import { Failure } from './failure.ts';
import { findProgram, type Program } from './program.ts';
import { formatReference, type Reference } from './reference.ts';
import { Repository } from './registry.ts';

/** One platform of an image. `wrong`: it does not run there whatever the index promises. */
export interface Found {
  readonly platform: string;
  readonly digest: string;
  readonly verdict: 'fine' | 'wrong' | 'unknown';
  readonly program?: Program;
  readonly problem?: string;
}

/** What an image reference really offers. */
export interface Report {
  readonly image: string;
  readonly digest: string;
  readonly index: boolean;
  readonly platforms: readonly Found[];
  /** Platforms that the image runs on as far as was looked. */
  readonly runsOn: readonly string[];
}

export interface Depth {
  /** Whether layers are read to find out what the program is compiled for. */
  readonly programs: boolean;
  /** Bytes of layers to read at most, per platform. */
  readonly layerLimit: number;
}

const maximumPlatforms = 24;

/** Asks the registry which platforms an image has: in its index, in each configuration and, if asked, in the program itself. */
export async function inspectImage(reference: Reference, depth: Depth, signal: AbortSignal): Promise<Report> {
  const repository = new Repository(reference, signal);
  const { document, digest = reference.version } = await repository.readManifest(reference.version);
  const platforms: Found[] = [];
  if (isIndex(document)) {
    // Attestations of buildx are entries too, of the platform unknown/unknown.
    const images = document.manifests.filter(
      (entry) => entry.platform?.os !== 'unknown' && entry.annotations?.['vnd.docker.reference.type'] === undefined,
    );
    if (images.length > maximumPlatforms) {
      throw new Failure(
        502,
        'too-large',
        `the index has ${images.length} platforms; ${maximumPlatforms} are the most that are looked at`,
      );
    }
    for (const entry of images) platforms.push(await inspectOne(repository, entry.digest, entry.platform, depth));
  } else {
    platforms.push(await inspectOne(repository, digest, undefined, depth, document));
  }
  const runsOn = platforms.filter(({ verdict }) => verdict === 'fine').map(({ platform }) => platform);
  return { image: formatReference(reference), digest, index: isIndex(document), platforms, runsOn };
}

async function inspectOne(
  repository: Repository,
  digest: string,
  promised: Platform | undefined,
  depth: Depth,
  known?: unknown,
): Promise<Found> {
  const platform = promised === undefined ? undefined : formatPlatform(promised);
  try {
    const manifest = readManifest(known ?? (await repository.readManifest(digest)).document);
    const config = readConfig(await repository.readConfig(manifest.config.digest));
    const program = depth.programs ? await findProgram(repository, manifest, config, depth.layerLimit) : undefined;
    return { platform: platform ?? formatPlatform(config), digest, ...judge(promised ?? config, config, program) };
  } catch (error) {
    // One platform that cannot be read says nothing about the others; no time left is for all of them.
    if (!(error instanceof Failure) || error.code === 'timeout' || platform === undefined) throw error;
    return { platform, digest, verdict: error.code === 'not-found' ? 'wrong' : 'unknown', problem: error.message };
  }
}

function judge(promised: Platform, config: Config, program: Program | undefined): Omit<Found, 'platform' | 'digest'> {
  const shown = program === undefined ? {} : { program };
  if (config.os !== promised.os || config.architecture !== promised.architecture) {
    return { verdict: 'wrong', problem: `its configuration says ${formatPlatform(config)}`, ...shown };
  }
  if (program === undefined) return { verdict: 'fine' };
  if (program.architecture === undefined)
    return { verdict: 'unknown', problem: `${program.path}: ${program.reason}`, ...shown };
  if (program.architecture === promised.architecture) return { verdict: 'fine', ...shown };
  return { verdict: 'wrong', problem: `${program.path} is a program for ${program.architecture}`, ...shown };
}
