import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { UserError } from '../errors.ts';
import type { Report } from '../events.ts';
import { isDockerfile } from './dockerfile.ts';
import { findTemplate, isFolder, isTemplateName, readTemplate } from './find.ts';
import { type ConfiguredTemplates, notHereYet } from './foreign.ts';
import { harmNotes } from './gitignore.ts';
import { carryOutInstallation, planCopy, type TemplateOffer } from './install.ts';
import { describeOrigin, type TemplateOrigin } from './lock-file.ts';
import { isInPack, offerOfPack, type TemplatePack } from './pack.ts';
import type { Template } from './template.ts';

/** What bringing templates needs. */
export interface BringPorts {
  readonly pack: TemplatePack;
  /** A template that the project's stack file or lock file has a source for; see findForeign. */
  readonly foreign: (projectFolder: string, language: string) => Promise<TemplateOffer | undefined>;
  readonly report: Report;
  readonly signal: AbortSignal;
}

/**
 * The template `language` of a project or, as long as the project has none of that name, the pack's in its own folder: what
 * a build would use. Writes nothing. Names are whole, as in a stack file (`ts` is none). Throws as {@link findTemplate}; of a
 * template that a build would fetch the error says so.
 */
export async function lookUpTemplate(
  pack: TemplatePack,
  projectFolder: string,
  language: string,
  configured: () => Promise<ConfiguredTemplates> = async () => [],
): Promise<Template> {
  if (await isToBring(pack, projectFolder, language))
    return await readTemplate(join(pack.folder, language), language, pack.folder);
  try {
    return await findTemplate(projectFolder, language);
  } catch (error) {
    if (!(error instanceof UserError) || error.code !== 'BAN-E111' || !isTemplateName(language)) throw error;
    throw (await notHereYet(projectFolder, language, await configured())) ?? error;
  }
}

/**
 * Makes a {@link findTemplate} that first copies the template into the project if it has none of that name: one of the pack,
 * as `fn new` does, or one from the source that the stack file or the lock file names. What it wrote is reported. Calls may
 * overlap. Throws what findTemplate and the sources throw, BAN-E003 if it cannot be written, and Interrupted; then nothing
 * is left behind.
 */
export function openTemplateBringer(ports: BringPorts): (projectFolder: string, language: string) => Promise<Template> {
  // One at a time: all of them write template/ and its lock file.
  const alone = pLimit(1);
  return async (projectFolder, language) => {
    await alone(async () => {
      if (isDockerfile(language) || !isTemplateName(language)) return;
      if (await isFolder(join(projectFolder, 'template', language))) return;
      const offer = (await isInPack(ports.pack, language))
        ? await offerOfPack(ports.pack, language)
        : await ports.foreign(projectFolder, language);
      if (offer !== undefined) await bring(projectFolder, offer, ports);
    });
    return await findTemplate(projectFolder, language);
  };
}

async function isToBring(pack: TemplatePack, projectFolder: string, language: string): Promise<boolean> {
  return (await isInPack(pack, language)) && !(await isFolder(join(projectFolder, 'template', language)));
}

async function bring(
  projectFolder: string,
  offer: TemplateOffer,
  { report, signal }: Pick<BringPorts, 'report' | 'signal'>,
): Promise<void> {
  const { name, origin } = offer;
  try {
    const installation = await planCopy(offer, projectFolder);
    if (installation.state !== 'absent') return; // Another program was faster.
    await carryOutInstallation(installation, projectFolder, signal);
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error;
    // Another program has put it there while this one was copying.
    if (await isFolder(join(projectFolder, 'template', name))) return;
    throw notBrought(name, origin, projectFolder, error);
  }
  report({ type: 'wrote', text: `template/${name} brought from ${describeOrigin(origin)}` });
  // What cannot be read hides nothing that this build needs.
  const ignored = await readFile(join(projectFolder, '.gitignore'), 'utf8').catch(() => undefined);
  for (const text of harmNotes(ignored)) report({ type: 'note', text });
}

/** What the file system said against a template's copy. */
export function notBrought(name: string, origin: TemplateOrigin, projectFolder: string, error: Error): UserError {
  return new UserError(
    'BAN-E003',
    `template/${name} could not be brought from ${describeOrigin(origin)} into ${projectFolder}: ${error.message}`,
    { hint: 'nothing was left behind; correct that and try again', cause: error },
  );
}
