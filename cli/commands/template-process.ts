import type { Context } from '../context.ts';
import { UserError } from '../errors.ts';
import type { StackFunction } from '../stack/stack.ts';

/**
 * The function with the `fprocess` of its template's template.yml, where it names none itself: faas-cli sends it too. Where
 * the template is not at hand nothing is said to the gateway, and the image's own `fprocess` counts: the Dockerfiles of
 * templates set it. faas-cli fails there, which a CI job that only deploys meets. Throws BAN-E112 for a broken template.yml.
 */
export async function withTemplateProcess(
  declared: StackFunction,
  stackFolder: string,
  { findTemplate, report }: Pick<Context, 'findTemplate' | 'report'>,
): Promise<StackFunction> {
  const { language, name } = declared;
  if (declared.process !== undefined || language === '' || language === 'dockerfile') return declared;
  try {
    return { ...declared, process: (await findTemplate(stackFolder, language)).process };
  } catch (error) {
    if (!(error instanceof UserError) || error.code !== 'BAN-E111') throw error;
    report({
      type: 'note',
      about: name,
      text: `template/${language} is not here: the program that starts is the one its image names (fprocess)`,
    });
    return declared;
  }
}
