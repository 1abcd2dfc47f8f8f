// Builds a function of this template as build.json says: one JavaScript file, the same for every platform.
//
//   node build.mjs install        dependencies of function/, before its sources are there
//   node build.mjs bundle DIR     the bundle and what lies beside it, as the tree of files that DIR will be in the image
//
// Both run in the build context: this folder with the function's own folder as function/. The tree in DIR has fixed
// modes and times, its folders included, so that nothing of the machine that builds reaches the image's digest.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join, posix, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { copyBeside, findModules, findPlaces, placePlugin } from './beside.mjs';
import { findLeaving, ownFolderPlugin, withoutSteps } from './own-folder.mjs';

const context = dirname(fileURLToPath(import.meta.url));
const description = JSON.parse(readFileSync(join(context, 'build.json'), 'utf8'));
const { messages } = description;
const { folder } = description.handler;

/** An error of the user's: printed as it is, without a stack. */
class BuildError extends Error {}

/** A sentence of build.json with its `{names}` filled in. */
function say(sentence, values) {
  return sentence.replace(/\{(\w+)\}/g, (whole, name) => ({ folder, ...values })[name] ?? whole);
}

function readFunctionPackage() {
  const file = join(context, folder, 'package.json');
  if (!existsSync(file)) return undefined;
  const text = readFileSync(file, 'utf8');
  let manifest;
  try {
    manifest = JSON.parse(text);
  } catch (error) {
    throw new BuildError(say(messages.unreadablePackage, { reason: error.message }));
  }
  refuseLeavingDependencies(manifest, text);
  return manifest;
}

/** A dependency named by a path out of the folder: npm would leave a link to nowhere. */
function refuseLeavingDependencies(manifest, text) {
  const wanted = { ...manifest.dependencies, ...manifest.optionalDependencies, ...manifest.peerDependencies };
  const lines = Object.values(wanted).flatMap((version) => {
    const [, path] = /^(?:file:|link:)?((?:\.{1,2}\/|\.{1,2}$|\/).*)$/.exec(String(version)) ?? [];
    if (path === undefined || !(path.startsWith('/') || posix.normalize(path).split('/')[0] === '..')) return [];
    const line = text.slice(0, Math.max(0, text.indexOf(JSON.stringify(version)))).split('\n').length;
    const inside = withoutSteps(path).replace(/^\/+/, '');
    return [
      `${folder}/package.json:${line}: error: ${sayLeaves(messages.leavingDependency, { path: version, inside, wanted: inside })}`,
    ];
  });
  if (lines.length > 0) throw new BuildError(lines.join('\n'));
}

/** The sentence about a path that leads out; `inside` is where a copy of it would stand in the function's folder. */
function sayLeaves(sentence, { path, inside, wanted }) {
  return say(sentence, { path, top: inside.split('/')[0], wanted: wanted.startsWith('.') ? wanted : `./${wanted}` });
}

const sayLeavesFolder = (values) => sayLeaves(messages.leavesFolder, values);

/** A dependency named by its folder cannot be installed before that folder has been copied. */
function hasFolderDependency(manifest) {
  const wanted = Object.values({ ...manifest.dependencies, ...manifest.optionalDependencies });
  return wanted.some((version) => typeof version === 'string' && /^(file:|link:|\.|\/)/.test(version));
}

/** Installs what the handler imports; tools (devDependencies) and install scripts stay out. */
function install(manifest) {
  const wanted = { ...manifest.dependencies, ...manifest.optionalDependencies, ...manifest.peerDependencies };
  if (Object.keys(wanted).length === 0) return;
  const cwd = join(context, folder);
  const locked = existsSync(join(cwd, 'package-lock.json')) || existsSync(join(cwd, 'npm-shrinkwrap.json'));
  const command = locked ? ['ci'] : ['install', '--no-package-lock'];
  const { status, error } = spawnSync('npm', [...command, ...description.install], { cwd, stdio: 'inherit' });
  if (error) throw error;
  if (status !== 0) throw new BuildError(say(messages.notInstalled));
}

function findHandler() {
  const { candidates } = description.handler;
  const found = candidates.filter((name) => existsSync(join(context, folder, name)));
  if (found.length === 1) return `${folder}/${found[0]}`;
  const sentence = found.length === 0 ? messages.noHandler : messages.severalHandlers;
  throw new BuildError(say(sentence, { candidates: candidates.join(', '), found: found.join(', ') }));
}

/** Without a package.json of its own a function would have the runtime's, and its handler.js would be no CommonJS as in Node. */
function declareCommonJs(handler, manifest) {
  if (manifest === undefined && handler.endsWith('.js')) writeFileSync(join(context, folder, 'package.json'), '{}\n');
}

/** The package that a file belongs to: `node_modules/@scope/name/…` is `@scope/name`. */
function packageOf(file) {
  const inside = file?.replaceAll('\\', '/').split('node_modules/').at(-1);
  if (!file?.includes('node_modules/') || inside === undefined) return undefined;
  return inside.split('/', inside.startsWith('@') ? 2 : 1).join('/');
}

function describeNativeModule(name, from) {
  const user = from === name || from === undefined ? '' : say(messages.nativeModuleUser, { package: from });
  return say(messages.nativeModule, { package: name, user });
}

/** Notes without esbuild's advice to those who call it: nobody can follow it who only writes a function. */
function worthy(notes) {
  return (notes ?? []).filter(({ text }) => !/^You can (?:mark the path|also surround)/.test(text));
}

