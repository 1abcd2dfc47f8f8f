import { join } from 'node:path';
import { foldersIn, isFolder, isTemplateName, templateName, templateNames, unknownTemplate } from './find.ts';
import { carryOutInstallation, makeOffer, planCopy, type TemplateInstallation, type TemplateOffer } from './install.ts';
import { listTree } from './tree.ts';

/** Templates that come with a program. `folder`: absolute, one folder per template. `source` and `version` are recorded where a template is copied to. */
export interface TemplatePack {
  readonly folder: string;
  readonly source: string;
  readonly version: string;
}

/** Whether the pack has a template of exactly this name. */
export async function isInPack(pack: TemplatePack, name: string): Promise<boolean> {
  return isTemplateName(name) && (await isFolder(join(pack.folder, name)));
}

/** The pack's template of exactly this name, which it must have. */
export async function offerOfPack({ folder, source, version }: TemplatePack, name: string): Promise<TemplateOffer> {
  return await makeOffer(name, { source, version }, await listTree(join(folder, name)));
}

/** Compares the pack's template `language` (short names allowed) with the project's. Throws BAN-E111 if the pack does not have it. */
export async function planInstallation(
  pack: TemplatePack,
  language: string,
  projectFolder: string,
): Promise<TemplateInstallation> {
  const name = templateName(language);
  if (!(await isInPack(pack, name)))
    throw unknownTemplate(language, [
      ...new Set([...(await foldersIn(pack.folder)), ...(await templateNames(projectFolder))]),
    ]);
  return await planCopy(await offerOfPack(pack, name), projectFolder);
}

/** Copies the pack's template into the project if it is absent, all or nothing. Returns what was found before. */
export async function installTemplate(
  pack: TemplatePack,
  language: string,
  projectFolder: string,
  signal?: AbortSignal,
): Promise<TemplateInstallation> {
  const installation = await planInstallation(pack, language, projectFolder);
  if (installation.state === 'absent') await carryOutInstallation(installation, projectFolder, signal);
  return installation;
}
