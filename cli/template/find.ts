import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { suggest } from '../stack/suggest.ts';
import { readDefinition } from './definition.ts';
import { dockerfileTemplate, isDockerfile } from './dockerfile.ts';
import type { Template } from './template.ts';
import { wellKnownSource } from './well-known.ts';

/** Short names for the templates of our own pack, as `--lang` takes them. */
export const shortNames: Readonly<Record<string, string>> = {
  ts: 'bantam-ts',
  typescript: 'bantam-ts',
  go: 'bantam-go',
  golang: 'bantam-go',
};

/** The template that `--lang` means: `ts` is short for bantam-ts, `go` for bantam-go; other names stay. */
export function templateName(language: string): string {
  return Object.hasOwn(shortNames, language) ? (shortNames[language] ?? language) : language;
}

/**
 * The template `language` of a project: the folder `template/LANGUAGE` beside the stack file (it may be a link, and so may
 * `template`). `dockerfile` needs none; of one that is there only build_options count, as in faas-cli. Throws BAN-E111 with
 * the nearest names if it is not there, BAN-E112 if its template.yml cannot be used.
 */
export async function findTemplate(stackFolder: string, language: string): Promise<Template> {
  if (isDockerfile(language)) return await findDockerfile(stackFolder);
  const folder = join(stackFolder, 'template', language);
  if (!isTemplateName(language) || !(await isFolder(folder)))
    throw unknownTemplate(language, await templateNames(stackFolder));
  return readTemplate(folder, language, stackFolder);
}

async function findDockerfile(stackFolder: string): Promise<Template> {
  const template = dockerfileTemplate(stackFolder);
  if (!(await isFolder(template.folder))) return template;
  const { buildOptions = [], welcomeMessage } = await readTemplate(template.folder, template.name, stackFolder);
  return { ...template, buildOptions, welcomeMessage };
}

/** Reads the template in `folder`, wherever that is; messages name files relative to `from`. */
export async function readTemplate(folder: string, name: string, from: string): Promise<Template> {
  const file = join(folder, 'template.yml');
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    const reason =
      error.code === 'ENOENT' ? 'it has no template.yml' : `its template.yml cannot be read (${error.message})`;
    throw new UserError('BAN-E112', `the template in ${folder} is not complete: ${reason}`, {
      hint: 'fetch the template again',
    });
  });
  const { process, handlerFolder, welcomeMessage, buildOptions } = readDefinition(text, file, from);
  return {
    name,
    folder: await realpath(folder),
    handlerFolder,
    process,
    welcomeMessage,
    buildOptions,
    bantam: (await kindOf(join(folder, 'build.json'))) === 'file',
  };
}

/** Names of the template folders of a project, sorted; none if there is no folder `template`. */
export async function templateNames(stackFolder: string): Promise<string[]> {
  return foldersIn(join(stackFolder, 'template'));
}

/** Names of the folders in `folder` (links to folders count, hidden ones do not), sorted; none if it does not exist. */
export async function foldersIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
    throw new UserError('BAN-E003', `${folder} cannot be read: ${error.message}`, { cause: error });
  });
  const folders = await Promise.all(names.map((name) => isFolder(join(folder, name))));
  return names.filter((name, index) => folders[index] && !name.startsWith('.')).sort();
}

/** The error for a template that nobody has; `known` are the names it may have been meant to be, `places` says where was looked. */
export function unknownTemplate(
  language: string,
  known: readonly string[],
  places: 'template/' | 'template/ and bantam’s own' = 'template/',
): UserError {
  const own = Object.values(shortNames).includes(language);
  const full = templateName(language);
  const near =
    full !== language && known.includes(full)
      ? [full]
      : [...new Set(suggest(language, [...known, ...Object.entries(shortNames).flat()]).map(templateName))];
  const source = wellKnownSource(language);
  const pull = own
    ? 'it comes with bantam, whose own copy is missing, too: install bantam again'
    : source !== undefined && isTemplateName(language)
      ? `bantam template pull ${source} ${language} brings it`
      : 'put it in template/NAME (bantam template pull URL NAME does that), or begin with bantam fn new NAME --lang ts';
  const among =
    known.length === 0
      ? 'in template/'
      : places === 'template/'
        ? `in template/, which has ${known.join(', ')}`
        : `among those of ${places}: ${known.join(', ')}`;
  return new UserError('BAN-E111', `there is no template ${language === '' ? '""' : language} ${among}`, {
    hint: near.length > 0 && !own ? `did you mean ${near.join(' or ')}? Else ${pull}` : pull,
  });
}

/** Whether a template may be called so: one folder name (`node22`, `golang-http@1.0`). */
export function isTemplateName(name: string): boolean {
  return /^[A-Za-z0-9][\w.@+-]*$/.test(name);
}

/** Whether there is a folder at `path`, links followed. */
export async function isFolder(path: string): Promise<boolean> {
  return (await kindOf(path)) === 'folder';
}

async function kindOf(path: string): Promise<'file' | 'folder' | undefined> {
  // What cannot be looked at is not there for us; reading it later says why.
  const found = await stat(path).catch(() => undefined);
  return found === undefined ? undefined : found.isDirectory() ? 'folder' : 'file';
}
