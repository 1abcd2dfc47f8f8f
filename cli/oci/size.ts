import type { ImageConfig } from './config.ts';
import type { ImageManifest } from './manifest.ts';

/** Bytes of one platform's image as the registry keeps it (compressed). */
export interface ImageSize {
  /** Configuration and all layers: what a node without any of it pulls. */
  readonly total: number;
  /** Layers that the function's own Dockerfile stage added; undefined if the history does not tell. */
  readonly own: number | undefined;
  /** The layers below: the base image. Undefined together with `own`. */
  readonly base: number | undefined;
  /** Lowest first. `createdBy` is the build step, empty if the history does not tell. */
  readonly layers: readonly LayerSize[];
}

/** One layer of an {@link ImageSize}. */
export interface LayerSize {
  readonly digest: string;
  readonly size: number;
  readonly createdBy: string;
  readonly own: boolean | undefined;
}

/**
 * Sizes of an image. `ownHistoryEntries`: how many history entries at the end belong to the last Dockerfile stage
 * (its instructions after FROM, those that change metadata only included); undefined if nobody knows.
 */
export function measureImage(manifest: ImageManifest, config: ImageConfig, ownHistoryEntries?: number): ImageSize {
  const steps = config.history.map((entry, index) => ({ ...entry, fromEnd: config.history.length - index }));
  const layerSteps = steps.filter((step) => !step.emptyLayer);
  // Squashed and hand-made images carry a history that does not match their layers: then it says nothing.
  const told = layerSteps.length === manifest.layers.length;
  const layers = manifest.layers.map(({ digest, size }, index): LayerSize => {
    const step = told ? layerSteps[index] : undefined;
    const own = step === undefined || ownHistoryEntries === undefined ? undefined : step.fromEnd <= ownHistoryEntries;
    return { digest, size, createdBy: step?.createdBy ?? '', own };
  });
  const sum = (some: readonly LayerSize[]) => some.reduce((bytes, layer) => bytes + layer.size, 0);
  const known = told && ownHistoryEntries !== undefined;
  return {
    total: manifest.config.size + sum(layers),
    own: known ? sum(layers.filter((layer) => layer.own === true)) : undefined,
    base: known ? sum(layers.filter((layer) => layer.own === false)) : undefined,
    layers,
  };
}
