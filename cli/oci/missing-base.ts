import type { ImageConfig } from './config.ts';

/** Label and annotation of an image that was built while its base image could not be had: it holds the function's own files alone. The value names the base. */
export const missingBaseName = 'bantam.base.missing';

/** The base image that an image was built without, as the Dockerfile names it; undefined for a whole image. */
export function missingBaseOf({ config }: Pick<ImageConfig, 'config'>): string | undefined {
  return config.Labels[missingBaseName];
}
