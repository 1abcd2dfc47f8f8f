import { stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { UserError } from '../errors.ts';

/** Where a stack file is looked for. `file`: what `-f` said, relative to `from`; `from`: absolute folder; `home`: the search upward ends there. */
export interface StackSearch {
  readonly file?: string | undefined;
  readonly from: string;
  readonly home?: string | undefined;
}

/** What a search found: the file, if there is one, and every folder that was looked into, nearest first. */
export interface StackSearchResult {
  readonly file: string | undefined;
  readonly folders: readonly string[];
}

/** The names of a stack file; where both exist the first wins, as in faas-cli. */
export const stackFileNames = ['stack.yaml', 'stack.yml'] as const;

/** The absolute path of the stack file to use: the one named, else the nearest one here or above. Throws BAN-E101 with what was searched. */
export async function findStack(search: StackSearch): Promise<string> {
  const { file, folders } = await lookForStack(search);
  if (file !== undefined) return file;
  const nearest = folders[0] ?? search.from;
  const last = folders.at(-1) ?? nearest;
  const above = last === nearest ? '' : ` or in a folder above it, up to ${last}`;
  throw new UserError('BAN-E101', `no ${stackFileNames.join(' or ')} in ${nearest}${above}`, {
    hint: 'bantam fn new NAME --lang ts begins one here; -f FILE names one elsewhere',
  });
}

/**
 * The same search for callers that can go on without a stack file. The search upward ends at the root of the git
 * checkout, at `home`, or at the root of the file system. A file named by `-f` must exist (BAN-E101).
 */
export async function lookForStack({ file, from, home }: StackSearch): Promise<StackSearchResult> {
  if (file !== undefined) return { file: await namedStack(file, from), folders: [] };
  const folders: string[] = [];
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    folders.push(folder);
    for (const name of stackFileNames) {
      const candidate = join(folder, name);
      if ((await kindOf(candidate)) === 'file') return { file: candidate, folders };
    }
    const last =
      dirname(folder) === folder ||
      (home !== undefined && folder === resolve(home)) ||
      (await kindOf(join(folder, '.git'))) !== 'nothing';
    if (last) return { file: undefined, folders };
  }
}

async function namedStack(file: string, from: string): Promise<string> {
  if (/^https?:\/\//i.test(file)) {
    throw new UserError('BAN-E101', `${file} is an address, and the stack file must be a file on this machine`, {
      hint: 'download it first, then name the file with -f',
    });
  }
  const path = resolve(from, file);
  const kind = await kindOf(path);
  if (kind === 'file') return path;
  const reason = kind === 'folder' ? 'is a folder' : 'does not exist';
  throw new UserError('BAN-E101', `the stack file ${path} ${reason}`, {
    hint:
      kind === 'folder'
        ? 'name the file itself with -f'
        : 'check the path given with -f; bantam fn new NAME --lang ts begins a new stack',
  });
}

async function kindOf(path: string): Promise<'file' | 'folder' | 'nothing'> {
  // A link that leads nowhere, or a folder that may not be entered, holds no stack file for us.
  const found = await stat(path).catch(() => undefined);
  return found === undefined ? 'nothing' : found.isDirectory() ? 'folder' : 'file';
}
