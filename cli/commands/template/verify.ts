import { type Block, defineCommand } from '../../command.ts';
import { exitCodes, type Failure } from '../../errors.ts';
import { type InspectedTemplate, inspectTemplates } from '../../template/inspect.ts';
import { describeOrigin, lockFileName } from '../../template/lock-file.ts';
import { projectFolderOf } from './project-folder.ts';

/** `bantam template verify`: whether the project's templates are, file by file, what the lock file says. For CI; asks no network. */
export const verify = defineCommand({
  options: {},
  examples: ['bantam template verify', 'bantam template verify --json'],
  async run(_input, context) {
    const folder = await projectFolderOf(context);
    const inspected = await inspectTemplates(folder, [], context.templatePack());
    const verified = inspected.filter(({ state }) => state !== 'available').map(withFailure);
    const bad = verified.filter(({ failure }) => failure !== undefined);
    return {
      exit: bad.length === 0 ? exitCodes.done : exitCodes.failure,
      document: {
        folder,
        templates: verified.map(({ differences, ...template }) => ({ ...template, files: differences })),
      },
      blocks: [
        ...verified.flatMap(describe),
        ...(verified.length === 0 ? [line(`no templates in ${folder}/template`)] : []),
      ],
    };
  },
});

function withFailure(template: InspectedTemplate): InspectedTemplate {
  const failure = template.failure ?? failureOf(template);
  return failure === undefined ? template : { ...template, failure };
}

function failureOf({ name, state, origin }: InspectedTemplate): Failure | undefined {
  const from = origin === undefined ? 'its source' : describeOrigin(origin);
  if (state === 'changed')
    return {
      code: 'BAN-E117',
      message: `template/${name} is not what ${lockFileName} says, that of ${from}`,
      hint: `bantam template pull ${name} --overwrite brings that back`,
    };
  if (state === 'missing')
    return {
      code: 'BAN-E117',
      message: `template/${name} is in ${lockFileName} and not in the project: that of ${from}`,
      hint: `bantam template pull ${name} brings it`,
    };
  return undefined;
}

const signs = { added: '+', missing: '-', changed: '~', mode: '~' } as const;

function describe({ name, state, origin, differences, failure }: InspectedTemplate): readonly Block[] {
  const from = origin === undefined ? '' : `   ${describeOrigin(origin)}`;
  if (failure === undefined)
    return [
      line(
        state === 'unlocked'
          ? `? ${name}   not locked, so there is nothing to compare it with${from}`
          : `✓ ${name}${from}`,
      ),
    ];
  return [
    line(`✗ ${name}   ${failure.message}  (${failure.code})`),
    ...differences.map(({ path, change }) =>
      line(`    ${signs[change]} template/${name}/${path}${change === 'mode' ? ' (executable or not)' : ''}`),
    ),
    ...(failure.hint === undefined ? [] : [line(`    next: ${failure.hint}`)]),
  ];
}

function line(text: string): Block {
  return { kind: 'line', text };
}
