import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { Block } from '../../command.ts';
import { defineCommand } from '../../command.ts';
import { UserError } from '../../errors.ts';
import { lookForStack } from '../../stack/find.ts';
import { prepareScaffold, scaffold } from '../../template/scaffold.ts';

/** `bantam fn new`: a handler folder, the template beside it, and an entry in the stack file. */
export const newFunction = defineCommand({
  arguments: [{ name: '<name>', description: 'name of the function: a DNS label such as hello or image-resize' }],
  options: {
    lang: { flags: '--lang <template>', kind: 'text', description: 'ts, go, or the name of a folder in template/' },
    prefix: {
      flags: '--prefix <prefix>',
      kind: 'text',
      description: 'registry (and path) of the image, for example registry.lan:5000 (default: $OPENFAAS_PREFIX)',
    },
  },
  examples: ['bantam fn new hello --lang ts', 'bantam fn new ping --lang go --prefix registry.lan:5000'],
  async run(input, context) {
    const [name = ''] = input.names;
    const language = input.options.lang;
    if (language === undefined)
      throw new UserError('BAN-E001', 'which template shall it be?', {
        hint: `bantam fn new ${name} --lang ts, or --lang go`,
      });
    const existing = await lookForStack({ file: undefined, from: context.folder, home: context.home });
    const named = input.globals.stack === undefined ? undefined : join(context.folder, input.globals.stack);
    const stackFile = named ?? existing.file ?? join(context.folder, 'stack.yml');
    const plan = await prepareScaffold(
      {
        name,
        language,
        stackFile,
        prefix: input.options.prefix ?? context.environment['OPENFAAS_PREFIX'],
        gateway: input.globals.gateway ?? context.environment['OPENFAAS_URL'],
      },
      {
        folder: join(context.packageFolder, 'templates'),
        source: 'bantam',
        version: await readVersion(context.packageFolder),
      },
    );
    const done = await scaffold(plan, context.signal);
    for (const text of done.notes) context.report({ type: 'note', text });
    const lines = [
      ...done.written.map((file) => `wrote ${relative(context.folder, file) || '.'}`),
      ...(done.welcomeMessage === undefined ? [] : ['', done.welcomeMessage.trimEnd()]),
      '',
      `next: bantam fn build ${name} --push, then bantam fn deploy ${name}`,
    ];
    return {
      document: { name, image: done.image, stack: stackFile, written: done.written },
      blocks: lines.map((text): Block => ({ kind: 'line', text })),
    };
  },
});

async function readVersion(packageFolder: string): Promise<string> {
  const manifest: unknown = JSON.parse(await readFile(join(packageFolder, 'package.json'), 'utf8'));
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest
    ? String(manifest.version)
    : 'unknown';
}
