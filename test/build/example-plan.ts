import { noCaches } from '../../cli/build/cache.ts';
import type { BuildPlan } from '../../cli/build/plan.ts';
import { defaultPlatforms } from '../../cli/oci/platform.ts';
import { parseReference } from '../../cli/oci/reference.ts';

/** A plan to push `hello` for all three platforms; its handler lies in a folder with a space and an umlaut. */
export function examplePlan(more: Partial<BuildPlan> = {}): BuildPlan {
  return {
    name: 'hello',
    context: '/context of/hello',
    contextDigest: `sha256:${'c'.repeat(64)}`,
    described: true,
    reference: parseReference('127.0.0.1:1/hello:1'),
    platforms: defaultPlatforms,
    output: { kind: 'push' },
    buildArguments: {},
    buildContexts: {},
    inheritedArguments: [],
    instance: undefined,
    secrets: [],
    labels: {},
    fresh: { cache: false, pull: false },
    caches: noCaches,
    ownHistoryEntries: 1,
    targetRuns: [],
    sources: { inContext: 'function', folder: '/home/me/my ü/hello' },
    ...more,
  };
}
