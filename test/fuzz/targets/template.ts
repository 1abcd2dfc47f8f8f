import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { readDefinition } from '../../../cli/template/definition.ts';
import { collectFiles, linksOf, listTemplates, readListing } from '../../../cli/template/git-tree.ts';
import { lockFileName, readLock } from '../../../cli/template/lock-file.ts';
import { parseSource } from '../../../cli/template/source.ts';
import { fateAtOnce, fateOf } from '../fate.ts';
import { mutatedJson, mutatedText, oddText, writtenJson } from '../mutate.ts';
import { defineTarget } from '../target.ts';

const definition = mutatedText([
  'language: node22\nfprocess: node index.js\nwelcome_message: |\n  You have created a function.\n  Welcome.\nhandler_folder: function\nbuild_options:\n  - name: dev\n    packages: [make, gcc]\n',
  'language: go\nhandler_folder: ./src/../handler\nmount_ssh: true\n',
]);

const lock = writtenJson(
  mutatedJson([
    {
      'bantam-ts': { source: 'bantam', version: '0.1.0', hash: `sha256:${'0'.repeat(64)}` },
      node22: {
        source: 'https://github.com/openfaas/templates',
        ref: 'master',
        commit: 'a'.repeat(40),
        hash: `sha256:${'1'.repeat(64)}`,
        files: { 'template.yml': `sha256:${'2'.repeat(64)}` },
      },
    },
  ]),
);

const source = fc.oneof(
  mutatedText([
    'https://github.com/openfaas/templates#sha-0123abc',
    'git@host:x/y.git#main',
    './local/pack',
    'ssh://git@[::1]:22/x',
    'file:///x',
  ]),
  oddText,
);

/** Names of a repository's tree, among them those that lead out of it, hide, or are the same for others. */
const name = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom('template', 'a', 'b', 'A', 'function', 'handler.js', 'template.yml', 'link'),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      '..',
      '.',
      '.git',
      '.GIT',
      'git~1',
      'README',
      'readme',
      'ß',
      'SS',
      'é',
      'e\u0301',
      'con',
      '\\',
      'x\ny',
      '.g\u200cit',
      '',
    ),
  },
);
const treeLine = fc.record({
  mode: fc.constantFrom('100644', '100755', '120000', '120000', '160000', '040000', '000000'),
  path: fc
    .array(name, { minLength: 1, maxLength: 5 })
    .map((parts) => (parts[0] === 'b' ? parts : ['template', ...parts]).join('/')),
  target: fc.oneof(
    fc.array(name, { maxLength: 6 }).map((parts) => parts.join('/')),
    fc.constantFrom('..', '../..', '../../../etc', '/etc/passwd', '.', 'a', '../a', '../b', ''),
  ),
  size: fc.constantFrom('0', '12', '-', '99999999999999999999'),
});

interface Pieces {
  readonly definition: string;
  readonly lock: string;
  readonly source: string;
  readonly tree: readonly {
    readonly mode: string;
    readonly path: string;
    readonly target: string;
    readonly size: string;
  }[];
}

let folder: string | undefined;

/** template.yml, the lock file, sources, and the trees of other people's repositories. */
export const template = defineTarget<Pieces>({
  name: 'template',
  inputs: fc.record({ definition, lock, source, tree: fc.array(treeLine, { maxLength: 14 }) }),
  async attempt(given) {
    const fates = [
      fateAtOnce(() => {
        const { handlerFolder } = readDefinition(given.definition, '/project/template/x/template.yml', '/project');
        if (handlerFolder.startsWith('/') || /(^|\/)\.\.(\/|$)/.test(handlerFolder))
          throw new Error(`a handler folder outside: ${handlerFolder}`);
      }),
      fateAtOnce(() => parseSource(given.source, { from: '/project', project: '/project' })),
      fateAtOnce(() => walkTree(given)),
    ];
    folder ??= await mkdtemp(join(tmpdir(), 'bantam-fuzz-template-'));
    await mkdir(join(folder, 'template'), { recursive: true });
    await writeFile(join(folder, lockFileName), given.lock);
    fates.push(await fateOf(async () => await readLock(folder ?? '')));
    return fates.every((fate) => fate === 'accepted') ? 'accepted' : 'refused';
  },
});

function walkTree({ tree }: Pieces): void {
  const objects = tree.map((_each, index) => index.toString(16).padStart(40, '0'));
  const listing = tree
    .map(({ mode, path, size }, index) => `${mode} blob ${objects[index]} ${size.padStart(7)}\t${path}\0`)
    .join('');
  const root = readListing(Buffer.from(listing));
  const targets = new Map(linksOf(root).map(({ object }) => [object, tree[Number.parseInt(object, 16)]?.target ?? '']));
  const whole = { root, targets };
  const templates = listTemplates(whole);
  if (typeof templates === 'string') return;
  for (const [called, path] of templates)
    for (const file of collectFiles(whole, path, called).files) {
      const parts = file.path.split('/');
      if (parts.some((part) => part === '..' || part === '.' || part === '' || /^\.git$/i.test(part)))
        throw new Error(`a file outside of its template: ${file.path}`);
    }
}
