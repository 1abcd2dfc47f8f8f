import type { ImageConfig } from '../../oci/config.ts';
import type { Descriptor, ImageManifest } from '../../oci/manifest.ts';

/** The instruction with which the Dockerfiles of bantam's templates, and its own builder, add a function's files to the base. */
const ownFiles = /^COPY\s(?:.*\s)?\/out\/root\/ \/(?:\s*# buildkit)?$/;

/** Whether bantam's runtime is in the image (its templates' label): one program that needs no root folder of its own. */
export function hasBantamRuntime({ config }: Pick<ImageConfig, 'config'>): boolean {
  return config.Labels['bantam.runtime'] === '1';
}

/**
 * The layers that hold a function's own files, its base left out, told by the history of the image (image-spec, config.md, "history").
 * All layers where the history does not tell, because somebody changed the Dockerfile or squashed the image.
 */
export function ownLayers(
  { layers }: Pick<ImageManifest, 'layers'>,
  { history }: Pick<ImageConfig, 'history'>,
): readonly Descriptor[] {
  const steps = history.filter(({ emptyLayer }) => !emptyLayer);
  const first = steps.findLastIndex(({ createdBy }) => ownFiles.test(createdBy));
  return first < 0 || steps.length !== layers.length ? layers : layers.slice(first);
}
