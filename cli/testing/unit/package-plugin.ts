import { isBuiltin } from 'node:module';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { CopiedPath } from '../../build/copied-paths.ts';
import type { OnResolveArgs, OnResolveResult, Plugin, PluginBuild } from './esbuild.ts';

/** Where packages are looked for, and what the stack file copies into the function's folder. */
export interface Resolving {
  readonly handler: string;
  readonly copies: readonly CopiedPath[];
  /** A folder whose packages are used where the user has installed none: that of the build. */
  readonly otherwise: string;
}

const asked = Symbol('asked');

/**
 * A plugin of esbuild: packages are not bundled but imported from where they lie, so that a test and its function share one
 * copy with the test runner; and what `configuration.copy` puts into the function's folder is found where it comes from.
 */
export function packagePlugin({ handler, copies, otherwise }: Resolving): Plugin {
  const resolvePackage = async (build: PluginBuild, wanted: OnResolveArgs): Promise<OnResolveResult | undefined> => {
    const { path, kind, importer, resolveDir } = wanted;
    if (wanted.pluginData === asked || isAbsolute(path) || kind === 'entry-point') return undefined;
    if (isBuiltin(path)) return { path, external: true };
    for (const folder of [resolveDir, otherwise]) {
      const found = await build.resolve(path, { kind, importer, resolveDir: folder, pluginData: asked });
      if (found.errors.length > 0) continue;
      const inPackage = found.path.split(sep).includes('node_modules') && /\.[cm]?js$/.test(found.path);
      if (!inPackage || found.external) return { path: found.path, external: found.external };
      const required = kind === 'require-call' || kind === 'require-resolve';
      return { path: required ? found.path : pathToFileURL(found.path).href, external: true };
    }
    return undefined;
  };
  const resolveCopy = async (build: PluginBuild, wanted: OnResolveArgs): Promise<OnResolveResult | undefined> => {
    const { path, kind, importer, resolveDir } = wanted;
    if (wanted.pluginData === asked) return undefined;
    const inside = relative(handler, resolve(resolveDir, path)).split(sep).join('/');
    const copy = copies.find(({ place }) => inside === place || inside.startsWith(`${place}/`));
    if (copy === undefined) return undefined;
    const target = join(copy.from, inside.slice(copy.place.length));
    const found = await build.resolve(target, { kind, importer, resolveDir, pluginData: asked });
    return found.errors.length > 0 ? undefined : { path: found.path };
  };
  return {
    name: 'packages',
    setup(build) {
      build.onResolve({ filter: /^[^./]/ }, (wanted) => resolvePackage(build, wanted));
      if (copies.length > 0) build.onResolve({ filter: /^\.{1,2}(?:\/|$)/ }, (wanted) => resolveCopy(build, wanted));
    },
  };
}
