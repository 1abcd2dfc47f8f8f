import { mkdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { BuildOptions, BuildResult, Message } from 'esbuild';
import { Interrupted, UserError } from '../../errors.ts';
import { formatProblem } from './bundle-problem.ts';
import { type BundleDescription, descriptionFile } from './description.ts';
import { type FunctionSource, fillSentence, handlerError, toUserPaths } from './function-source.ts';
import { installPackages } from './install.ts';
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
  await requireDefaultExport(esbuild, source, handler);
  const { outputFiles, warnings } = await runEsbuild(esbuild, source, {
    ...description.options,
    alias: { ...description.options.alias, [description.handler.import]: `./${handler}` },
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
  await settleTree(into, description.files);
  const lines = warnings.flatMap((warning) => formatProblem(warning, 'warning', description));
  return { warnings: toUserPaths(lines, description.handler.folder, source.handler) };
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

/** A missing default export would otherwise show only when the function starts. CommonJS has none to look for. */
async function requireDefaultExport(esbuild: Esbuild, source: Source, handler: string): Promise<void> {
  const { description } = source;
  const { metafile } = await runEsbuild(esbuild, source, {
    entryPoints: [handler],
    format: 'esm',
    metafile: true,
    outdir: '.',
  });
  const [output] = Object.values(metafile?.outputs ?? {});
  const [input] = Object.values(metafile?.inputs ?? {});
  if (input?.format === 'esm' && !output?.exports.includes('default')) {
    const { folder } = description.handler;
    throw handlerError(source, folder, [fillSentence(description.messages.noDefaultExport, { folder, handler })]);
  }
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
