import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { UserError } from '../../errors.ts';
import type { BundleDescription } from './description.ts';
import { type FunctionSource, fillSentence, handlerError, linesOf, toUserPaths } from './function-source.ts';
import { leavingDependencies, lineOf, sayLeaves, withoutSteps } from './own-folder-plugin.ts';

/** A file in a node_modules of the function's that says that it holds what its package.json asks for. */
export const installedMark = '.bantam-installed';

/** How long npm may take, in milliseconds. */
const limit = 600_000;

const dependencies = v.optional(v.record(v.string(), v.unknown()), {});
const manifestSchema = v.pipe(
  v.string(),
  v.rawTransform(({ dataset, addIssue, NEVER }): unknown => {
    try {
      return JSON.parse(dataset.value);
    } catch (error) {
      addIssue({ message: error instanceof Error ? error.message : String(error) });
      return NEVER;
    }
  }),
  v.object({
    dependencies,
    optionalDependencies: dependencies,
    peerDependencies: dependencies,
  }),
);

/**
 * Installs what the bundle imports: the runtime's packages beside it (unless the context has a node_modules already) and the
 * function's own. Tools (devDependencies) and install scripts stay out. Throws BAN-E207 for a package.json that cannot be
 * read, BAN-E206 when npm fails or is not there.
 */
export async function installPackages(source: FunctionSource, description: BundleDescription): Promise<void> {
  const { context } = source;
  const { folder } = description.handler;
  const wanted = await readWanted(source, description);
  if ((await isThere(context, 'package.json')) && !(await isThere(context, 'node_modules'))) {
    await runNpm(source, context, description, `${source.name}: npm could not install the packages of the template`);
  }
  if (wanted.length > 0 && !(await isThere(join(context, folder), join('node_modules', installedMark)))) {
    const failure = `${source.name}: npm could not install the function's dependencies`;
    await runNpm(source, join(context, folder), description, failure, [
      fillSentence(description.messages.notInstalled, { folder }),
    ]);
  }
}

/** Names of the packages that the function's package.json asks for; none without one. */
async function readWanted(source: FunctionSource, description: BundleDescription): Promise<string[]> {
  const { folder } = description.handler;
  const text = await readFile(join(source.context, folder, 'package.json'), 'utf8').catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    },
  );
  if (text === undefined) return [];
  const manifest = v.safeParse(manifestSchema, text);
  if (!manifest.success) {
    const lines = manifest.issues.map(({ message: reason }) =>
      fillSentence(description.messages.unreadablePackage, { folder, reason }),
    );
    throw handlerError(source, folder, lines);
  }
  const { dependencies: own, optionalDependencies, peerDependencies } = manifest.output;
  const wanted = { ...own, ...optionalDependencies, ...peerDependencies };
  const { leavingDependency } = description.messages;
  const leaving = leavingDependency === undefined ? [] : leavingDependencies(wanted);
  if (leavingDependency !== undefined && leaving.length > 0) {
    const lines = leaving.map((path) => {
      const inside = withoutSteps(path.replace(/^(?:file:|link:)/, '')).replace(/^\/+/, '');
      const line = lineOf(text, JSON.stringify(path));
      return `${folder}/package.json:${line}: error: ${sayLeaves(leavingDependency, { path, inside, wanted: inside })}`;
    });
    throw handlerError(source, folder, lines);
  }
  return Object.keys(wanted);
}

async function runNpm(
  source: FunctionSource,
  cwd: string,
  description: BundleDescription,
  failure: string,
  last: readonly string[] = [],
): Promise<void> {
  const locked = (await isThere(cwd, 'package-lock.json')) || (await isThere(cwd, 'npm-shrinkwrap.json'));
  const command = locked ? ['ci'] : ['install', '--no-package-lock'];
  const ended = await source.run('npm', [...command, ...description.install], {
    cwd,
    signal: source.signal,
    timeout: limit,
  });
  if (ended.exitCode === 0) return;
  if (ended.missing) {
    throw new UserError('BAN-E206', `${source.name}: there is no \`npm\` on the PATH`, {
      hint: 'it comes with Node.js; or build with Docker, which needs none here',
    });
  }
  throw new UserError('BAN-E206', ended.timedOut ? `${failure} within ${limit / 60_000} minutes` : failure, {
    details: toUserPaths([...linesOf(ended.stderr).slice(-20), ...last], description.handler.folder, source.handler),
    hint: 'check the network and the dependencies in package.json',
  });
}

async function isThere(folder: string, name: string): Promise<boolean> {
  return await access(join(folder, name)).then(
    () => true,
    () => false,
  );
}
