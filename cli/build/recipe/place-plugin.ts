import { readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import type { BundleDescription } from './description.ts';
import { type Inputs, isUnbundled, type Places } from './places.ts';

/** What the files of unbundled packages export that are ES modules. The others are CommonJS. */
export type ModuleExports = ReadonlyMap<string, readonly string[]>;

type Loaded = { readonly contents: string; readonly loader?: 'js' | 'jsx' | 'ts' | 'tsx' };
type Resolved = { readonly path: string; readonly namespace: string } | undefined;

/** What is used of esbuild's `PluginBuild`. */
interface PluginBuild {
  onLoad(
    options: { filter: RegExp; namespace?: string },
    load: (file: { readonly path: string }) => Loaded | Promise<Loaded>,
  ): void;
  onResolve(
    options: { filter: RegExp },
    resolve: (wanted: { readonly path: string; readonly importer: string; readonly kind: string }) => Resolved,
  ): void;
}

/** An esbuild plugin. */
export interface PlacePlugin {
  readonly name: string;
  setup(build: PluginBuild): void;
}

/**
 * A plugin of esbuild: tells files of the function where they lie, and puts a `require` at run time in the place of each
 * unbundled package. The template's beside.mjs does the same, to the byte.
 */
export function placePlugin(
  inputs: Inputs,
  context: string,
  handler: string,
  places: Places,
  exported: ModuleExports,
  { prelude, load }: BundleDescription['beside'],
): PlacePlugin {
  const inContext = (path: string): string => relative(context, path).replaceAll(sep, '/');
  const targets = findTargets(inputs, places);
  return {
    name: 'beside',
    setup(build) {
      const toPattern = (file: string): string => join(context, file).replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
      if (places.whole) {
        const contents = `module.exports=${fillPath(load, handler)};`;
        build.onLoad({ filter: new RegExp(`^${toPattern(handler)}$`) }, () => ({ contents }));
        return;
      }
      const escaped = places.files.map(toPattern);
      if (escaped.length > 0) {
        build.onLoad({ filter: new RegExp(`^(?:${escaped.join('|')})$`) }, async ({ path }) => {
          const text = (await readFile(path, 'utf8')).replace(/^\ufeff?(#!.*)?/, '');
          const contents = `${fillPath(prelude, inContext(path))}${text}`;
          return { contents, loader: loaderOf(path) };
        });
      }
      if (targets.size === 0) return;
      build.onResolve({ filter: /./ }, ({ path, importer, kind }) => {
        const target = targets.get(keyOf(inContext(importer), kind, path));
        return target === undefined ? undefined : { path: target, namespace: 'beside' };
      });
      build.onLoad({ filter: /./, namespace: 'beside' }, ({ path }) => {
        const module = fillPath(load, path);
        const names = exported.get(path);
        if (names === undefined) return { contents: `module.exports=${module};` };
        const lines = names.map((name, position) => {
          const text = JSON.stringify(name);
          return `const e${position}=m[${text}];export{e${position} as ${text}};`;
        });
        return { contents: `const m=${module};\n${lines.join('\n')}` };
      });
    },
  };
}

/** Which imports lead into unbundled packages, and to which file of them. */
function findTargets(inputs: Inputs, places: Places): ReadonlyMap<string, string> {
  const targets = new Map<string, string>();
  for (const [file, { imports }] of Object.entries(inputs)) {
    if (isUnbundled(file, places)) continue;
    for (const { path, original, kind } of imports) {
      if (isUnbundled(path, places)) targets.set(keyOf(file, kind, original ?? path), path);
    }
  }
  return targets;
}

function keyOf(file: string, kind: string, specifier: string): string {
  return [file, kind, specifier].join('\0');
}

function fillPath(code: string, path: string): string {
  return code.replace('{path}', () => JSON.stringify(path));
}

function loaderOf(path: string): 'js' | 'jsx' | 'ts' | 'tsx' {
  const kind = /\.[cm]?(tsx?|jsx?)$/.exec(path)?.[1];
  return kind === 'ts' || kind === 'tsx' || kind === 'jsx' ? kind : 'js';
}
