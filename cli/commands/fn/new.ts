import { readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import type { Block } from '../../command.ts';
import { defineCommand } from '../../command.ts';
import type { Context } from '../../context.ts';
import { describeFailure, UserError } from '../../errors.ts';
import { isOfficial, parseReference } from '../../oci/reference.ts';
import { decodeStack } from '../../stack/decode.ts';
import { refreshEditorSchemas } from '../../stack/editor-schema.ts';
import { lookForStack } from '../../stack/find.ts';
import { prepareScaffold, scaffold } from '../../template/scaffold.ts';

/** `bantam fn new`: a handler folder, the template beside it, and an entry in the stack file. */
export const newFunction = defineCommand({
  arguments: [{ name: '<name>', description: 'name of the function: a DNS label such as hello or image-resize' }],
  options: {
    lang: {
      flags: '--lang <template>',
      kind: 'text',
      description: 'ts, go, dockerfile, or the name of any other template, with @REF if wanted',
    },
    prefix: {
      flags: '--prefix <prefix>',
      kind: 'text',
      description: 'registry (and path) of the image, for example registry.lan:5000 (default: $OPENFAAS_PREFIX)',
    },
  },
  examples: [
    'bantam fn new hello --lang ts',
    'bantam fn new ping --lang go --prefix registry.lan:5000',
    'bantam fn new shop --lang golang-middleware',
  ],
  async run(input, context) {
    const [name = ''] = input.names;
    const language = input.options.lang;
    if (language === undefined)
      throw new UserError('BAN-E001', 'which template shall it be?', {
        hint: `bantam fn new ${name} --lang ts, or --lang go`,
      });
    const existing = await lookForStack({ file: undefined, from: context.folder, home: context.home });
    const named = input.globals.stack === undefined ? undefined : resolve(context.folder, input.globals.stack);
    const stackFile = named ?? existing.file ?? join(context.folder, 'stack.yml');
    const plan = await prepareScaffold(
      {
        name,
        language,
        stackFile,
        prefix: input.options.prefix ?? context.environment['OPENFAAS_PREFIX'],
        gateway: input.globals.gateway ?? context.environment['OPENFAAS_URL'],
      },
      context.templatePack(),
      context.findForeign,
    );
    const done = await scaffold(plan, context.signal);
    const schemas = await bringEditorSchemas(
      stackFile,
      plan.handlerFiles.some(({ path }) => path.endsWith('.http.yml')),
      context,
    );
    for (const text of done.notes) context.report({ type: 'note', text });
    if (
      namesNoRegistry(done.image) &&
      !(await targetNamesRegistry(stackFile, input.globals.target, context.environment))
    )
      context.report({
        type: 'note',
        text: `the image of ${name}, ${done.image}, names no registry: bantam local up takes it as it is. For a cluster write image: registry.lan:5000/${done.image} in ${relative(context.folder, stackFile)} (--prefix or $OPENFAAS_PREFIX does it for new functions)`,
      });
    const projectFolder = dirname(stackFile);
    const written = [...done.written, ...schemas.map((file) => relative(projectFolder, file))];
    const lines = [
      ...written.map((file) => `wrote ${relative(context.folder, join(projectFolder, file)) || '.'}`),
      ...(done.welcomeMessage === undefined ? [] : ['', done.welcomeMessage.trimEnd()]),
      '',
      `next: bantam fn deploy ${name} (builds, pushes, deploys; a gateway to try it on: bantam local up)`,
    ];
    return {
      document: { name, image: done.image, stack: stackFile, written },
      blocks: lines.map((text): Block => ({ kind: 'line', text })),
    };
  },
});

/** The function is there by now: what only editors miss is no failure. */
async function bringEditorSchemas(
  stackFile: string,
  hasExamples: boolean,
  context: Context,
): Promise<readonly string[]> {
  try {
    return await refreshEditorSchemas(stackFile, context.packageFolder, { examples: hasExamples });
  } catch (thrown) {
    const failure = describeFailure(thrown);
    if (failure.code !== 'BAN-E003') throw thrown;
    context.report({ type: 'warning', text: `the schema for editors could not be written: ${failure.message}` });
    return [];
  }
}

/** Whether the image gets its registry from a target: the one asked for, else any. What else is wrong with the stack file is told by whatever uses it. */
async function targetNamesRegistry(
  stackFile: string,
  target: string | undefined,
  environment: Context['environment'],
): Promise<boolean> {
  const { stack } = decodeStack(await readFile(stackFile, 'utf8'), stackFile, environment);
  const wanted = target?.trim() || environment['BANTAM_TARGET']?.trim();
  const targets = stack?.targets ?? [];
  const asked = targets.filter(({ name }) => name === wanted);
  return (asked.length > 0 ? asked : targets).some(({ registry }) => registry !== undefined);
}

function namesNoRegistry(image: string): boolean {
  if (image.includes('${')) return false; // Known only when the stack file is read.
  return isOfficial(parseReference(image));
}
