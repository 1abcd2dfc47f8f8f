import { realpath } from 'node:fs/promises';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { UserError } from '../errors.ts';
import { isSecretFolder } from './left-out.ts';

/** A file or folder of the project that every function's handler folder gets a copy of. */
export interface CopiedPath {
  /** Absolute, links followed. */
  readonly from: string;
  /** Where it stands in the handler folder of the context: its path from the stack file, with `/`. */
  readonly place: string;
  /** As the user named it, and where, for messages. */
  readonly named: string;
}

/** Paths as the user wrote them, and the folder that they are relative to. */
export interface NamedPaths {
  readonly paths: readonly string[];
  readonly folder: string;
  /** Who names them: `configuration.copy of stack.yml`, `--copy-extra`. */
  readonly where: string;
}

/**
 * Finds the paths of `configuration.copy` and `--copy-extra` below the project. Their places are those of faas-cli: `./shared`
 * becomes `shared` in the handler folder, `lib/shared` becomes `lib/shared`. Throws BAN-E216 for what is not there, is the
 * project itself, leads out of it (by `..` or by a link: real paths are compared) or into a folder with secrets.
 */
export async function findCopiedPaths(project: string, ...all: readonly NamedPaths[]): Promise<readonly CopiedPath[]> {
  const found = new Map<string, CopiedPath>();
  const root = await realpath(project);
  for (const { paths, folder, where } of all)
    for (const path of paths) {
      const refuse = (what: string, hint: string): UserError =>
        new UserError('BAN-E216', `${where}: ${path === '' ? 'an empty path' : path} ${what}`, { hint });
      const at = resolve(folder, path);
      const from = await realpath(at).catch((error: NodeJS.ErrnoException) => {
        throw refuse(
          error.code === 'ENOENT' ? `is not there (looked at ${at})` : `cannot be read: ${error.message}`,
          `name a file or folder below ${project}`,
        );
      });
      // The folder that the stack file is in may be reached through a link: then the written path lies below that link.
      const place = inside(project, at) ?? inside(root, at);
      const real = inside(root, from);
      if (path === '' || place === '' || real === '')
        throw refuse('is the whole project', 'name the files and folders that functions share');
      if (place === undefined || real === undefined)
        throw refuse(
          `lies outside of the project${real === undefined && place !== undefined ? `: it leads to ${from}` : ''}`,
          `only what lies below ${project} goes into images: move it there`,
        );
      if ([...place.split('/'), ...real.split('/')].some(isSecretFolder))
        throw refuse('holds secrets', 'they would be in every image: give them to functions with `secrets:`');
      found.set(place, { from, place, named: `${where}: ${path}` });
    }
  return [...found.values()];
}

/** The path from `folder` to something below it with `/`, empty for the folder itself; undefined if it is not below. */
function inside(folder: string, path: string): string | undefined {
  const found = relative(folder, path);
  return isAbsolute(found) || found === '..' || found.startsWith(`..${sep}`) ? undefined : found.split(sep).join('/');
}
