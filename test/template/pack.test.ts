import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Interrupted, UserError } from '../../cli/errors.ts';
import { readLock } from '../../cli/template/lock-file.ts';
import { installTemplate, planInstallation } from '../../cli/template/pack.ts';
import { digestFiles, hashTree, listTree } from '../../cli/template/tree.ts';
import { temporaryProject } from '../stack/project.ts';

const packFiles = {
  'pack/bantam-ts/template.yml': 'language: bantam-ts\n',
  'pack/bantam-ts/function/handler.ts': 'export default 1;\n',
  'pack/bantam-ts/function/bytes.bin': new Uint8Array([0, 255, 13, 10]),
  'pack/bantam-ts/node_modules/left/out.js': '',
  'pack/bantam-ts/run.sh': '#!/bin/sh\n',
  'pack/bantam-go/template.yml': 'language: bantam-go\n',
  'project/.keep': '',
};

async function setUp(files: Record<string, string> = {}) {
  const temporary = await temporaryProject({ ...packFiles, ...files });
  await chmod(join(temporary.folder, 'pack/bantam-ts/run.sh'), 0o755);
  const project = join(temporary.folder, 'project');
  return {
    ...temporary,
    project,
    template: join(project, 'template'),
    pack: { folder: join(temporary.folder, 'pack'), source: 'bantam', version: '0.1.0' },
  };
}

