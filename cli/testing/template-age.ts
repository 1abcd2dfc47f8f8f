import { planCopy } from '../template/install.ts';
import { isInPack, offerOfPack, type TemplatePack } from '../template/pack.ts';

/**
 * What to do about a promise that a function does not keep because its project's copy of the template is not this bantam's:
 * an older one never made it, an edited one may have lost it. Undefined where the copy is this bantam's own.
 */
export async function explainTemplate(
  pack: TemplatePack,
  projectFolder: string,
  language: string,
): Promise<string | undefined> {
  if (!(await isInPack(pack, language))) return undefined;
  const { state } = await planCopy(await offerOfPack(pack, language), projectFolder);
  if (state === 'outdated')
    return `template/${language} is that of another bantam, which may not have promised this: bantam template pull ${language} brings this one’s`;
  if (state === 'changed')
    return `template/${language} is not as bantam brought it: bantam template verify shows where, bantam template pull ${language} --overwrite brings this bantam’s`;
  return undefined;
}
