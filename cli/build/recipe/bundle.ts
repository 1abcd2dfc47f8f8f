import { mkdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { BuildOptions, BuildResult, Message } from 'esbuild';
import { Interrupted, UserError } from '../../errors.ts';
import { formatProblem } from './bundle-problem.ts';
import { copyBeside } from './copy-beside.ts';
import { type BundleDescription, descriptionFile } from './description.ts';
import { type FunctionSource, fillSentence, handlerError, toUserPaths } from './function-source.ts';
import { readIgnored } from './ignored.ts';
import { installPackages } from './install.ts';
import { findLeaving, ownFolderPlugin } from './own-folder-plugin.ts';
import { type ModuleExports, placePlugin } from './place-plugin.ts';
import { findModules, findPlaces, type Inputs } from './places.ts';
import { settleTree } from './tree.ts';

type Esbuild = typeof import('esbuild');
type Source = FunctionSource & { readonly description: BundleDescription };

/** What is worth saying of a bundle that was made: esbuild's warnings, line by line, with the user's paths. */
export interface Bundled {
  readonly warnings: readonly string[];
}

/**
 * Bundles a function as its template's build description says, into the same tree, byte for byte, as the template's
 * build.mjs makes in its Dockerfile. Throws BAN-E207 with the compiler's lines, BAN-E206 when packages cannot be installed or
 * the template wants another esbuild, BAN-E112 for options that esbuild does not know, {@link Interrupted} on abort.
 */
export async function bundleFunction(source: Source): Promise<Bundled> {
  const { context, description, into } = source;
  await installPackages(source, description);
  const handler = await findHandler(source);
  await declareCommonJs(source, handler);
  const esbuild = await import('esbuild');
  if (esbuild.version !== description.version) {
    throw new UserError(
      'BAN-E206',
      `the template asks for esbuild ${description.version}, here is ${esbuild.version}`,
      {
        hint: 'bring the template anew (bantam fn new), or build with Docker, which installs what the template asks for',
      },
    );
  }
  const seen = await look(esbuild, source, handler);
  const places = await findPlaces(seen.inputs, context, description.handler.folder, description.beside);
  const exported = await readExports(esbuild, source, findModules(seen.inputs, places));
  const { outputFiles } = await runEsbuild(esbuild, source, {
    ...description.options,
    alias: { ...description.options.alias, [description.handler.import]: `./${handler}` },
    define: { ...description.options.define, [description.handler.format]: JSON.stringify(seen.format) },
    plugins: [placePlugin(seen.inputs, context, handler, places, exported, description.beside)],
    entryPoints: [description.entry],
    outfile: description.output,
  });
  for (const { path, directory } of description.files) {
    if (directory) continue;
    const file = outputFiles?.find((output) => output.path === join(context, path));
    if (file === undefined) {
      throw new UserError('BAN-E112', `${join(context, descriptionFile)}: files: esbuild makes no ${path}`, {
        hint: 'name there what `output` and `options` make',
      });
    }
    await mkdir(dirname(join(into, path)), { recursive: true });
    await writeFile(join(into, path), file.contents);
  }
  const { folder } = description.handler;
  const { messages } = description;
  const refuse = (link: string, target: string): UserError =>
    handlerError(source, folder, [fillSentence(messages.linkOut, { folder, link, target })]);
  const { packages } = places;
  await copyBeside(
    { context, folder, packages, into, isIgnored: await readIgnored(context), refuse },
    description.beside,
  );
  await settleTree(into, description.files);
  const lines = seen.warnings.flatMap((warning) => formatProblem(warning, 'warning', description));
  return { warnings: toUserPaths(lines, folder, source.handler) };
}

/** The one file of the handler's folder that the runtime imports, relative to the context. */
async function findHandler(source: Source): Promise<string> {
  const { description } = source;
  const { folder, candidates } = description.handler;
  const found: string[] = [];
  for (const name of candidates) {
    const facts = await stat(join(source.context, folder, name)).catch(() => undefined);
    if (facts !== undefined) found.push(name);
  }
  if (found.length === 1) return `${folder}/${found[0]}`;
  const sentence = found.length === 0 ? description.messages.noHandler : description.messages.severalHandlers;
  const values = { folder, candidates: candidates.join(', '), found: found.join(', ') };
  throw handlerError(source, folder, [fillSentence(sentence, values)]);
}

/** Without a package.json of its own a function would have the runtime's, and its handler.js would be no CommonJS as in Node. */
async function declareCommonJs({ context, description }: Source, handler: string): Promise<void> {
  const manifest = join(context, description.handler.folder, 'package.json');
  if (!handler.endsWith('.js') || (await stat(manifest).catch(() => undefined)) !== undefined) return;
  await writeFile(manifest, '{}\n');
}

/** What a first bundle of the handler alone has shown. */
interface Seen {
  readonly inputs: Inputs;
  readonly format: 'cjs' | 'esm';
  readonly warnings: readonly Message[];
}

/**
 * Bundles the handler alone, to learn of it what the bundle proper needs: what its problems are, in lines that nothing has
 * been added to, its format, and which files want to know their place.
 */
async function look(esbuild: Esbuild, source: Source, handler: string): Promise<Seen> {
  const { description } = source;
  const { metafile, warnings } = await runEsbuild(esbuild, source, {
    ...description.options,
    plugins: [ownFolderPlugin(source.context, description)],
    entryPoints: [handler],
    sourcemap: false,
    metafile: true,
    outdir: '.',
  });
  const inputs = metafile?.inputs ?? {};
  const leaving = await findLeaving(inputs, source.context, description);
  if (leaving.length > 0) {
    const lines = leaving.flatMap((problem) => formatProblem(problem, 'error', description));
    throw handlerError(source, description.handler.folder, lines);
  }
  const isModule = inputs[handler]?.format === 'esm';
  const output = Object.values(metafile?.outputs ?? {}).find(({ entryPoint }) => entryPoint === handler);
  // A missing default export would otherwise show only when the function starts. CommonJS has none to look for.
  if (isModule && !output?.exports.includes('default')) {
    const { folder } = description.handler;
    throw handlerError(source, folder, [fillSentence(description.messages.noDefaultExport, { folder, handler })]);
  }
  return { inputs, format: isModule ? 'esm' : 'cjs', warnings };
}

/** What the given ES modules export, by their path. */
async function readExports(esbuild: Esbuild, source: Source, modules: readonly string[]): Promise<ModuleExports> {
  if (modules.length === 0) return new Map();
  const { metafile } = await runEsbuild(esbuild, source, {
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    preserveSymlinks: true,
    entryPoints: [...modules],
    metafile: true,
    outdir: '.',
  });
  const exported = new Map<string, readonly string[]>();
  for (const { entryPoint, exports } of Object.values(metafile?.outputs ?? {})) {
    if (entryPoint !== undefined) exported.set(entryPoint, [...exports].sort());
  }
  return exported;
}

/** One run of esbuild in the context, in memory; ended when `signal` aborts. */
async function runEsbuild(esbuild: Esbuild, source: Source, options: BuildOptions): Promise<BuildResult> {
  const { context, description, signal } = source;
  if (signal.aborted) throw new Interrupted();
  const building = await esbuild
    .context({ absWorkingDir: context, logLevel: 'silent', write: false, ...options })
    .catch((thrown: unknown) => {
      throw optionsError(source, thrown);
    });
  const cancel = (): void => void building.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  try {
    return await building.rebuild();
  } catch (thrown) {
    if (signal.aborted) throw new Interrupted();
    if (!isBuildFailure(thrown)) throw thrown;
    const lines = thrown.errors.flatMap((problem) => formatProblem(problem, 'error', description));
    throw handlerError(source, description.handler.folder, lines);
  } finally {
    signal.removeEventListener('abort', cancel);
    await building.dispose();
  }
}

/** No file has been read when esbuild refuses to begin: it can only be the options. */
function optionsError({ context, description }: Source, thrown: unknown): unknown {
  const texts = isBuildFailure(thrown)
    ? thrown.errors.map(({ text }) => text)
    : thrown instanceof Error && thrown.message.startsWith('Invalid value ')
      ? [thrown.message]
      : [];
  if (texts.length === 0) return thrown;
  return new UserError('BAN-E112', `${join(context, descriptionFile)}: options: ${texts.join('; ')}`, {
    hint: `write options as the API of esbuild ${description.version} takes them`,
    cause: thrown,
  });
}

function isBuildFailure(thrown: unknown): thrown is { readonly errors: readonly Message[] } {
  return thrown instanceof Error && 'errors' in thrown && Array.isArray(thrown.errors);
}