async function allFiles(folder: string): Promise<string[]> {
  return (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

describe('installing a template of the pack', () => {
  it('copies it as it is, and records where it comes from beside it', async () => {
    await using bed = await setUp();
    const installed = await installTemplate(bed.pack, 'ts', bed.project);
    assert.equal(installed.state, 'absent');
    assert.deepEqual(await allFiles(bed.template), [
      '.bantam.json',
      'bantam-ts/function/bytes.bin',
      'bantam-ts/function/handler.ts',
      'bantam-ts/run.sh',
      'bantam-ts/template.yml',
    ]);
    assert.deepEqual(await readFile(join(bed.template, 'bantam-ts/function/bytes.bin')), Buffer.from([0, 255, 13, 10]));
    assert.deepEqual(
      { ...(await readLock(bed.project)) },
      {
        'bantam-ts': {
          source: 'bantam',
          version: '0.1.0',
          hash: installed.hash,
          files: Object.fromEntries(await digestFiles(installed.files)),
        },
      },
    );
    assert.equal(await hashTree(await listTree(join(bed.template, 'bantam-ts'))), installed.hash);
    await installTemplate(bed.pack, 'bantam-go', bed.project);
    assert.deepEqual(Object.keys(await readLock(bed.project)), ['bantam-go', 'bantam-ts']);
  });

  it('gives the modes 0644 and 0755 under any umask', async () => {
    await using bed = await setUp();
    const mode = async (path: string): Promise<string> =>
      ((await stat(join(bed.template, path))).mode & 0o777).toString(8);
    const before = process.umask(0o077);
    try {
      await installTemplate(bed.pack, 'ts', bed.project);
    } finally {
      process.umask(before);
    }
    assert.deepEqual(
      await Promise.all(
        ['', '.bantam.json', 'bantam-ts', 'bantam-ts/function', 'bantam-ts/run.sh', 'bantam-ts/template.yml'].map(mode),
      ),
      ['755', '644', '755', '755', '755', '644'],
    );
  });

  it('never writes over what is there, and tells what it is', async () => {
    await using bed = await setUp();
    const state = async () => (await planInstallation(bed.pack, 'ts', bed.project)).state;
    assert.equal(await state(), 'absent');
    await installTemplate(bed.pack, 'ts', bed.project);
    assert.equal(await state(), 'same');
    await writeFile(join(bed.pack.folder, 'bantam-ts/template.yml'), 'language: newer\n');
    assert.equal(await state(), 'outdated');
    await writeFile(join(bed.template, 'bantam-ts/function/handler.ts'), 'mine');
    assert.equal(await state(), 'changed');
    await installTemplate(bed.pack, 'ts', bed.project);
    assert.equal(await readFile(join(bed.template, 'bantam-ts/function/handler.ts'), 'utf8'), 'mine');
    await rm(join(bed.template, '.bantam.json'));
    assert.equal(await state(), 'changed');
  });

  it('refuses what the pack does not have', async () => {
    await using bed = await setUp();
    for (const name of ['rust', '../pack/bantam-ts', ''])
      await assert.rejects(installTemplate(bed.pack, name, bed.project), { code: 'BAN-E111' });
    await assert.rejects(
      installTemplate(bed.pack, 'bantam-tz', bed.project),
      (error) => error instanceof UserError && /did you mean bantam-ts/.test(error.hint ?? ''),
    );
  });

  it('leaves nothing when interrupted or when the record is damaged', async () => {
    await using bed = await setUp();
    await assert.rejects(installTemplate(bed.pack, 'ts', bed.project, AbortSignal.abort()), Interrupted);
    assert.deepEqual(await readdir(bed.project), ['.keep']);
    await using damaged = await setUp({ 'project/template/.bantam.json': '{' });
    await assert.rejects(installTemplate(damaged.pack, 'ts', damaged.project), { code: 'BAN-E112' });
    assert.deepEqual(await readdir(damaged.template), ['.bantam.json']);
    assert.equal(await readFile(join(damaged.template, '.bantam.json'), 'utf8'), '{');
  });

  it('finds our own templates through the link of this repository', async () => {
    await using bed = await setUp();
    await symlink('../pack', bed.template);
    assert.equal((await installTemplate(bed.pack, 'ts', bed.project)).state, 'same');
    assert.deepEqual((await readdir(bed.pack.folder)).sort(), ['bantam-go', 'bantam-ts']);
  });
});

describe('links in templates', () => {
  it('are copied as what they lead to', async () => {
    await using bed = await setUp();
    await symlink('../template.yml', join(bed.pack.folder, 'bantam-ts/function/linked.yml'));
    await symlink('function', join(bed.pack.folder, 'bantam-ts/again'));
    await installTemplate(bed.pack, 'ts', bed.project);
    const copy = join(bed.template, 'bantam-ts');
    assert.equal(await readFile(join(copy, 'function/linked.yml'), 'utf8'), 'language: bantam-ts\n');
    assert.ok((await allFiles(copy)).includes('again/handler.ts'));
    assert.equal((await listTree(copy)).length, (await listTree(join(bed.pack.folder, 'bantam-ts'))).length);
  });

  for (const [what, target, reason] of [
    ['out of the template', '../../bantam-go/template.yml', /leads out of the template/],
    ['to an absolute path', '/etc/hostname', /leads out of the template/],
    ['nowhere', 'missing', /leads nowhere/],
    ['to a folder above', '..', /leads in a circle/],
    ['to itself', 'link', /leads in a circle/],
  ] as const) {
    it(`are refused when they lead ${what}`, async () => {
      await using bed = await setUp();
      await symlink(target, join(bed.pack.folder, 'bantam-ts/function/link'));
      await assert.rejects(
        installTemplate(bed.pack, 'ts', bed.project),
        (error) =>
          error instanceof UserError &&
          error.code === 'BAN-E112' &&
          reason.test(error.message) &&
          error.message.includes('function/link'),
      );
      assert.deepEqual(await readdir(bed.project), ['.keep']);
    });
  }

  it('and so is what is neither file nor folder', async () => {
    await using bed = await setUp();
    execFileSync('mkfifo', [join(bed.pack.folder, 'bantam-ts/pipe')]);
    await assert.rejects(
      installTemplate(bed.pack, 'ts', bed.project),
      (error) => error instanceof UserError && /pipe is neither a file nor a folder/.test(error.message),
    );
  });
});
