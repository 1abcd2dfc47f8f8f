import { readFile } from 'node:fs/promises';
import { join, posix, relative, resolve, sep } from 'node:path';
import type { BundleProblem } from './bundle-problem.ts';
import type { BundleDescription } from './description.ts';
import { fillSentence } from './function-source.ts';
import { openFolder, realOf } from './own-folder.ts';
import { type Inputs, packageFolderOf } from './places.ts';

/** How a file imports another. Kinds of CSS do not come up in files of functions, but esbuild has them. */
type Kind =
  | ('entry-point' | 'import-statement' | 'require-call' | 'dynamic-import' | 'require-resolve')
  | ('import-rule' | 'composes-from' | 'url-token');

/** What is used of esbuild's questions about an import. */
interface Wanted {
  readonly importer: string;
  readonly resolveDir: string;
  readonly kind: Kind;
  readonly pluginData?: unknown;
}

/** What is used of esbuild's `PluginBuild`. */
interface PluginBuild {
  onResolve(
    options: { filter: RegExp },
    answer: (wanted: Wanted & { readonly path: string }) => Promise<{ errors: { text: string }[] } | undefined>,
  ): void;
  resolve(
    path: string,
    wanted: Wanted,
  ): Promise<{ readonly path: string; readonly namespace: string; readonly external: boolean }>;
}

/** An esbuild plugin. */
export interface OwnFolderPlugin {
  readonly name: string;
  setup(build: PluginBuild): void;
}

/** What is read of a template's build description. */
type Rule = Pick<BundleDescription, 'handler' | 'messages'>;

/**
 * A plugin of esbuild: refuses imports of the function's files that lead out of its folder, be it by `..`, by `paths` of a
 * tsconfig.json or by a link. Nothing of the project is there, but files of the template are, and they would be found by
 * accident. The template's own-folder.mjs refuses the same in the same words.
 */
export function ownFolderPlugin(
  context: string,
  { handler: { folder }, messages: { leavesFolder } }: Rule,
): OwnFolderPlugin {
  return {
    name: 'own-folder',
    setup(build) {
      // A template that does not know this rule was brought before it was made.
      if (leavesFolder === undefined) return;
      const isInside = openFolder(context, folder);
      build.onResolve({ filter: /./ }, async ({ path, importer, resolveDir, kind, pluginData }) => {
        const file = inContext(context, importer);
        if (pluginData === asked || !file.startsWith(`${folder}/`) || packageFolderOf(file) !== undefined)
          return undefined;
        const found = /^(?:\.{1,2}(?:\/|$)|\/)/.test(path)
          ? { path: resolve(resolveDir, path), namespace: 'file', external: false }
          : await build.resolve(path, { importer, resolveDir, kind, pluginData: asked });
        // What leads nowhere is refused by esbuild itself.
        if (found.path === '' || found.external || found.namespace !== 'file' || isInside(found.path)) return undefined;
        const target = inContext(context, realOf(found.path));
        return { errors: [{ text: sayLeaves(leavesFolder, leaving(path, file, target, folder)) }] };
      });
    },
  };
}

/** Marks questions of our own to esbuild. */
const asked = {};

/** Imports that lead out of the function's folder through its packages: a dependency of a dependency may be a folder, and npm links to it. */
export async function findLeaving(
  inputs: Inputs,
  context: string,
  { handler: { folder }, messages: { leavesFolder } }: Rule,
): Promise<BundleProblem[]> {
  if (leavesFolder === undefined) return [];
  const isInside = openFolder(context, folder);
  const problems: BundleProblem[] = [];
  for (const [file, { imports }] of Object.entries(inputs)) {
    if (!isInside(join(context, file))) continue;
    for (const { path, original = path, external } of imports) {
      if (external === true || !(path in inputs) || /^[(<]/.test(path) || isInside(join(context, path))) continue;
      const target = inContext(context, realOf(join(context, path)));
      const text = sayLeaves(leavesFolder, leaving(original, file, target, folder));
      problems.push({ text, location: await locate(context, file, original), notes: [] });
    }
  }
  return problems;
}

/** A path that leads out, as it is written; what a copy of its target is called in the function's folder; how it is then written. */
interface Leaving {
  readonly path: string;
  readonly inside: string;
  readonly wanted: string;
}

function leaving(path: string, file: string, target: string, folder: string): Leaving {
  const inside = path.startsWith('/') ? posix.basename(path) : withoutSteps(posix.relative(folder, target));
  return { path, inside, wanted: posix.relative(posix.dirname(file), `${folder}/${inside}`) };
}

/** A path without the steps up at its beginning. */
export function withoutSteps(path: string): string {
  return path.replace(/^(?:\.{1,2}\/)+/, '');
}

/** The template's sentence about a path that leads out. */
export function sayLeaves(sentence: string, { path, inside, wanted }: Leaving): string {
  return fillSentence(sentence, {
    path,
    top: inside.split('/')[0] ?? inside,
    wanted: wanted.startsWith('.') ? wanted : `./${wanted}`,
  });
}

function inContext(context: string, path: string): string {
  return relative(context, path).replaceAll(sep, '/');
}

/** Where a file names what it imports; esbuild does not tell it of imports that it has found. */
async function locate(context: string, file: string, original: string): Promise<BundleProblem['location']> {
  const lines = (await readFile(join(context, file), 'utf8')).split('\n');
  const columnOf = (text: string): number => Math.max(text.indexOf(`'${original}'`), text.indexOf(`"${original}"`));
  const line = lines.findIndex((text) => columnOf(text) >= 0);
  const lineText = lines[line];
  if (lineText === undefined) return { file, line: 1, column: 0, length: 0, lineText: '' };
  return { file, line: line + 1, column: columnOf(lineText), length: original.length + 2, lineText };
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
