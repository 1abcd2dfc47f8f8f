// What lies beside the bundle in the image: the files of the function's folder, and packages that read files of their own.
// Paths are relative to the build context, which is what the folder `into` of build.json looks like in the image.
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, join, posix, relative, sep } from 'node:path';
import { openFolder } from './own-folder.mjs';

/** The folder of the package that a file belongs to, or undefined for a file of the function or of the runtime. */
export function packageFolderOf(file) {
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(file)?.[0];
}

/**
 * Reads out of a metafile which files have to know their place: those of the function get it in the bundle, the packages
 * are not bundled, and what they depend on is not either, so that each package is there only once. Nor are packages that
 * are asked for at run time: by a file of the function that is not in the bundle (a worker thread), or past the bundler.
 * JavaScript that chooses at run time what it requires is not bundled at all: `whole`.
 */
export function findPlaces(metafile, context, folder, beside) {
  const files = [];
  const roots = [];
  const own = Object.keys(metafile.inputs).filter((file) => packageFolderOf(file) === undefined);
  const whole =
    own.every((file) => /\.(?:[cm]?js|json)$/.test(file) && metafile.inputs[file].format !== 'esm') &&
    own.some((file) => new RegExp(beside.dynamic).test(readFileSync(join(context, file), 'utf8')));
  const ask = (file, text, pattern) => {
    for (const [, specifier] of text.matchAll(new RegExp(pattern, 'g'))) {
      const found = findPackage(context, posix.dirname(file), nameOf(specifier));
      if (found !== undefined) roots.push(found);
    }
  };
  for (const file of Object.keys(metafile.inputs)) {
    // What esbuild has made up has a name in brackets.
    if (!/^[^(<].*\.[cm]?[jt]sx?$/.test(file)) continue;
    const text = readFileSync(join(context, file), 'utf8');
    ask(file, text, beside.resolve);
    const owner = packageFolderOf(file);
    if (whole && owner !== undefined) roots.push(owner);
    if (owner === undefined && /\bcreateRequire\b/.test(text)) ask(file, text, beside.import);
    if (!new RegExp(beside.pattern).test(text)) continue;
    if (owner === undefined) files.push(file);
    else roots.push(owner);
  }
  for (const file of listScripts(context, folder, toFilter([...beside.leftOut, ...beside.leftOutOfFunction], folder))) {
    if (!(file in metafile.inputs)) ask(file, readFileSync(join(context, file), 'utf8'), beside.import);
  }
  return { files, packages: withDependencies(context, roots), whole };
}

/** JavaScript below a folder; links are not followed. */
function listScripts(context, folder, isLeftOut) {
  return readdirSync(join(context, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (isLeftOut(entry.name, path)) return [];
    if (entry.isDirectory()) return listScripts(context, path, isLeftOut);
    return entry.isFile() && /\.[cm]?js$/.test(path) ? [path] : [];
  });
}

/** `@scope/name/file` is `@scope/name`; undefined for a path. */
function nameOf(specifier) {
  return /^(?:@[^/]+\/)?[^./@][^/]*/.exec(specifier)?.[0];
}

/** Looks for a package as Node does: in node_modules of a folder, then of the one above. */
function findPackage(context, from, name) {
  if (name === undefined) return undefined;
  for (let folder = from; ; folder = posix.dirname(folder)) {
    const found = posix.join(folder, 'node_modules', name);
    if (existsSync(join(context, found, 'package.json'))) return found;
    if (folder === '.') return undefined;
  }
}

function withDependencies(context, roots) {
  const found = new Set(roots);
  for (const folder of found) {
    const manifest = JSON.parse(readFileSync(join(context, folder, 'package.json'), 'utf8'));
    const names = { ...manifest.dependencies, ...manifest.optionalDependencies, ...manifest.peerDependencies };
    for (const name of Object.keys(names)) {
      const dependency = findPackage(context, folder, name);
      if (dependency !== undefined) found.add(dependency);
    }
  }
  return [...found].sort();
}

/** The files of unbundled packages that the bundle imports and that are ES modules: their exports have to be known. */
export function findModules(metafile, packages) {
  const imported = Object.entries(metafile.inputs)
    .filter(([file]) => !packages.includes(packageFolderOf(file)))
    .flatMap(([, { imports }]) => imports.map(({ path }) => path))
    .filter((path) => packages.includes(packageFolderOf(path)) && metafile.inputs[path]?.format === 'esm');
  return [...new Set(imported)].sort();
}

/** A plugin of esbuild: tells files of the function their place, and puts a `require` at run time for each unbundled package. */
export function placePlugin(metafile, context, handler, { files, packages, whole }, names, { into, prelude, load }) {
  const inImage = (file) => JSON.stringify(file);
  const targets = new Map();
  for (const [file, { imports }] of Object.entries(metafile.inputs)) {
    if (packages.includes(packageFolderOf(file))) continue;
    for (const { path, original, kind } of imports) {
      if (packages.includes(packageFolderOf(path))) targets.set(`${file}\0${kind}\0${original}`, path);
    }
  }
  return {
    name: into,
    setup(build) {
      const toPattern = (file) => join(context, file).replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
      if (whole) {
        const contents = `module.exports=${load.replace('{path}', () => inImage(handler))};`;
        build.onLoad({ filter: new RegExp(`^${toPattern(handler)}$`) }, () => ({ contents }));
        return;
      }
      const escaped = files.map(toPattern);
      if (escaped.length > 0) {
        build.onLoad({ filter: new RegExp(`^(?:${escaped.join('|')})$`) }, ({ path }) => {
          const text = readFileSync(path, 'utf8').replace(/^\ufeff?(#!.*)?/, '');
          const file = relative(context, path).replaceAll(sep, '/');
          const contents = `${prelude.replace('{path}', () => inImage(file))}${text}`;
          return { contents, loader: /\.[cm]?(tsx?|jsx?)$/.exec(path)?.[1] ?? 'js' };
        });
      }
      if (targets.size === 0) return;
      build.onResolve({ filter: /./ }, ({ path, importer, kind }) => {
        const file = relative(context, importer).replaceAll(sep, '/');
        const target = targets.get(`${file}\0${kind}\0${path}`);
        return target === undefined ? undefined : { path: target, namespace: 'beside' };
      });
      build.onLoad({ filter: /./, namespace: 'beside' }, ({ path }) => {
        const module = load.replace('{path}', () => inImage(path));
        const exported = names.get(path);
        if (exported === undefined) return { contents: `module.exports=${module};` };
        const lines = exported.map(
          (name, i) => `const e${i}=m[${JSON.stringify(name)}];export{e${i} as ${JSON.stringify(name)}};`,
        );
        return { contents: `const m=${module};\n${lines.join('\n')}` };
      });
    },
  };
}

/** Copies the function's folder and the unbundled packages into the tree. `refuse(link, target)` throws. */
export function copyBeside(context, folder, packages, directory, { into, leftOut, leftOutOfFunction }, refuse) {
  const isInside = openFolder(context, folder);
  mkdirSync(join(directory, into, folder), { recursive: true });
  copyFolder(context, folder, join(directory, into), toFilter([...leftOut, ...leftOutOfFunction], folder), refuse);
  for (const path of packages) {
    const real = realpathSync(join(context, path));
    if (!isInside(real)) refuse(path, real);
    copyFolder(context, path, join(directory, into), toFilter(leftOut), refuse);
  }
}

/** Names in which `*` is any text; one that begins with `/` is that of an entry at the top of the folder alone. */
function toFilter(patterns, folder = '') {
  const sources = patterns.map((text) => text.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*'));
  const any = new RegExp(`^(?:${sources.join('|')})$`);
  return (name, path) => any.test(name) || (path === `${folder}/${name}` && any.test(`/${name}`));
}

function copyFolder(context, folder, into, isLeftOut, refuse) {
  const root = realpathSync(join(context, folder));
  const walk = (path, parents) => {
    for (const entry of readdirSync(join(context, path), { withFileTypes: true })) {
      const file = `${path}/${entry.name}`;
      if (isLeftOut(entry.name, file)) continue;
      const real = realpathSync(join(context, file));
      if (entry.isSymbolicLink() && (!`${real}${sep}`.startsWith(`${root}${sep}`) || parents.includes(real))) {
        refuse(file, real);
      }
      const facts = statSync(real);
      if (facts.isDirectory()) walk(file, [...parents, real]);
      else if (facts.isFile()) {
        mkdirSync(dirname(join(into, file)), { recursive: true });
        copyFileSync(real, join(into, file));
      }
    }
  };
  walk(folder, [root]);
}