/** What esbuild says, with our words for a native module in place of its own. */
function describeProblem({ text, location, notes }) {
  const file = location?.file;
  const binary = new RegExp(description.nativeModules.file).exec(text)?.[1];
  if (binary !== undefined) return describeNativeModule(packageOf(binary) ?? binary, packageOf(file));
  const loader = new RegExp(description.nativeModules.loader).exec(text)?.[1];
  if (loader !== undefined) return describeNativeModule(packageOf(file) ?? loader);
  const own = file?.startsWith(`${folder}/`) && packageOf(file) === undefined && worthy(notes).length === 0;
  return own && /^Could not resolve "[^./]/.test(text) ? say(messages.unresolved, { text }) : text;
}

/** One line `file:line:column: error: …`, columns from 1, then the source line and esbuild's notes. */
function formatProblem(problem, severity) {
  const { location, notes } = problem;
  const where = location ? `${location.file}:${location.line}:${location.column + 1}: ` : '';
  const lines = [`${where}${severity}: ${describeProblem(problem)}`];
  if (location?.lineText.trim()) {
    lines.push(
      `    ${location.lineText}`,
      `    ${' '.repeat(location.column)}${'~'.repeat(Math.max(1, location.length))}`,
    );
  }
  for (const { text } of worthy(notes)) lines.push(`    note: ${text}`);
  return lines.join('\n');
}

async function runEsbuild(esbuild, options) {
  try {
    return await esbuild.build({ absWorkingDir: context, logLevel: 'silent', write: false, ...options });
  } catch (error) {
    if (!Array.isArray(error.errors)) throw error;
    throw new BuildError(error.errors.map((problem) => formatProblem(problem, 'error')).join('\n'));
  }
}

/**
 * Bundles the handler alone, to learn of it what the bundle proper needs: what its problems are, in lines that nothing has
 * been added to, its format, and which files want to know their place.
 */
async function look(esbuild, handler) {
  const { options } = description;
  const { metafile, warnings } = await runEsbuild(esbuild, {
    ...options,
    plugins: [ownFolderPlugin(context, folder, sayLeavesFolder)],
    entryPoints: [handler],
    sourcemap: false,
    metafile: true,
    outdir: '.',
  });
  const leaving = findLeaving(metafile, context, folder, sayLeavesFolder);
  if (leaving.length > 0) throw new BuildError(leaving.map((problem) => formatProblem(problem, 'error')).join('\n'));
  const isModule = metafile.inputs[handler]?.format === 'esm';
  const output = Object.values(metafile.outputs).find(({ entryPoint }) => entryPoint === handler);
  // A missing default export would otherwise show only when the function starts. CommonJS has none to look for.
  if (isModule && !output?.exports.includes('default')) {
    throw new BuildError(say(messages.noDefaultExport, { handler }));
  }
  for (const warning of warnings) process.stderr.write(`${formatProblem(warning, 'warning')}\n`);
  return { metafile, format: isModule ? 'esm' : 'cjs' };
}

/** What the given ES modules export, by their path. */
async function readExports(esbuild, modules) {
  if (modules.length === 0) return new Map();
  const { metafile } = await runEsbuild(esbuild, {
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    preserveSymlinks: true,
    entryPoints: modules,
    metafile: true,
    outdir: '.',
  });
  return new Map(Object.values(metafile.outputs).map(({ entryPoint, exports }) => [entryPoint, [...exports].sort()]));
}

async function bundle(directory) {
  const manifest = readFunctionPackage();
  if (manifest !== undefined && hasFolderDependency(manifest)) install(manifest);
  const handler = findHandler();
  declareCommonJs(handler, manifest);
  const esbuild = await import('esbuild');
  if (esbuild.version !== description.version) {
    throw new BuildError(`esbuild ${esbuild.version} is here, build.json asks for ${description.version}: run npm ci`);
  }
  const { metafile, format } = await look(esbuild, handler);
  const { options, beside } = description;
  const places = findPlaces(metafile, context, folder, beside);
  const names = await readExports(esbuild, findModules(metafile, places.packages));
  const { outputFiles } = await runEsbuild(esbuild, {
    ...options,
    alias: { ...options.alias, [description.handler.import]: `./${handler}` },
    define: { ...options.define, [description.handler.format]: JSON.stringify(format) },
    plugins: [placePlugin(metafile, context, handler, places, names, beside)],
    entryPoints: [description.entry],
    outfile: description.output,
  });
  copyBeside(context, folder, places.packages, directory, beside, (link, target) => {
    throw new BuildError(say(messages.linkOut, { link, target }));
  });
  const modes = new Map();
  for (const { path, mode } of description.files) {
    const file = outputFiles.find((output) => output.path === join(context, path));
    if (file === undefined) throw new Error(`esbuild made no ${path}`);
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), file.contents);
    modes.set(resolve(directory, path), Number.parseInt(mode, 8));
  }
  settle(resolve(directory), modes);
}

/** Fixed modes and times for all of a tree. A folder comes after what is in it. */
function settle(root, modes) {
  for (const entry of readdirSync(root, { withFileTypes: true })) {
    const path = join(root, entry.name);
    if (entry.isDirectory()) {
      settle(path, modes);
      continue;
    }
    chmodSync(path, modes.get(path) ?? 0o644);
    utimesSync(path, 0, 0);
  }
  chmodSync(root, 0o755);
  utimesSync(root, 0, 0);
}

const [command, directory] = process.argv.slice(2);
try {
  if (command === 'install') {
    const manifest = readFunctionPackage();
    if (manifest !== undefined && !hasFolderDependency(manifest)) install(manifest);
  } else if (command === 'bundle' && directory !== undefined) {
    await bundle(directory);
  } else {
    throw new BuildError('usage: node build.mjs install | node build.mjs bundle DIR');
  }
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
