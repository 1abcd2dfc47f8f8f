import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Interrupted, UserError } from '../../cli/errors.ts';
import type { Event } from '../../cli/events.ts';
import { lookUpTemplate, openTemplateBringer } from '../../cli/template/bring.ts';
import { readLock } from '../../cli/template/lock-file.ts';
import { installTemplate } from '../../cli/template/pack.ts';
import { hashTree, listTree } from '../../cli/template/tree.ts';
import { temporaryProject } from '../stack/project.ts';
import { snapshot } from './snapshot.ts';

const packFiles = {
  'pack/bantam-ts/template.yml': 'language: bantam-ts\n',
  'pack/bantam-ts/function/handler.ts': 'export default 1;\n',
  'pack/bantam-ts/build.json': '{}',
  'pack/bantam-go/template.yml': 'language: bantam-go\n',
  'project/.keep': '',
};

async function setUp(files: Record<string, string> = {}) {
  const temporary = await temporaryProject({ ...packFiles, ...files });
  const pack = { folder: join(temporary.folder, 'pack'), source: 'bantam', version: '0.1.0' };
  const events: Event[] = [];
  return {
    ...temporary,
    project: join(temporary.folder, 'project'),
    pack,
    events,
    open: (signal = new AbortController().signal) =>
      openTemplateBringer({ pack, foreign: async () => undefined, report: (event) => events.push(event), signal }),
  };
}

const brought = (name: string): Event => ({ type: 'wrote', text: `template/${name} brought from bantam 0.1.0` });

