// biome-ignore-all lint/suspicious/noTemplateCurlyInString: stack files write ${NAME}, and here they stand in strings.
import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Interrupted, UserError } from '../../cli/errors.ts';
import { readStack } from '../../cli/stack/read.ts';
import { prepareScaffold, scaffold } from '../../cli/template/scaffold.ts';
import { temporaryProject } from '../stack/project.ts';
import { snapshot } from './snapshot.ts';

const packFiles = {
  'pack/bantam-ts/template.yml': 'language: bantam-ts\nwelcome_message: |\n  Welcome.\n',
  'pack/bantam-ts/function/handler.ts': 'export default 1;\n',
  'pack/bantam-ts/function/deep/tool.sh': '#!/bin/sh\n',
  'pack/bantam-ts/build.json': '{}',
};

async function setUp(files: Record<string, string> = {}) {
  const temporary = await temporaryProject({ ...packFiles, 'project/.keep': '', ...files });
  await chmod(join(temporary.folder, 'pack/bantam-ts/function/deep/tool.sh'), 0o775);
  const project = join(temporary.folder, 'project');
  return {
    ...temporary,
    project,
    stackFile: join(project, 'stack.yml'),
    pack: { folder: join(temporary.folder, 'pack'), source: 'bantam', version: '0.1.0' },
  };
}

