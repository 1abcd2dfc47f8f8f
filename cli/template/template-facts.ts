import { dirname, join } from 'node:path';
import { UserError } from '../errors.ts';
import { readDefinition } from './definition.ts';
import { dockerfileHandler, isDockerfile } from './dockerfile.ts';
import {
  findTemplate,
  foldersIn,
  isFolder,
  isTemplateName,
  readTemplate,
  templateName,
  templateNames,
  unknownTemplate,
} from './find.ts';
import { planCopy, type TemplateInstallation, type TemplateOffer } from './install.ts';
import { describeOrigin } from './lock-file.ts';
import { isInPack, offerOfPack, type TemplatePack } from './pack.ts';
import type { ScaffoldFacts } from './plan.ts';
import type { Template } from './template.ts';
import { listTree, type TreeFile } from './tree.ts';

/** A template that the project does not have, from its source; undefined if nobody names one. */
export type FindForeign = (projectFolder: string, name: string) => Promise<TemplateOffer | undefined>;

/** What a scaffold has to know of its template. */
export type TemplateFacts = Pick<ScaffoldFacts, 'template' | 'installation' | 'handlerFiles'>;

/**
 * The template of a new function: the project's own, else that of the pack, else one that `findForeign` fetches. Writes
 * nothing. Throws BAN-E111, BAN-E112, and what the sources throw.
 */
export async function templateFacts(
  language: string,
  projectFolder: string,
  pack: TemplatePack,
  findForeign: FindForeign,
): Promise<TemplateFacts> {
  const name = templateName(language);
  const present = await templateNames(projectFolder);
  if (isDockerfile(name)) return await dockerfileFacts(projectFolder);
  if (await isInPack(pack, name)) {
    const installation = await planCopy(await offerOfPack(pack, name), projectFolder);
    if (installation.state === 'absent') return await offeredFacts(installation);
    return { ...(await ownFacts(projectFolder, name)), installation };
  }
  if (present.includes(name)) return await ownFacts(projectFolder, name);
  const offer = isTemplateName(name) ? await findForeign(projectFolder, name) : undefined;
  if (offer !== undefined) return await offeredFacts(await planCopy(offer, projectFolder));
  const known = [...new Set([...present, ...(await foldersIn(pack.folder))])];
  throw unknownTemplate(language, known, 'template/ and bantam’s own');
}

async function ownFacts(projectFolder: string, name: string): Promise<TemplateFacts> {
  const template = await findTemplate(projectFolder, name);
  const handler = join(template.folder, template.handlerFolder);
  const handlerFiles = (await isFolder(handler)) ? await listTree(handler, template.folder) : [];
  return { template, installation: undefined, handlerFiles };
}

/** A template whose files are not in the project yet. */
async function offeredFacts(installation: TemplateInstallation): Promise<TemplateFacts> {
  const { name, files, origin } = installation;
  const definition = files.find(({ path }) => path === 'template.yml');
  const from = describeOrigin(origin);
  if (definition === undefined)
    throw new UserError('BAN-E112', `the template ${name} of ${from} is not complete: it has no template.yml`, {
      hint: 'choose another one',
    });
  const { process, handlerFolder, welcomeMessage, buildOptions } = readDefinition(
    new TextDecoder().decode(await definition.read()),
    join(installation.folder, 'template.yml'),
    dirname(dirname(installation.folder)),
  );
  const template: Template = {
    name,
    folder: installation.folder,
    handlerFolder,
    process,
    welcomeMessage,
    buildOptions,
    bantam: files.some(({ path }) => path === 'build.json'),
  };
  return { template, installation, handlerFiles: below(files, handlerFolder) };
}

/** An official template of that name in the project has a handler to begin with; else it is bantam's. */
async function dockerfileFacts(projectFolder: string): Promise<TemplateFacts> {
  const template = await findTemplate(projectFolder, 'dockerfile');
  const handler = (await isFolder(template.folder))
    ? join(template.folder, (await readTemplate(template.folder, template.name, projectFolder)).handlerFolder)
    : '';
  const handlerFiles = (await isFolder(handler)) ? await listTree(handler, template.folder) : dockerfileHandler;
  return { template, installation: undefined, handlerFiles };
}

/** The files in a folder, with paths relative to it. */
function below(files: readonly TreeFile[], folder: string): readonly TreeFile[] {
  const prefix = folder === '.' ? '' : `${folder}/`;
  return files
    .filter(({ path }) => path.startsWith(prefix))
    .map(({ path, executable, read }) => ({ path: path.slice(prefix.length), executable, read }));
}
