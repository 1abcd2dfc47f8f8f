import type { BuildSettings } from '../../cli/build/build-functions.ts';

/** The settings of a command line without options. */
export function exampleSettings(more: Partial<BuildSettings> = {}): BuildSettings {
  return {
    buildContexts: {},
    instance: undefined,
    buildArguments: {},
    proxies: [],
    buildOptions: [],
    secrets: [],
    labels: {},
    fresh: { cache: false, pull: false },
    caches: { short: [], from: [], to: [] },
    copied: { paths: [], folder: '/', where: '--copy-extra' },
    tag: (declared) => Promise.resolve(declared),
    environment: {},
    working: '/',
    ...more,
  };
}
