import assert from 'node:assert/strict';
import { realpath, rename, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../cli/errors.ts';
import { findTemplate, templateName, templateNames } from '../../cli/template/find.ts';
import { temporaryProject } from '../stack/project.ts';

const definition = `language: node
fprocess: node index.js
handler_folder: src/function/
welcome_message: |
  Welcome.
  Enjoy.

build_options:
  - name: dev
    packages: [make, g++]
  - name: none
future_field: kept for others
`;

async function refusal(promise: Promise<unknown>): Promise<UserError> {
  const error = await promise.then(
    () => assert.fail('it was accepted'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof UserError, String(error));
  return error;
}

describe('finding a template', () => {
  it('reads template.yml', async () => {
    await using project = await temporaryProject({ 'template/node22/template.yml': definition });
    assert.deepEqual(await findTemplate(project.folder, 'node22'), {
      name: 'node22',
      folder: join(project.folder, 'template/node22'),
      handlerFolder: 'src/function',
      process: 'node index.js',
      welcomeMessage: 'Welcome.\nEnjoy.',
      buildOptions: [
        { name: 'dev', packages: ['make', 'g++'] },
        { name: 'none', packages: [] },
      ],
      bantam: false,
    });
  });

  it('takes function as handler folder, and knows our own templates by build.json', async () => {
    await using project = await temporaryProject({
      'template/own@1.0/template.yml': 'language: own\n',
      'template/own@1.0/build.json': '{}',
    });
    const template = await findTemplate(project.folder, 'own@1.0');
    assert.equal(template.handlerFolder, 'function');
    assert.equal(template.bantam, true);
  });

  it('follows links, of the folder template and of a template', async () => {
    await using project = await temporaryProject({
      'templates/a/template.yml': 'language: a\n',
      'else where/b/template.yml': 'language: b\n',
    });
    await symlink('templates', join(project.folder, 'template'));
    await symlink('../else where/b', join(project.folder, 'templates/b'));
    assert.equal((await findTemplate(project.folder, 'a')).folder, await realpath(join(project.folder, 'templates/a')));
    assert.equal(
      (await findTemplate(project.folder, 'b')).folder,
      await realpath(join(project.folder, 'else where/b')),
    );
    assert.deepEqual(await templateNames(project.folder), ['a', 'b']);
    await rename(join(project.folder, 'else where'), join(project.folder, 'gone'));
    assert.deepEqual(await templateNames(project.folder), ['a']);
  });

  it('refuses an unknown template with the nearest names and how to get it', async () => {
    await using project = await temporaryProject({ 'template/node22/template.yml': definition });
    const near = await refusal(findTemplate(project.folder, 'node2'));
    assert.equal(near.code, 'BAN-E111');
    assert.match(near.message, /no template node2 in template\/, which has node22/);
    assert.match(near.hint ?? '', /did you mean node22\?/);
    assert.match((await refusal(findTemplate(project.folder, 'bantam-ts'))).hint ?? '', /install bantam again/);
    assert.match((await refusal(findTemplate(project.folder, 'bantam-tss'))).hint ?? '', /did you mean bantam-ts/);
  });

  for (const name of ['', '..', '../template/node22', 'a/b', '.hidden', 'a\\b']) {
    it(`refuses ${JSON.stringify(name)} as a name`, async () => {
      await using project = await temporaryProject({
        'template/node22/template.yml': definition,
        'template/.hidden/template.yml': definition,
        'template/a/b/template.yml': definition,
      });
      assert.equal((await refusal(findTemplate(project.folder, name))).code, 'BAN-E111');
    });
  }

  for (const [what, text, expected] of [
    ['broken YAML', 'language: a\n\tfprocess: b\n', /:2:1 {2}a tab is not allowed/],
    ['an empty file', '', /:1:1 {2}the file is empty/],
    [
      'a handler folder outside',
      'language: a\nhandler_folder: a/../../b\n',
      /:2:17 {2}handler_folder: must be a folder inside the template/,
    ],
    ['wrong build options', 'language: a\nbuild_options: dev\n', /:2:16 {2}build_options: must be a list/],
    ['a map as text', 'language: {a: b}\n', /:1:11 {2}language: must be text/],
  ] as const) {
    it(`gives ${what} as an error with its place`, async () => {
      await using project = await temporaryProject({ 'template/a/template.yml': text });
      const error = await refusal(findTemplate(project.folder, 'a'));
      assert.equal(error.code, 'BAN-E112');
      assert.match(error.details[0] ?? '', expected);
      assert.ok(error.details[0]?.startsWith(join('template', 'a', 'template.yml')));
    });
  }

  it('refuses a template without template.yml', async () => {
    await using project = await temporaryProject({ 'template/a/Dockerfile': '' });
    const error = await refusal(findTemplate(project.folder, 'a'));
    assert.equal(error.code, 'BAN-E112');
    assert.match(error.message, /has no template\.yml/);
  });

  it('knows the short names', () =>
    assert.deepEqual(['ts', 'go', 'node22', 'constructor'].map(templateName), [
      'bantam-ts',
      'bantam-go',
      'node22',
      'constructor',
    ]));
});
