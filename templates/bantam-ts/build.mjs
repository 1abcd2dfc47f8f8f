// Builds a function of this template as build.json says: one JavaScript file, the same for every platform.
//
//   node build.mjs install        dependencies of function/, before its sources are there
//   node build.mjs bundle DIR     the bundle, as the tree of files that DIR will be in the image
//
// Both run in the build context: this folder with the function's own folder as function/. The tree in DIR has fixed
// modes and times, its folders included, so that nothing of the machine that builds reaches the image's digest.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

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
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new BuildError(say(messages.unreadablePackage, { reason: error.message }));
  }
}

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

/** What esbuild says, with our words for a native module in place of its own. */
function describeProblem({ text, location }) {
  const file = location?.file;
  const binary = new RegExp(description.nativeModules.file).exec(text)?.[1];
  if (binary !== undefined) return describeNativeModule(packageOf(binary) ?? binary, packageOf(file));
  const loader = new RegExp(description.nativeModules.loader).exec(text)?.[1];
  if (loader !== undefined) return describeNativeModule(packageOf(file) ?? loader);
  return text;
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
  for (const note of notes ?? []) lines.push(`    note: ${note.text}`);
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

/** A missing default export would otherwise show only when the function starts. CommonJS has none to look for. */
async function requireDefaultExport(esbuild, handler) {
  const { metafile } = await runEsbuild(esbuild, {
    entryPoints: [handler],
    format: 'esm',
    metafile: true,
    outdir: '.',
  });
  const [output] = Object.values(metafile.outputs);
  const isModule = Object.values(metafile.inputs)[0]?.format === 'esm';
  if (isModule && !output?.exports.includes('default')) {
    throw new BuildError(say(messages.noDefaultExport, { handler }));
  }
}

async function bundle(directory) {
  const manifest = readFunctionPackage();
  if (manifest !== undefined && hasFolderDependency(manifest)) install(manifest);
  const handler = findHandler();
  const esbuild = await import('esbuild');
  if (esbuild.version !== description.version) {
    throw new BuildError(`esbuild ${esbuild.version} is here, build.json asks for ${description.version}: run npm ci`);
  }
  await requireDefaultExport(esbuild, handler);
  const { options } = description;
  const { outputFiles, warnings } = await runEsbuild(esbuild, {
    ...options,
    alias: { ...options.alias, [description.handler.import]: `./${handler}` },
    entryPoints: [description.entry],
    outfile: description.output,
  });
  for (const warning of warnings) process.stderr.write(`${formatProblem(warning, 'warning')}\n`);
  const folders = new Set([resolve(directory)]);
  for (const { path, mode } of description.files) {
    const file = outputFiles.find((output) => output.path === join(context, path));
    if (file === undefined) throw new Error(`esbuild made no ${path}`);
    const target = join(directory, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, file.contents);
    chmodSync(target, Number.parseInt(mode, 8));
    utimesSync(target, 0, 0);
    for (let up = dirname(resolve(target)); !folders.has(up); up = dirname(up)) folders.add(up);
  }
  for (const name of folders) {
    chmodSync(name, 0o755);
    utimesSync(name, 0, 0);
  }
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
