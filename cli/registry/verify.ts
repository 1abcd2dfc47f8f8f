import { UserError } from '../errors.ts';
import { adviseOn, type Fault } from '../oci/fault.ts';
import { formatPlatform, type Platform, samePlatform } from '../oci/platform.ts';
import { formatReference, type Reference } from '../oci/reference.ts';
import { type InspectedImage, type InspectedPlatform, type InspectOptions, inspectImage } from './inspect.ts';
import type { ImageReader } from './registry.ts';

/** An image that holds every wanted platform, none of which surely fails to start. A platform's verdict may still be `unknown`. */
export type VerifiedImage = InspectedImage;

/**
 * Makes sure that an image is what was asked for: each wanted platform is in it and runs there as far as anybody can tell, and index and
 * configuration agree on what it is for, which matters to no node but is a defect of the build. Name it by digest, so that what is checked is what was pushed. All problems come at once: BAN-E208 if a platform is missing,
 * else BAN-E307; other errors as {@link inspectImage}. `tolerated`: a fault that whoever built it knows of.
 */
export async function verifyImage(
  reader: ImageReader,
  reference: Reference,
  wanted: readonly Platform[],
  options: Omit<InspectOptions, 'platforms'> & { readonly tolerated?: Fault | undefined } = {},
): Promise<VerifiedImage> {
  const image = await inspectImage(reader, reference, { ...options, platforms: wanted });
  const missing = wanted.filter((platform) => !image.available.some((there) => samePlatform(there, platform)));
  const wrong = image.platforms.flatMap((each) => objectTo(each)).filter(({ fault }) => fault !== options.tolerated);
  if (missing.length === 0 && wrong.length === 0) return image;
  const name = formatReference(reference);
  const there = image.available.map(formatPlatform).join(', ') || 'no platform at all';
  const problems = [
    ...missing.map((platform) => `${formatPlatform(platform)}: it is not in the image, which holds ${there}`),
    ...wrong.map(({ platform, reason }) => `${formatPlatform(platform)}: ${reason}`),
  ];
  const [first = '', ...others] = problems;
  const advice = adviseOn(wrong.map(({ fault }) => fault));
  throw new UserError(missing.length > 0 ? 'BAN-E208' : 'BAN-E307', `${name} is not what its platforms say: ${first}`, {
    details: others,
    hint: advice === '' ? `build it for all of them: --platform ${wanted.map(formatPlatform).join(',')}` : advice,
  });
}

function objectTo({ platform, verdict, reason, fault, contradiction }: InspectedPlatform): {
  readonly platform: Platform;
  readonly reason: string;
  readonly fault: Fault;
}[] {
  if (verdict === 'does not') return [{ platform, reason, fault: fault ?? 'machine' }];
  if (contradiction === undefined) return [];
  return [{ platform, reason: `its configuration says ${formatPlatform(contradiction)}`, fault: 'configuration' }];
}
