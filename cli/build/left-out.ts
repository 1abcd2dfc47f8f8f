import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import dockerignore from '@balena/dockerignore';

/** What of a folder stays out of a build context. */
export interface LeftOut {
  /** The path is relative to the folder, with `/`. */
  (path: string): boolean;
  /** True if nothing below a folder that is left out can be taken along after all. */
  readonly prunes: boolean;
}

/** Where bantam keeps the password of a local gateway, and where users keep what functions read as secrets. No rule brings them back. */
const secretFolders = new Set(['.bantam', '.secrets']);

/** Whether a name is that of a folder with secrets; file systems that fold case would open it by any spelling. */
export function isSecretFolder(name: string): boolean {
  return secretFolders.has(name.toLowerCase());
}

/** Packages for this machine, histories, and settings of this machine: an image is for other machines and other people. */
const usual = ['**/node_modules', '**/.git', '**/.DS_Store', '**/.env', '**/.env.*'];

/** Folders that faas-cli does not take along from the top of a handler: its own build contexts and templates. */
const ofFaasCli = ['build', 'template'];

/**
 * What a handler folder does not give to its build: the usual things, what faas-cli leaves out, and what the handler's own
 * .dockerignore names. A line `!NAME` there takes one of them along.
 */
export async function leftOutOfHandler(handler: string, kept: ReadonlySet<string>): Promise<LeftOut> {
  const own = await readFile(join(handler, '.dockerignore'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    // A folder of that name, or none: there are no rules. What cannot be read is reported when it is copied.
    if (['ENOENT', 'EISDIR', 'EACCES', 'ENOTDIR'].includes(error.code ?? '')) return '';
    throw error;
  });
  return rules([...usual, ...ofFaasCli, ...own.split(/\r?\n/)], kept);
}

/** The same for a path that is copied into every handler. */
export function leftOutOfCopies(): LeftOut {
  return rules(usual, new Set());
}

function rules(lines: readonly string[], kept: ReadonlySet<string>): LeftOut {
  const ignore = dockerignore.default().add(lines.map((line) => line.replace(/^\ufeff/, '')));
  return Object.assign((path: string): boolean => !kept.has(path) && ignore.ignores(path), {
    prunes: !lines.some((line) => line.trim().startsWith('!')),
  });
}