describe('bringing a template of the pack', () => {
  it('copies and records it as fn new does, says so once, and gives the project’s own', async () => {
    await using bed = await setUp();
    await using other = await setUp();
    await installTemplate(other.pack, 'bantam-ts', other.project);
    const bring = bed.open();
    const template = await bring(bed.project, 'bantam-ts');
    assert.equal(template.folder, await realpath(join(bed.project, 'template/bantam-ts')));
    assert.equal(template.bantam, true);
    assert.deepEqual(await snapshot(bed.project), await snapshot(other.project));
    assert.deepEqual(await bring(bed.project, 'bantam-ts'), template);
    assert.deepEqual(bed.events, [brought('bantam-ts')]);
  });

  it('never touches one that is there, whatever it is', async () => {
    await using bed = await setUp({ 'project/template/bantam-ts/template.yml': 'language: mine\n' });
    const before = await snapshot(bed.project);
    assert.equal((await bed.open()(bed.project, 'bantam-ts')).bantam, false);
    assert.deepEqual(await snapshot(bed.project), before);
    await writeFile(join(bed.project, 'template/bantam-ts/template.yml'), '- not a map\n');
    await assert.rejects(bed.open()(bed.project, 'bantam-ts'), { code: 'BAN-E112' });
    await rm(join(bed.project, 'template/bantam-ts/template.yml'));
    await assert.rejects(bed.open()(bed.project, 'bantam-ts'), { code: 'BAN-E112' });
    assert.deepEqual(bed.events, []);
  });

  for (const name of ['node22', 'ts', 'go', '', '..', '../pack/bantam-ts', 'bantam-tss']) {
    it(`leaves ${JSON.stringify(name)} unknown and writes nothing`, async () => {
      await using bed = await setUp({ 'pack/.hidden': '' });
      await assert.rejects(bed.open()(bed.project, name), { code: 'BAN-E111' });
      await assert.rejects(lookUpTemplate(bed.pack, bed.project, name), { code: 'BAN-E111' });
      assert.deepEqual(await readdir(bed.project), ['.keep']);
      assert.deepEqual(bed.events, []);
    });
  }

  it('brings each once when many functions ask at the same time', async () => {
    await using bed = await setUp();
    const bring = bed.open();
    const names = ['bantam-ts', 'bantam-go', 'bantam-ts', 'bantam-ts', 'bantam-go'];
    const found = await Promise.all(names.map((name) => bring(bed.project, name)));
    assert.deepEqual(
      found.map(({ name }) => name),
      names,
    );
    assert.deepEqual(bed.events, [brought('bantam-ts'), brought('bantam-go')]);
    assert.deepEqual(Object.keys(await readLock(bed.project)), ['bantam-go', 'bantam-ts']);
  });

  it('gets along with another program that brings the same', async () => {
    for (let turn = 0; turn < 20; turn += 1) {
      await using bed = await setUp();
      const found = await Promise.all(Array.from({ length: 3 }, () => bed.open()(bed.project, 'bantam-ts')));
      assert.equal(new Set(found.map(({ folder }) => folder)).size, 1);
      assert.deepEqual(bed.events, [brought('bantam-ts')]);
      assert.deepEqual((await readdir(join(bed.project, 'template'))).sort(), ['.bantam.json', 'bantam-ts']);
      const hash = await hashTree(await listTree(join(bed.project, 'template/bantam-ts')));
      assert.equal((await readLock(bed.project))['bantam-ts']?.hash, hash);
    }
  });

  it('leaves nothing when interrupted at any step', async () => {
    for (const files of [{}, { 'project/template/node22/template.yml': '' }]) {
      for (let step = 0; ; step += 1) {
        await using bed = await setUp(files);
        const before = await snapshot(bed.project);
        let asked = 0;
        const { signal } = new AbortController();
        Object.defineProperty(signal, 'aborted', { get: () => asked++ >= step });
        const outcome = await bed
          .open(signal)(bed.project, 'bantam-ts')
          .catch((error: unknown) => error);
        if (!(outcome instanceof Error)) {
          assert.ok(step > 3, `only ${step} places to stop at`);
          break;
        }
        assert.ok(outcome instanceof Interrupted, String(outcome));
        assert.deepEqual(await snapshot(bed.project), before, `after step ${step}`);
        assert.deepEqual(bed.events, []);
      }
    }
  });

  for (const [what, prepare] of [
    ['template is a file', (project: string) => writeFile(join(project, 'template'), '')],
    [
      'template is a link that leads nowhere',
      (project: string) => symlink('away/from/here', join(project, 'template')),
    ],
    [
      'a file has the name',
      async (project: string) => {
        await mkdir(join(project, 'template'));
        await writeFile(join(project, 'template/bantam-ts'), 'mine');
      },
    ],
    [
      'the record cannot be written, after the files',
      (project: string) => mkdir(join(project, 'template/.bantam.json'), { recursive: true }),
    ],
  ] as const) {
    it(`fails and leaves everything as it was where ${what}`, async () => {
      await using bed = await setUp();
      await prepare(bed.project);
      const before = await snapshot(bed.project);
      await assert.rejects(
        bed.open()(bed.project, 'bantam-ts'),
        (error) =>
          error instanceof UserError &&
          error.code === 'BAN-E003' &&
          error.message.startsWith('template/bantam-ts could not be brought from bantam 0.1.0 into ') &&
          /nothing was left behind/.test(error.hint ?? ''),
      );
      assert.deepEqual(await snapshot(bed.project), before);
      assert.deepEqual(bed.events, []);
    });
  }

  it('tells of a .gitignore that would keep it out of git, and leaves that file alone', async () => {
    await using bed = await setUp({ 'project/.gitignore': 'template\nbuild\n' });
    await bed.open()(bed.project, 'bantam-go');
    assert.deepEqual(
      bed.events.map((event) => ('text' in event ? event.text.slice(0, 23) : '')),
      ['template/bantam-go brou', '.gitignore:1 "template"', '.gitignore:2 "build" ke'],
    );
    assert.equal(await readFile(join(bed.project, '.gitignore'), 'utf8'), 'template\nbuild\n');
  });
});

describe('looking a template up', () => {
  it('reads the pack’s own folder as long as the project has none, and writes nothing', async () => {
    await using bed = await setUp();
    const { folder } = await lookUpTemplate(bed.pack, bed.project, 'bantam-ts');
    assert.equal(folder, await realpath(join(bed.pack.folder, 'bantam-ts')));
    assert.deepEqual(await readdir(bed.project), ['.keep']);
    await bed.open()(bed.project, 'bantam-ts');
    const own = await lookUpTemplate(bed.pack, bed.project, 'bantam-ts');
    assert.equal(own.folder, await realpath(join(bed.project, 'template/bantam-ts')));
  });
});
