import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type BuildRequest, withPlans } from '../../cli/build/build-functions.ts';
import type { Event } from '../../cli/events.ts';
import { readStack } from '../../cli/stack/read.ts';
import { findTemplate } from '../../cli/template/find.ts';
import { runProgram } from '../../cli/tools/exec.ts';
import { skip } from '../real-parts.ts';
import { exampleSettings } from './example-settings.ts';

/** A project with all that has surprised users of faas-cli's build contexts. */
const project: Readonly<Record<string, string>> = {
  'stack.yml': `version: 1.0
provider:
  name: openfaas
functions:
  fn: { lang: other, handler: ./fn, image: "x/fn:1" }
  own: { lang: dockerfile, handler: ./own, image: "x/own:1" }
configuration:
  copy:
    - ./shared
    - other.txt
`,
  'template/other/template.yml': 'language: other\n',
  'template/other/Dockerfile': 'FROM scratch\n',
  'template/other/meta.json':
    '{"repository":"https://github.com/x/y","written_at":"2026-01-02T03:04:05Z","ref_name":"","sha":"0a1b"}',
  'template/other/function/meta.json': '{}',
  'template/other/function/handler.js': 'the sample',
  'template/other/function/package.json': '{}',
  'template/other/function/handler_test.js': 'a test of the sample',
  'template/other/function/lib/sample.js': '',
  'template/dockerfile/template.yml': 'language: dockerfile\n',
  'template/dockerfile/function/Dockerfile': 'FROM scratch\n',
  'fn/handler.mjs': 'the handler',
  'fn/build/out.js': '',
  'fn/template/x': '',
  'fn/node_modules/a/index.js': '',
  'fn/.git/HEAD': '',
  'fn/.env': 'TOKEN=1',
  'fn/.env.local': 'TOKEN=1',
  'fn/.secrets/token': '1',
  'fn/src/build/kept.js': '',
  'fn/src/a.log': '',
  'fn/notes.md': '',
  'fn/.dockerignore': 'notes.md\r\n**/*.log\r\n',
  'shared/deep/d.txt': 'shared',
  'shared/.env': 'TOKEN=1',
  'shared/node_modules/x': '',
  'other.txt': '',
  'own/Dockerfile': 'FROM scratch\n',
  'own/main.c': '',
  'own/README.md': '',
  'own/.dockerignore': 'Dockerfile\n*.md\n',
  'own/node_modules/x': '',
  'own/build/x': '',
};

/** What `faas-cli build --shrinkwrap` makes of it (0.18.12, recorded). */
const ofFaasCli = {
  fn: [
    ...['.dockerignore', '.env', '.env.local', '.git/HEAD', '.secrets/token', 'handler.js', 'handler.mjs'],
    ...[
      'handler_test.js',
      'lib/sample.js',
      'link.txt',
      'meta.json',
      'node_modules/a/index.js',
      'notes.md',
      'other.txt',
    ],
    ...['package.json', 'shared/.env', 'shared/deep/d.txt', 'shared/node_modules/x', 'src/a.log', 'src/build/kept.js'],
  ]
    .map((path) => `function/${path}`)
    .concat('Dockerfile', 'meta.json', 'template.yml'),
  own: [
    ...['.dockerignore', 'Dockerfile', 'README.md', 'main.c', 'node_modules/x', 'other.txt'],
    ...['shared/.env', 'shared/deep/d.txt', 'shared/node_modules/x'],
  ],
};

/** Where bantam's contexts differ on purpose (docs/building.md): secrets, packages of this machine, the sample handler, what .dockerignore names, faas-cli's record of its pull. */
const leftOut = {
  fn: ['.env', '.env.local', '.git/HEAD', '.secrets/token', 'handler.js', 'node_modules/a/index.js', 'notes.md']
    .concat('shared/.env', 'shared/node_modules/x', 'src/a.log')
    .map((path) => `function/${path}`)
    .concat('meta.json'),
  own: ['README.md', 'node_modules/x', 'shared/.env', 'shared/node_modules/x'],
};

describe('build contexts of foreign templates', () => {
  let root = '';
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'bantam-shrinkwrap-'));
    for (const [path, text] of Object.entries(project)) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), text);
    }
    await symlink('../shared/deep/d.txt', join(root, 'fn/link.txt'));
  });
  after(async () => await rm(root, { recursive: true, force: true }));

  async function contexts(): Promise<{ files: Record<string, readonly string[]>; events: readonly Event[] }> {
    const { stack } = await readStack(join(root, 'stack.yml'), { environment: {} });
    const request: BuildRequest = {
      stack,
      functions: stack.functions,
      platforms: [],
      output: () => ({ kind: 'check' }),
      settings: exampleSettings(),
    };
    const events: Event[] = [];
    const ports = {
      findTemplate,
      report: (event: Event) => void events.push(event),
      signal: new AbortController().signal,
    };
    const made = await withPlans(request, ports, async (plan) => ({
      name: plan.name,
      files: await filesOf(plan.context),
      link: await readFile(join(plan.context, 'function/link.txt'), 'utf8').catch(() => ''),
    }));
    return {
      files: Object.fromEntries(made.map((each) => [each.name, 'files' in each ? each.files : [JSON.stringify(each)]])),
      events,
    };
  }

  it('are those of faas-cli, without secrets, packages and samples', async () => {
    const { files } = await contexts();
    for (const name of ['fn', 'own'] as const)
      assert.deepEqual(files[name], ofFaasCli[name].filter((path) => !leftOut[name].includes(path)).sort(), name);
  });

  it('say what of the user’s was left out', async () => {
    const { events } = await contexts();
    const notes = events.flatMap((event) => (event.type === 'note' ? [`${event.about}: ${event.text}`] : []));
    assert.deepEqual(notes.sort(), [
      'fn: left out of the build: .env, .env.local, .secrets, build, notes.md, src/a.log, template',
      'own: left out of the build: README.md, build',
    ]);
  });

  it('need no template for lang: dockerfile, and say so where its Dockerfile is missing', async () => {
    await rm(join(root, 'template/dockerfile'), { recursive: true });
    const { files } = await contexts();
    assert.ok(files['own']?.includes('Dockerfile'));
    const dockerfile = join(root, 'own/Dockerfile');
    await rm(dockerfile);
    assert.match((await contexts()).files['own']?.[0] ?? '', /"BAN-E003".*own\/Dockerfile is not there/);
    await writeFile(dockerfile, 'FROM scratch\n');
  });

  it('are recorded right: the faas-cli of BANTAM_FAAS_CLI makes the same', async function () {
    const program = process.env['BANTAM_FAAS_CLI'];
    if (program === undefined) skip(this, 'BANTAM_FAAS_CLI names no faas-cli');
    await mkdir(join(root, 'template/dockerfile'), { recursive: true });
    await writeFile(join(root, 'template/dockerfile/template.yml'), 'language: dockerfile\n');
    const { signal } = new AbortController();
    const made = await runProgram(program, ['build', '--shrinkwrap'], { cwd: root, signal, timeout: 30_000 });
    assert.equal(made.exitCode, 0, made.stdout + made.stderr);
    for (const name of ['fn', 'own'] as const)
      assert.deepEqual(await filesOf(join(root, 'build', name)), [...ofFaasCli[name]].sort());
  });
});

async function filesOf(folder: string): Promise<readonly string[]> {
  return (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}
