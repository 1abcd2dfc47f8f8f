import { defineCommand } from '../../command.ts';
import { inspectTemplates } from '../../template/inspect.ts';
import { describeOrigin } from '../../template/lock-file.ts';
import { projectFolderOf } from './project-folder.ts';

/** `bantam template list`: the project's copies and where they are from, and those that it can have. Asks no network. */
export const listTemplates = defineCommand({
  options: {},
  examples: ['bantam template list', 'bantam template list --json'],
  async run(_input, context) {
    const stack = await context.stackIfAny();
    const folder = await projectFolderOf(context);
    const templates = await inspectTemplates(folder, stack?.configuration?.templates ?? [], context.templatePack());
    const usedBy = (name: string): readonly string[] =>
      (stack?.functions ?? []).filter(({ language }) => language === name).map((declared) => declared.name);
    for (const { name, failure } of templates)
      if (failure !== undefined)
        context.report({
          type: 'warning',
          about: name,
          text: failure.message,
          ...(failure.hint === undefined ? {} : { hint: failure.hint }),
        });
    return {
      document: {
        folder,
        templates: templates.map(({ differences, ...template }) => ({
          ...template,
          functions: usedBy(template.name),
          ...(template.state === 'changed' ? { files: differences } : {}),
        })),
      },
      blocks: [
        {
          kind: 'table',
          columns: ['template', 'state', 'from', 'functions'],
          rows: templates.map(({ name, state, origin }) => [
            name,
            state,
            origin === undefined ? '' : describeOrigin(origin),
            usedBy(name).join(', '),
          ]),
        },
      ],
    };
  },
});
