import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { UserError } from '../errors.ts';
import type { Report } from '../events.ts';
import { findTemplate, isFolder, readTemplate } from './find.ts';
import { harmNotes } from './gitignore.ts';
import { installTemplate, isInPack, type TemplatePack } from './pack.ts';
import type { Template } from './template.ts';

/** What bringing templates needs. */
export interface BringPorts {
  readonly pack: TemplatePack;
  readonly report: Report;
  readonly signal: AbortSignal;
}

/**
 * The template `language` of a project or, as long as the project has none of that name, the pack's in its own folder: what
 * a build would use. Writes nothing. Names are whole, as in a stack file (`ts` is none). Throws as {@link findTemplate}.
 */
export async function lookUpTemplate(pack: TemplatePack, projectFolder: string, language: string): Promise<Template> {
  return (await isToBring(pack, projectFolder, language))
    ? await readTemplate(join(pack.folder, language), language, pack.folder)
    : await findTemplate(projectFolder, language);
}

/**
 * Makes a {@link findTemplate} that first copies a template of the pack into the project, as `fn new` does, if the project
 * has none of that name; what it wrote is reported. Calls may overlap. Throws what findTemplate throws, BAN-E003 if it
 * cannot be written, and Interrupted; then nothing is left behind.
 */
export function openTemplateBringer(ports: BringPorts): (projectFolder: string, language: string) => Promise<Template> {
  // One at a time: all of them write template/ and its record.
  const alone = pLimit(1);
  return async (projectFolder, language) => {
    await alone(async () => {
      if (await isToBring(ports.pack, projectFolder, language)) await bring(projectFolder, language, ports);
    });
    return await findTemplate(projectFolder, language);
  };
}

async function isToBring(pack: TemplatePack, projectFolder: string, language: string): Promise<boolean> {
  return (await isInPack(pack, language)) && !(await isFolder(join(projectFolder, 'template', language)));
}

async function bring(projectFolder: string, language: string, { pack, report, signal }: BringPorts): Promise<void> {
  try {
    const { state } = await installTemplate(pack, language, projectFolder, signal);
    if (state !== 'absent') return; // Another program was faster.
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error;
    // Another program has put it there while this one was copying.
    if (await isFolder(join(projectFolder, 'template', language))) return;
    throw new UserError(
      'BAN-E003',
      `template/${language} could not be brought from ${pack.source} ${pack.version} into ${projectFolder}: ${error.message}`,
      { hint: 'nothing was left behind; correct that and try again', cause: error },
    );
  }
  report({ type: 'wrote', text: `template/${language} brought from ${pack.source} ${pack.version}` });
  // What cannot be read hides nothing that this build needs.
  const ignored = await readFile(join(projectFolder, '.gitignore'), 'utf8').catch(() => undefined);
  for (const text of harmNotes(ignored)) report({ type: 'note', text });
}
