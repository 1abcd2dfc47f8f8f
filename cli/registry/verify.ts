import { UserError } from '../errors.ts';
import { formatPlatform, type Platform, samePlatform } from '../oci/platform.ts';
import { formatReference, type Reference } from '../oci/reference.ts';
import { type InspectedImage, type InspectOptions, inspectImage } from './inspect.ts';
import type { ImageReader } from './registry.ts';

/** An image that holds every wanted platform, none of them with a program of another machine. A platform's verdict may still be `unknown`. */
export type VerifiedImage = InspectedImage;

/**
 * Makes sure that an image is what was asked for: each wanted platform is in it, and what its entrypoint starts is of that platform.
 * Name it by digest, so that what is checked is what was pushed. All problems come at once: BAN-E208 if a platform is missing,
 * else BAN-E307; other errors as {@link inspectImage}.
 */
export async function verifyImage(
  reader: ImageReader,
  reference: Reference,
  wanted: readonly Platform[],
  options: Omit<InspectOptions, 'platforms'> = {},
): Promise<VerifiedImage> {
  const image = await inspectImage(reader, reference, { ...options, platforms: wanted });
  const missing = wanted.filter((platform) => !image.available.some((there) => samePlatform(there, platform)));
  const wrong = image.platforms.filter(({ verdict }) => verdict === 'does not');
  if (missing.length === 0 && wrong.length === 0) return image;
  const name = formatReference(reference);
  const there = image.available.map(formatPlatform).join(', ') || 'no platform at all';
  const problems = [
    ...missing.map((platform) => `${formatPlatform(platform)}: it is not in the image, which holds ${there}`),
    ...wrong.map(({ platform, reason }) => `${formatPlatform(platform)}: ${reason}`),
  ];
  const [first = '', ...others] = problems;
  throw new UserError(missing.length > 0 ? 'BAN-E208' : 'BAN-E307', `${name} is not what its platforms say: ${first}`, {
    details: others,
    hint:
      wrong.length > 0
        ? "the build stage must compile for TARGETARCH, and each platform needs a base image of its own: look at the Dockerfile's FROM and COPY lines"
        : `build it for all of them: --platform ${wanted.map(formatPlatform).join(',')}`,
  });
}