describe('scaffolding a function', () => {
  it('begins a project', async () => {
    await using bed = await setUp();
    const plan = await prepareScaffold(
      { name: 'hello', language: 'ts', stackFile: bed.stackFile, prefix: 'registry.lan:5000/team/' },
      bed.pack,
    );
    assert.deepEqual(await readdir(bed.project), ['.keep']);
    const result = await scaffold(plan);
    assert.deepEqual(result, {
      written: [join('template', 'bantam-ts'), 'hello', '.gitignore', 'stack.yml'],
      image: 'registry.lan:5000/team/hello:latest',
      welcomeMessage: 'Welcome.',
      notes: [],
    });
    assert.deepEqual((await readdir(bed.project)).sort(), ['.gitignore', '.keep', 'hello', 'stack.yml', 'template']);
    assert.equal(await readFile(join(bed.project, 'hello/handler.ts'), 'utf8'), 'export default 1;\n');
    const { stack, warnings } = await readStack(bed.stackFile, { environment: {} });
    assert.deepEqual(warnings, []);
    assert.deepEqual(
      stack.functions.map(({ name, language, handler }) => [name, language, handler]),
      [['hello', 'bantam-ts', join(bed.project, 'hello')]],
    );
    assert.equal(stack.gateway, 'http://127.0.0.1:8080');
  });

  it('adds to a project, keeping every byte and the mode of its files', async () => {
    const text =
      '# mine\r\nprovider: {name: openfaas}\r\nfunctions:\r\n    a: {skip_build: true, image: "${UNSET}"}\r\n\r\nconfiguration: {}\r\n';
    await using bed = await setUp({ 'project/stack.yml': text, 'project/.gitignore': 'mine' });
    await chmod(bed.stackFile, 0o600);
    await scaffold(await prepareScaffold({ name: 'b', language: 'bantam-ts', stackFile: bed.stackFile }, bed.pack));
    assert.equal(
      await readFile(bed.stackFile, 'utf8'),
      text.replace(
        '"}\r\n',
        '"}\r\n    b:\r\n        lang: bantam-ts\r\n        handler: ./b\r\n        image: b:latest\r\n',
      ),
    );
    assert.equal((await stat(bed.stackFile)).mode & 0o777, 0o600);
    assert.equal(
      await readFile(join(bed.project, '.gitignore'), 'utf8'),
      'mine\nnode_modules/\n.bantam/\n.secrets\n/build/\n',
    );
    const again = await scaffold(
      await prepareScaffold({ name: 'c', language: 'ts', stackFile: bed.stackFile }, bed.pack),
    );
    assert.deepEqual(again.written, ['c', 'stack.yml']);
  });

  it('gives the modes 0644 and 0755 under any umask', async () => {
    await using bed = await setUp();
    const before = process.umask(0o077);
    try {
      await scaffold(await prepareScaffold({ name: 'hello', language: 'ts', stackFile: bed.stackFile }, bed.pack));
    } finally {
      process.umask(before);
    }
    const mode = async (path: string): Promise<string> =>
      ((await stat(join(bed.project, path))).mode & 0o777).toString(8);
    assert.deepEqual(
      await Promise.all(
        ['stack.yml', '.gitignore', 'hello', 'hello/deep', 'hello/handler.ts', 'hello/deep/tool.sh'].map(mode),
      ),
      ['644', '644', '755', '755', '644', '755'],
    );
  });

  it("uses the project's own template, ours changed or somebody else's", async () => {
    await using bed = await setUp({
      'project/template/bantam-ts/template.yml': 'language: bantam-ts\nhandler_folder: src\n',
      'project/template/bantam-ts/src/mine.ts': 'mine',
      'project/template/node22/template.yml': 'language: node22\n',
      'project/template/node22/function/handler.js': 'js',
    });
    const own = await scaffold(
      await prepareScaffold({ name: 'own', language: 'ts', stackFile: bed.stackFile }, bed.pack),
    );
    assert.equal(await readFile(join(bed.project, 'own/mine.ts'), 'utf8'), 'mine');
    assert.match(own.notes[0] ?? '', /template\/bantam-ts differs/);
    await scaffold(await prepareScaffold({ name: 'foreign', language: 'node22', stackFile: bed.stackFile }, bed.pack));
    assert.equal(await readFile(join(bed.project, 'foreign/handler.js'), 'utf8'), 'js');
  });

  it('warns of lines in .gitignore that hide the template', async () => {
    await using bed = await setUp({ 'project/.gitignore': 'template\nbuild\n.secrets\n' });
    const { notes } = await scaffold(
      await prepareScaffold({ name: 'hello', language: 'ts', stackFile: bed.stackFile }, bed.pack),
    );
    assert.deepEqual(
      notes.map((note) => note.slice(0, 14)),
      ['.gitignore:1 "', '.gitignore:2 "'],
    );
  });

  for (const [what, request, files, code] of [
    ['a wrong name', { name: 'Hello' }, {}, 'BAN-E103'],
    ['a name that climbs out', { name: '../x' }, {}, 'BAN-E103'],
    ['the name of a reserved folder', { name: 'template' }, {}, 'BAN-E103'],
    ['an unknown template', { language: 'rust' }, {}, 'BAN-E111'],
    ['a folder that exists', {}, { 'project/hello/x': '' }, 'BAN-E104'],
    ['a file of that name', {}, { 'project/hello': '' }, 'BAN-E104'],
    ['a function that is declared', {}, { 'project/stack.yml': 'functions: {hello: {}}\n' }, 'BAN-E104'],
    ['a broken stack file', {}, { 'project/stack.yml': 'a: 1\na: 2\n' }, 'BAN-E102'],
    ['a prefix that is none', { prefix: 'Registry/UPPER' }, {}, 'BAN-E305'],
    [
      'a template without handler',
      { language: 'bare' },
      { 'project/template/bare/template.yml': 'language: bare\n' },
      'BAN-E112',
    ],
  ] as const) {
    it(`refuses ${what} and leaves everything as it was`, async () => {
      await using bed = await setUp(files);
      const before = await snapshot(bed.project);
      await assert.rejects(
        prepareScaffold({ name: 'hello', language: 'ts', stackFile: bed.stackFile, ...request }, bed.pack),
        { code },
      );
      assert.deepEqual(await snapshot(bed.project), before);
    });
  }

  it('refuses a name that a dead link has taken', async () => {
    await using bed = await setUp();
    await symlink('nowhere', join(bed.project, 'hello'));
    await assert.rejects(prepareScaffold({ name: 'hello', language: 'ts', stackFile: bed.stackFile }, bed.pack), {
      code: 'BAN-E104',
    });
  });

  it('leaves nothing when interrupted at any step', async () => {
    for (let step = 0; ; step += 1) {
      await using bed = await setUp();
      const before = await snapshot(bed.project);
      const plan = await prepareScaffold({ name: 'hello', language: 'ts', stackFile: bed.stackFile }, bed.pack);
      let asked = 0;
      const signal = new AbortController().signal;
      Object.defineProperty(signal, 'aborted', { get: () => asked++ >= step });
      const outcome = await scaffold(plan, signal).catch((error: unknown) => error);
      if (!(outcome instanceof Error)) {
        assert.ok(step > 5, `only ${step} places to stop at`);
        return;
      }
      assert.ok(outcome instanceof Interrupted, String(outcome));
      assert.deepEqual(await snapshot(bed.project), before, `after step ${step}`);
    }
  });

  it('undoes everything when the stack file cannot be written, or has changed meanwhile', async () => {
    await using bed = await setUp({ 'project/stack.yml': 'functions: {}\n', 'project/.gitignore': 'mine\n' });
    const plan = await prepareScaffold({ name: 'hello', language: 'ts', stackFile: bed.stackFile }, bed.pack);
    await writeFile(bed.stackFile, 'functions: {other: {}}\n');
    const before = await snapshot(bed.project);
    await assert.rejects(
      scaffold(plan),
      (error) =>
        error instanceof UserError && error.code === 'BAN-E003' && /changed by somebody else/.test(error.message),
    );
    assert.deepEqual(await snapshot(bed.project), before);
    const missing = await prepareScaffold(
      { name: 'hello', language: 'ts', stackFile: join(bed.project, 'other.yml') },
      bed.pack,
    );
    await mkdir(join(bed.project, 'other.yml'));
    await assert.rejects(scaffold(missing), { code: 'BAN-E003' });
    assert.deepEqual(await snapshot(bed.project), { ...before, 'other.yml': '(no file)' });
  });

  it('does not replace a folder that appeared meanwhile', async () => {
    await using bed = await setUp();
    const plan = await prepareScaffold({ name: 'hello', language: 'ts', stackFile: bed.stackFile }, bed.pack);
    await mkdir(join(bed.project, 'hello'));
    await assert.rejects(scaffold(plan), { code: 'BAN-E104' });
    assert.deepEqual(await snapshot(bed.project), { '.keep': '', hello: '(no file)' });
  });
});
