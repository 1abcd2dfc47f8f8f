import type { LayerReader } from './file-tree.ts';
import type { LayerEntry } from './layer.ts';
import { type LayerFinding, LayerIndex } from './layer-index.ts';
import type { Descriptor } from './manifest.ts';

/** Where layers come from. The signal aborts when the layer is not needed any longer. */
export interface Layers {
  open(layer: Descriptor, signal: AbortSignal): AsyncIterable<LayerEntry>;
}

/** Keeps findings beyond one call; the key is made of a digest and a path, so an entry never goes stale. */
export interface FindingCache {
  get(key: string): LayerFinding | undefined;
  set(key: string, finding: LayerFinding): void;
}

/** A cache for the life of the process: fifty functions on one base read the base once. */
export function createFindingCache(): FindingCache {
  return new Map<string, LayerFinding>();
}

/** Layers opened when first asked about, each at most once however many images share it. Close it when done. */
export interface LayerPool extends LayerReader {
  close(): Promise<void>;
}

/** Makes a pool over `layers`; `descriptors` must hold every layer that will be asked about. `signal` ends all reading. */
export function openLayerPool(
  layers: Layers,
  descriptors: Iterable<Descriptor>,
  options: { readonly cache?: FindingCache | undefined; readonly signal?: AbortSignal | undefined } = {},
): LayerPool {
  const cache = options.cache ?? createFindingCache();
  const known = new Map([...descriptors].map((descriptor) => [descriptor.digest, descriptor]));
  const open = new Map<string, { readonly index: LayerIndex; readonly stop: AbortController }>();
  const indexOf = (digest: string): LayerIndex => {
    const present = open.get(digest);
    if (present !== undefined) return present.index;
    const descriptor = known.get(digest);
    if (descriptor === undefined) throw new Error(`layer ${digest} is not in the pool`);
    const stop = new AbortController();
    const index = new LayerIndex(layers.open(descriptor, stop.signal));
    open.set(digest, { index, stop });
    return index;
  };
  const stopAll = () => {
    for (const { stop } of open.values()) stop.abort(options.signal?.reason);
  };
  options.signal?.addEventListener('abort', stopAll, { once: true });
  return {
    async find(digest, components) {
      const key = `${digest} /${components.join('/')}`;
      const kept = cache.get(key);
      if (kept !== undefined) return kept;
      const finding = await indexOf(digest).find(components);
      cache.set(key, finding);
      return finding;
    },
    async close() {
      options.signal?.removeEventListener('abort', stopAll);
      stopAll();
      await Promise.all([...open.values()].map(({ index }) => index.close()));
    },
  };
}
