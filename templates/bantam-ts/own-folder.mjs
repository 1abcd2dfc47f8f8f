// The one rule for code that functions share: a function is its own folder. What its imports and dependencies lead to has to
// be in there, or be a package of the template. Nothing of the project is beside that folder, but files of the template are,
// and they would be found by accident. bantam refuses the same in the same words.
import { readFileSync, realpathSync } from 'node:fs';
import { dirname, join, posix, relative, resolve, sep } from 'node:path';

/** A plugin of esbuild that refuses imports of the function's files which lead out. `sayLeaves(values)` is the sentence. */
export function ownFolderPlugin(context, folder, sayLeaves) {
  const inContext = (path) => relative(context, path).replaceAll(sep, '/');
  return {
    name: 'own-folder',
    setup(build) {
      const isInside = openFolder(context, folder);
      build.onResolve({ filter: /./ }, async ({ path, importer, resolveDir, kind, pluginData }) => {
        const file = inContext(importer);
        if (pluginData === asked || !file.startsWith(`${folder}/`) || file.includes('node_modules/')) return undefined;
        const isPath = /^(?:\.{1,2}(?:\/|$)|\/)/.test(path);
        const found = isPath
          ? { path: resolve(resolveDir, path), namespace: 'file' }
          : await build.resolve(path, { importer, resolveDir, kind, pluginData: asked });
        // What leads nowhere is refused by esbuild itself.
        if (found.path === '' || found.external || found.namespace !== 'file' || isInside(found.path)) return undefined;
        return { errors: [{ text: sayLeaves(leaving(path, file, inContext(realOf(found.path)), folder)) }] };
      });
    },
  };
}

/** Set on questions of our own to esbuild. */
const asked = {};

/** Imports of packages that lead out, in esbuild's form of an error. */
export function findLeaving(metafile, context, folder, sayLeaves) {
  const isInside = openFolder(context, folder);
  const problems = [];
  for (const [file, { imports }] of Object.entries(metafile.inputs)) {
    if (!isInside(join(context, file))) continue;
    for (const { path, original, external } of imports) {
      if (external || !(path in metafile.inputs) || !/^[^(<]/.test(path) || isInside(join(context, path))) continue;
      const target = relative(context, realOf(join(context, path))).replaceAll(sep, '/');
      const text = sayLeaves(leaving(original ?? path, file, target, folder));
      problems.push({ text, location: locate(context, file, original ?? path), notes: [] });
    }
  }
  return problems;
}

/** What the sentence is filled with: the import, and what to write once a copy of its target stands in the function's folder. */
function leaving(path, file, target, folder) {
  const inside = path.startsWith('/') ? posix.basename(path) : withoutSteps(posix.relative(folder, target));
  return { path, inside, wanted: posix.relative(posix.dirname(file), `${folder}/${inside}`) };
}

/** A path without the steps up at its beginning. */
export function withoutSteps(path) {
  return path.replace(/^(?:\.{1,2}\/)+/, '');
}

/** Tells of paths whether, links followed, they lie in the function's folder or among the template's packages. */
export function openFolder(context, folder) {
  const roots = [folder, 'node_modules'].map((name) => realOf(join(context, name)));
  return (path) => {
    const real = realOf(path);
    return roots.some((root) => real === root || real.startsWith(`${root}${sep}`));
  };
}

/** The path with all links followed, as far as it exists. */
function realOf(path) {
  try {
    return realpathSync(path);
  } catch {
    const above = dirname(path);
    return above === path ? path : join(realOf(above), path.slice(above.length));
  }
}

/** Where a file names what it imports. */
function locate(context, file, original) {
  const lines = readFileSync(join(context, file), 'utf8').split('\n');
  const line = lines.findIndex((text) => text.includes(`'${original}'`) || text.includes(`"${original}"`));
  if (line < 0) return { file, line: 1, column: 0, length: 0, lineText: '' };
  const lineText = lines[line];
  const column = Math.max(lineText.indexOf(`'${original}'`), lineText.indexOf(`"${original}"`));
  return { file, line: line + 1, column, length: original.length + 2, lineText };
}
