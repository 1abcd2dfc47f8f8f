import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fieldsOf, type GitProject, makeGitProject, stackText } from '../build/git-project.ts';
import type { Run } from '../e2e/program.ts';
import { startGatewayInMemory } from './gateway-in-memory.ts';
import { runInProcess } from './in-process.ts';

interface Document {
  readonly ok: boolean;
  readonly plans?: readonly { readonly name: string; readonly command: readonly string[] }[];
  readonly functions?: readonly { readonly name: string; readonly failure?: { readonly message: string } }[];
  readonly changed?: { readonly commit: string; readonly functions: readonly string[] };
  readonly error?: { readonly code: string; readonly message: string; readonly hint?: string };
}

describe('the options of fn build and fn deploy', function () {
  this.timeout(60_000);
  let project: GitProject;
  beforeEach(async () => {
    project = await makeGitProject();
  });
  afterEach(async () => await project[Symbol.asyncDispose]());

  const run = async (
    argv: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ): Promise<Run & { readonly document: Document }> => {
    const ran = await runInProcess([...argv, '--json'], { folder: project.folder, home: project.root, environment });
    return { ...ran, document: JSON.parse(ran.stdout) as Document };
  };
  const planned = ({ document }: { document: Document }): readonly string[] =>
    (document.plans ?? []).map(({ name }) => name);
  /** The words of one function's command line that follow an option. */
  const values = ({ document }: { document: Document }, option: string, name = 'one'): readonly string[] => {
    const command = document.plans?.find((plan) => plan.name === name)?.command ?? [];
    return command.filter((_, index) => command[index - 1] === option);
  };

  it('--changed takes a commit behind = only, and leaves names to be names', async () => {
    await project.commit();
    await project.write({ 'one/handler.js': 'changed', 'two/handler.js': 'changed' });
    assert.deepEqual(planned(await run(['fn', 'build', '--print', '--changed=HEAD'])), ['one', 'two']);
    const named = await run(['fn', 'build', '--print', '--changed', 'two']);
    assert.deepEqual(planned(named), ['two']);
    assert.deepEqual(named.document.changed?.functions, ['two']);
    assert.equal((await run(['build', '--changed=nowhere'])).document.error?.code, 'BAN-E218');
  });

  it('--changed says that nothing changed and asks neither docker nor a gateway', async () => {
    await project.commit();
    for (const command of ['build', 'deploy']) {
      const argv = ['fn', command, '--changed=HEAD', '--gateway', 'http://127.0.0.1:1'];
      const { exitCode, document } = await run(argv, { PATH: process.env['PATH'] ?? '' });
      assert.equal(exitCode, 0, JSON.stringify(document));
      assert.deepEqual(document.changed?.functions, []);
      assert.deepEqual(document.functions, []);
      const told = await runInProcess(argv, { folder: project.folder, home: project.root });
      assert.match(told.stdout, /^nothing of stack\.yml changed since [0-9a-f]{12}, HEAD$/m);
    }
  });

  it('--tag names the image of the build and of the deployment alike', async () => {
    await project.commit();
    const commit = (await project.git('rev-parse', 'HEAD')).slice(0, 12);
    const built = await run(['fn', 'build', 'one', '--tag', 'git', '--load', '--print']);
    assert.deepEqual(values(built, '--tag'), [`registry.lan/one:1.0-${commit}`]);
    await using gateway = await startGatewayInMemory();
    await project.write({ 'stack.yml': stackText({ one: fieldsOf('one').replace('registry.lan', '127.0.0.1:1') }) });
    const deployed = await run(['fn', 'deploy', '--no-build', '--tag', '7.1', '--gateway', gateway.loggedIn]);
    assert.match(JSON.stringify(deployed.document.functions), /127\.0\.0\.1:1/);
    const dirty = await run(['fn', 'build', '--tag', 'git', '--load', '--print']);
    assert.match(values(dirty, '--tag')[0] ?? '', new RegExp(`one:1\\.0-${commit}-dirty$`));
    assert.equal((await run(['fn', 'build', '--tag', 'a b', '--print'])).document.error?.code, 'BAN-E217');
  });

  it('arguments, secrets and caches reach docker as single words, commas and all', async () => {
    await project.write({ npmrc: 'canary', 'my, secret': 'canary' });
    const more = ', build_args: { A: of the stack, B: b }, build_secrets: { npmrc: npmrc }';
    await project.write({ 'stack.yml': stackText({ one: fieldsOf('one', more), two: fieldsOf('two') }) });
    const argv = ['fn', 'build', '--print', '-b', 'A=x,y', '--build-arg', 'PATH=…', '-b', 'TOKEN', '-b', 'UNSET'];
    const made = await run(
      [
        ...argv,
        '--build-secret',
        'id=s,"src=my, secret"',
        '--cache-from',
        'type=registry,ref=r/{name}:c',
        '--no-cache',
      ],
      { TOKEN: 'canary-token' },
    );
    assert.equal(made.exitCode, 0, made.stdout);
    assert.deepEqual(values(made, '--build-arg'), ['A', 'B', 'PATH=…', 'TOKEN', 'ADDITIONAL_PACKAGE']);
    assert.deepEqual(values(made, '--secret'), [
      `id=npmrc,src=${join(project.folder, 'npmrc')}`.replace(/src=.* .*$/, (text) => `"${text}"`),
      `id=s,"src=${join(project.folder, 'my, secret')}"`,
    ]);
    assert.deepEqual(values(made, '--cache-from', 'two'), ['type=registry,ref=r/two:c']);
    assert.ok(made.document.plans?.every(({ command }) => command.includes('--no-cache')));
    assert.doesNotMatch(made.stdout + made.stderr, /canary/);
  });

  it('a secret or a copied path that is not there fails its function, in a sentence', async () => {
    await project.write({
      'stack.yml': stackText({ one: fieldsOf('one', ', build_secrets: { a: nowhere }'), two: fieldsOf('two') }),
    });
    const { document, exitCode } = await run(['fn', 'build', '--print']);
    assert.equal(exitCode, 1);
    assert.match(JSON.stringify(document), /BAN-E215.*nowhere is not there.*stack\.yml:5, build_secrets of one/);
    assert.deepEqual(planned(await run(['fn', 'build', 'two', '--print'])), ['two'], 'the other is planned');
    const outside = await run(['fn', 'build', 'two', '--print', '--copy-extra', '../../x']);
    assert.match(JSON.stringify(outside.document), /BAN-E216/);
    assert.equal(outside.exitCode, 2);
  });

  it('the cache of GitHub Actions is used where it can be reached, and else a warning says why it is not', async () => {
    const here = await run(['fn', 'build', '--print', '--build-cache', 'gha']);
    const told = await runInProcess(['fn', 'build', '--print', '--build-cache', 'gha'], {
      folder: project.folder,
      home: project.root,
    });
    assert.match(told.stderr, /only in GitHub Actions/);
    assert.deepEqual(values(here, '--cache-to'), []);
    const there = await run(['fn', 'build', '--print', '--build-cache', 'gha', '--platform', 'linux/arm64'], {
      GITHUB_ACTIONS: 'true',
      ACTIONS_RUNTIME_TOKEN: 'canary',
      ACTIONS_RESULTS_URL: 'https://results.example',
    });
    assert.deepEqual(values(there, '--cache-to', 'two'), [
      'type=gha,scope=bantam-two-linux-arm64,mode=max,ignore-error=true',
    ]);
    assert.doesNotMatch(there.stdout + there.stderr, /canary/);
    const both = await run(['fn', 'build', '--cache-to', 'type=gha']);
    assert.equal(both.document.error?.code, 'BAN-E214');
  });

  it('that exclude each other, or are none, say so', async () => {
    for (const [argv, words] of [
      [['--builder', 'x', '--own-builder'], /exclude each other/],
      [['--build-cache', 's3'], /no cache/],
      [['-b', '=x'], /no build argument/],
      [['--build-label', 'x'], /no label/],
      [['--build-secret', 'npmrc=canary'], /cannot be read/],
    ] as const) {
      const { document, exitCode } = await run(['fn', 'build', '--print', ...argv]);
      assert.equal(exitCode, 2);
      assert.equal(document.error?.code, 'BAN-E001');
      assert.match(document.error?.message ?? '', words);
      assert.doesNotMatch(JSON.stringify(document), /canary/);
    }
  });

  it('a folder for caches that cannot be made is an error with a code', async () => {
    await writeFile(join(project.folder, 'a-file'), '');
    const failed = await run(['fn', 'build', 'one', '--build-cache', 'local=a-file']);
    assert.match(JSON.stringify(failed.document.functions), /BAN-E214.*a-file/);
    await rm(join(project.folder, 'a-file'));
  });

  it('plans many functions, and none', async () => {
    const names = Array.from({ length: 150 }, (_, number) => `f${number}`);
    const functions = names.map((name) => [name, fieldsOf('one').replace('one:1.0', name)] as const);
    await project.write({ 'stack.yml': stackText(Object.fromEntries(functions)) });
    await project.commit();
    await project.write({ 'one/handler.js': 'changed' });
    const all = await run(['fn', 'build', '--print', '--changed=HEAD', '--build-cache', 'local']);
    assert.equal(planned(all).length, 150);
    await project.write({ 'stack.yml': stackText({}) });
    const none = await run(['fn', 'build', '--print', '--tag', 'git']);
    assert.deepEqual([none.exitCode, none.document.plans], [0, []]);
  });
});
