import type { BuiltImages } from '../registry/built-images.ts';
import type { Builder } from './builder.ts';

/** A builder that remembers what it made: the local gateway runs images that this user has built without being told to trust them. */
export function recordBuilt(builder: Builder, images: BuiltImages): Builder {
  return {
    async build(plan, ports) {
      const outcome = await builder.build(plan, ports);
      if ('failure' in outcome || outcome.digest === undefined) return outcome;
      await images.add([outcome.digest, ...outcome.sizes.map(({ digest }) => digest)]);
      return outcome;
    },
  };
}
