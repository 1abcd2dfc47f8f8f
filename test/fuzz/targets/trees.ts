import { link, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { layOutContext } from '../../../cli/build/context.ts';
import { findCopiedPaths } from '../../../cli/build/copied-paths.ts';
import { readSecretFolder } from '../../../cli/commands/secret/secret-files.ts';
import type { Template } from '../../../cli/template/template.ts';
import { copyTree, listTree } from '../../../cli/template/tree.ts';
import { fateOf } from '../fate.ts';
import { defineTarget } from '../target.ts';

const canary = 'canary: this file is outside of every folder that was given';

const part = fc.constantFrom(
  'a',
  'b',
  'A',
  'function',
  'handler.js',
  'build',
  'template',
  '.secrets',
  '.SECRETS',
  '.bantam',
  'node_modules',
  '.dockerignore',
  'x y',
  'é',
  'e\u0301',
  '-rf',
  'Dockerfile',
  '.env',
);
const step = fc.oneof(
  fc.record({
    kind: fc.constant('file' as const),
    path: fc.array(part, { minLength: 1, maxLength: 4 }),
    target: fc.constantFrom('', 'text', '!*\n', '**\n!.secrets\n', 'secret: canary-within'),
  }),
  fc.record({
    kind: fc.constant('link' as const),
    path: fc.array(part, { minLength: 1, maxLength: 4 }),
    target: fc.oneof(
      fc.constantFrom(
        '..',
        '../..',
        '../../..',
        '/',
        '.',
        'a',
        '../a',
        '../outside',
        '../../outside',
        '../outside/canary',
        '../../../outside/canary',
        'OUT',
        '../handler2',
        '../template/x',
        '.secrets',
        'a/../../outside',
        '/proc/self/root',
        '/dev/zero',
        '../../project',
        'x'.repeat(300),
      ),
      fc.array(part, { maxLength: 4 }).map((parts) => parts.join('/')),
    ),
  }),
  fc.record({
    kind: fc.constant('folder' as const),
    path: fc.array(part, { minLength: 1, maxLength: 4 }),
    target: fc.constant(''),
  }),
  fc.record({
    kind: fc.constant('hard' as const),
    path: fc.array(part, { minLength: 1, maxLength: 2 }),
    target: fc.constant('a'),
  }),
);

interface Trees {
  readonly handler: readonly {
    readonly kind: 'file' | 'link' | 'folder' | 'hard';
    readonly path: readonly string[];
    readonly target: string;
  }[];
  readonly template: Trees['handler'];
  readonly copies: readonly string[];
  readonly dockerfile: boolean;
}

let number = 0;

/** Folders on a real disk: handlers, templates, copied paths, .secrets. Nothing from beside them may come along, nor be written to. */
export const trees = defineTarget<Trees>({
  name: 'trees',
  inputs: fc.record({
    handler: fc.array(step, { maxLength: 8 }),
    template: fc.array(step, { maxLength: 5 }),
    copies: fc.array(
      fc.oneof(
        fc.array(part, { maxLength: 3 }).map((parts) => parts.join('/')),
        fc.constantFrom('..', './', '../outside', 'handler/../..', '/', ''),
      ),
      { maxLength: 2 },
    ),
    dockerfile: fc.boolean(),
  }),
  async attempt(given) {
    number += 1;
    const root = await mkdtemp(join(tmpdir(), `bantam-fuzz-trees-${number}-`));
    try {
      const project = join(root, 'project');
      const handler = join(project, 'handler');
      const folder = join(project, 'template', 'x');
      for (const each of [join(root, 'outside'), handler, folder]) await mkdir(each, { recursive: true });
      await writeFile(join(root, 'outside', 'canary'), canary);
      await grow(handler, given.handler, join(root, 'outside'));
      await grow(folder, given.template, join(root, 'outside'));
      const template: Template = {
        name: given.dockerfile ? 'dockerfile' : 'x',
        folder,
        handlerFolder: given.dockerfile ? '.' : 'function',
        process: undefined,
        welcomeMessage: undefined,
        bantam: false,
      };
      const context = join(root, 'contexts', 'one');
      const fates = [
        await fateOf(async () => {
          const copies = await findCopiedPaths(project, { paths: given.copies, folder: project, where: 'fuzz' });
          await layOutContext(template, handler, context, { project, copies });
        }),
        await fateOf(async () => {
          const files = await listTree(folder);
          for (const { path } of files)
            if (path.startsWith('/') || path.split('/').includes('..')) throw new Error(`a file outside: ${path}`);
          await copyTree(files, join(root, 'copied'));
        }),
        await fateOf(async () => {
          const { files } = await readSecretFolder(handler, [], true, new AbortController().signal);
          for (const file of files)
            if ('value' in file && Buffer.from(file.value).toString().includes(canary))
              throw new Error(`${file.name} holds what is outside`);
        }),
      ];
      // A template's own are nobody's secrets.
      const ofTemplate = given.template.some(({ path }) => path.some((name) => /^\.(secrets|bantam)$/i.test(name)));
      await search(context, ofTemplate);
      await search(join(root, 'copied'), true);
      if ((await readFile(join(root, 'outside', 'canary'), 'utf8')) !== canary)
        throw new Error('a file outside was written to');
      if ((await readdir(join(root, 'outside'))).length !== 1) throw new Error('a file outside was made');
      return fates.find((fate) => fate !== 'accepted') ?? 'accepted';
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  },
});

/** Carries out the steps that can be carried out; one that cannot (a file where a folder should be) is left out. */
async function grow(root: string, steps: Trees['handler'], outside: string): Promise<void> {
  for (const { kind, path, target } of steps) {
    const at = join(root, ...path);
    try {
      // Growing must not leave the root itself, through a link of an earlier step.
      if (!(await makeParents(root, path.slice(0, -1), outside))) continue;
      if (kind === 'file') await writeFile(at, target, { flag: 'wx' });
      else if (kind === 'folder') await mkdir(at);
      else if (kind === 'hard') await link(join(root, target), at);
      else await symlink(target === 'OUT' ? outside : target, at);
    } catch (thrown) {
      if (!(thrown instanceof Error && 'code' in thrown)) throw thrown;
    }
  }
}

/** Makes the folders one by one: through a link, a whole path at once would be made elsewhere. */
async function makeParents(root: string, path: readonly string[], outside: string): Promise<boolean> {
  let folder = root;
  for (const name of path) {
    folder = join(folder, name);
    await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    if (await leaves(folder, outside)) return false;
  }
  return true;
}

async function leaves(folder: string, outside: string): Promise<boolean> {
  const { realpath } = await import('node:fs/promises');
  const real = await realpath(folder);
  return (
    !real.startsWith(dirname(outside)) ||
    real.startsWith(outside) ||
    !real.startsWith(join(dirname(outside), 'project'))
  );
}

async function search(folder: string, secretFolders: boolean): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => [])) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isSymbolicLink()) throw new Error(`a link came along: ${path}`);
    if (entry.isFile() && (await readFile(path, 'utf8')).includes(canary))
      throw new Error(`what is outside came along as ${path}`);
    if (!secretFolders && /(^|\/)\.(secrets|bantam)(\/|$)/i.test(path.slice(folder.length)))
      throw new Error(`a folder with secrets came along: ${path}`);
  }
}
