import { posix, relative, resolve, sep } from 'node:path';
import type { BundleDescription } from './description.ts';
import { fillSentence } from './function-source.ts';

/** What is used of esbuild's `PluginBuild`. */
interface PluginBuild {
  onResolve(
    options: { filter: RegExp },
    resolve: (wanted: {
      readonly path: string;
      readonly importer: string;
      readonly resolveDir: string;
    }) => { errors: { text: string }[] } | undefined,
  ): void;
}

/** An esbuild plugin. */
export interface OwnFolderPlugin {
  readonly name: string;
  setup(build: PluginBuild): void;
}

/**
 * A plugin of esbuild: refuses imports of the function's files that lead out of its folder. Nothing of the project is there,
 * but files of the template are, and they would be found by accident. The template's build.mjs refuses the same in the same
 * words.
 */
export function ownFolderPlugin(
  context: string,
  { handler: { folder }, messages: { leavesFolder } }: Pick<BundleDescription, 'handler' | 'messages'>,
): OwnFolderPlugin {
  const inContext = (path: string): string => relative(context, path).replaceAll(sep, '/');
  return {
    name: 'own-folder',
    setup(build) {
      // A template that does not know this rule was brought before it was made.
      if (leavesFolder === undefined) return;
      build.onResolve({ filter: /^(?:\.{1,2}(?:\/|$)|\/)/ }, ({ path, importer, resolveDir }) => {
        const file = inContext(importer);
        if (!file.startsWith(`${folder}/`) || file.includes('node_modules/')) return undefined;
        const target = inContext(resolve(resolveDir, path));
        if (target === folder || target.startsWith(`${folder}/`)) return undefined;
        const inside = path.startsWith('/') ? posix.basename(path) : withoutSteps(posix.relative(folder, target));
        const wanted = posix.relative(posix.dirname(file), `${folder}/${inside}`);
        return { errors: [{ text: sayLeaves(leavesFolder, path, inside, wanted) }] };
      });
    },
  };
}

/** A path without the steps up at its beginning. */
export function withoutSteps(path: string): string {
  return path.replace(/^(?:\.{1,2}\/)+/, '');
}

/** The template's sentence about a path that leads out; `inside` is where a copy of it would stand in the handler folder. */
export function sayLeaves(sentence: string, path: string, inside: string, wanted: string): string {
  return fillSentence(sentence, {
    path,
    top: inside.split('/')[0] ?? inside,
    wanted: wanted.startsWith('.') ? wanted : `./${wanted}`,
  });
}

/** Dependencies that are named by a path which leads out of the function's folder: what npm would leave as a link to nowhere. */
export function leavingDependencies(manifest: Readonly<Record<string, unknown>>): string[] {
  return Object.values(manifest).filter((version): version is string => {
    const [, path] = /^(?:file:|link:)?((?:\.{1,2}\/|\.{1,2}$|\/).*)$/.exec(String(version)) ?? [];
    return path !== undefined && (path.startsWith('/') || posix.normalize(path).split('/')[0] === '..');
  });
}

/** The line of a text that holds a word, 1-based; 1 if none does. */
export function lineOf(text: string, word: string): number {
  return text.slice(0, Math.max(0, text.indexOf(word))).split('\n').length;
}
