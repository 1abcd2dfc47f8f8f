import assert from 'node:assert/strict';
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import fc from 'fast-check';
import { linkInside, TreeWriter } from '../../../cli/local/process/tree-writer.ts';
import { readLayerContents } from '../../../cli/oci/layer.ts';
import { type LayerItem, packLayer } from './image-in-memory.ts';

describe('writing layers into a folder', () => {
  let folder: string;
  let root: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bantam-tree-'));
    root = join(folder, 'deep/root');
    await mkdir(root, { recursive: true });
    await writeFile(join(folder, 'outside'), 'untouched');
  });
  afterEach(async () => {
    assert.equal(await readFile(join(folder, 'outside'), 'utf8'), 'untouched');
    assert.deepEqual(await readdir(folder), ['deep', 'outside']);
    assert.deepEqual(await readdir(join(folder, 'deep')), ['root']);
    await rm(folder, { recursive: true });
  });

  const write = async (layers: readonly (readonly LayerItem[])[], foldsCase = false): Promise<TreeWriter> => {
    const writer = new TreeWriter(root, foldsCase);
    for (const layer of layers) {
      writer.beginLayer();
      const bytes = [new Uint8Array(await packLayer(layer))];
      for await (const change of readLayerContents(ReadableStream.from(bytes), 'layer')) await writer.apply(change);
    }
    return writer;
  };
  const textOf = async (path: string): Promise<string> => await readFile(join(root, path), 'utf8');
  const folderAt = (name: string): LayerItem => ({ name, type: 'directory' });
  const symlinkTo = (name: string, linkname: string): LayerItem => ({ name, type: 'symlink', linkname });
  const hardLinkTo = (name: string, linkname: string): LayerItem => ({ name, type: 'link', linkname });

  it('keeps contents and who may run them, and nothing else of a mode', async () => {
    await write([
      [
        { name: 'bin/tool', mode: 0o6755, content: 'program' },
        { name: 'data', mode: 0o666, content: 'text' },
        { name: 'hidden', mode: 0o200, content: '' },
      ],
    ]);
    const modes = await Promise.all(
      ['bin/tool', 'data', 'hidden'].map(async (path) => (await lstat(join(root, path))).mode & 0o7777),
    );
    assert.deepEqual(modes, [0o555, 0o444, 0o400]);
    assert.equal(await textOf('bin/tool'), 'program');
  });

  it('takes out what later layers hide or replace', async () => {
    await write([
      [
        folderAt('a'),
        { name: 'a/gone', content: 'x' },
        { name: 'a/stays', content: '1' },
        { name: 'b/old/deep', content: 'x' },
        { name: 'c', content: 'file' },
      ],
      [
        { name: 'a/.wh.gone', content: '' },
        { name: 'a/stays', content: '2' },
        { name: 'b/new', content: 'new' },
        { name: 'b/.wh..wh..opq', content: '' },
        { name: 'c/now/a/folder', content: 'y' },
      ],
    ]);
    assert.deepEqual(await readdir(join(root, 'a')), ['stays']);
    assert.deepEqual(await readdir(join(root, 'b')), ['new']);
    assert.equal(await textOf('a/stays'), '2');
    assert.equal(await textOf('c/now/a/folder'), 'y');
  });

  const escapes: readonly [string, readonly (readonly LayerItem[])[], string][] = [
    ['names with ..', [[{ name: '../../outside', content: 'mine' }]], 'outside'],
    ['absolute names', [[{ name: '/etc/x', content: 'mine' }]], 'etc/x'],
    ['an absolute link to a folder', [[symlinkTo('a', '/'), { name: 'a/outside', content: 'mine' }]], 'outside'],
    ['a link that climbs', [[symlinkTo('a', '../..'), { name: 'a/outside', content: 'mine' }]], 'outside'],
    ['a link of an earlier layer', [[symlinkTo('a', '../../..')], [{ name: 'a/outside', content: 'mine' }]], 'outside'],
    [
      'a link through another link',
      [[symlinkTo('a', 'b/..'), symlinkTo('b', '..'), { name: 'a/outside', content: 'mine' }]],
      'outside',
    ],
    ['a link where a file goes', [[symlinkTo('file', '../../outside')], [{ name: 'file', content: 'mine' }]], 'file'],
    [
      'a link where a folder goes',
      [[symlinkTo('a', '../..')], [folderAt('a'), { name: 'a/outside', content: 'mine' }]],
      'a/outside',
    ],
  ];
  for (const [what, layers, place] of escapes)
    it(`lets nothing out by ${what}`, async () => {
      await write(layers);
      assert.equal(await textOf(place), 'mine');
    });

  it('lets nothing out by what it removes', async () => {
    await write([
      [symlinkTo('up', '../..'), { name: 'x', content: '' }],
      [
        { name: 'up/.wh.outside', content: '' },
        { name: 'up/.wh..wh..opq', content: '' },
      ],
    ]);
  });

  it('gives links the meaning that they have in the image', async () => {
    await write([
      [
        { name: 'usr/bin/tool', content: 'tool' },
        symlinkTo('bin', 'usr/bin'),
        symlinkTo('opt/tool', '/bin/tool'),
        symlinkTo('opt/high', '../../../../../usr/bin/tool'),
        hardLinkTo('other', 'bin/tool'),
      ],
      [{ name: 'bin/second', content: 'second' }],
    ]);
    for (const path of ['opt/tool', 'opt/high', 'other', 'bin/tool']) assert.equal(await textOf(path), 'tool', path);
    assert.equal(await textOf('usr/bin/second'), 'second');
    assert.equal(await readlink(join(root, 'bin')), 'usr/bin');
  });

  const refused: readonly [string, readonly LayerItem[], RegExp, boolean?][] = [
    ['a device', [{ name: 'dev/sda', type: 'block-device', devmajor: 8, devminor: 0 }], /dev\/sda is a device/],
    ['a pipe', [{ name: 'pipe', type: 'fifo' }], /pipe is a device, a socket or a pipe/],
    [
      'a second name of a file outside',
      [hardLinkTo('mine', '../../outside')],
      /mine is another name of outside, which is no file of the image/,
    ],
    ['a second name of a folder', [folderAt('a'), hardLinkTo('b', 'a')], /b is another name of a, which is no file/],
    [
      'links in a circle',
      [symlinkTo('a', 'b'), symlinkTo('b', 'a'), { name: 'a/x', content: '' }],
      /a leads through links in a circle/,
    ],
    [
      'two names that a disk takes for one',
      [
        { name: 'App/x', content: '' },
        { name: 'app/y', content: '' },
      ],
      /app and App differ in upper and lower case only/,
      true,
    ],
  ];
  for (const [what, layer, sentence, foldsCase] of refused)
    it(`refuses ${what}`, async () => {
      await assert.rejects(write([layer], foldsCase), (error) => {
        assert.ok(error instanceof Error && 'code' in error);
        assert.equal(error.code, 'BAN-E613');
        assert.match(error.message, sentence);
        return true;
      });
    });

  it('takes upper and lower case for what they are where the disk does, and after a removal', async () => {
    await write([
      [
        { name: 'App/x', content: '' },
        { name: 'app/y', content: '' },
      ],
    ]);
    assert.deepEqual((await readdir(root)).sort(), ['App', 'app']);
    await rm(root, { recursive: true });
    await mkdir(root);
    await write(
      [
        [{ name: 'App/x', content: '' }],
        [
          { name: '.wh.App', content: '' },
          { name: 'app/y', content: '' },
        ],
      ],
      true,
    );
    assert.deepEqual(await readdir(root), ['app']);
  });

  it('makes folders and files that are missing, also behind links', async () => {
    const writer = await write([
      [
        symlinkTo('etc/resolv.conf', '/nowhere/else'),
        { name: 'etc/hosts', content: 'own' },
        symlinkTo('home', 'users'),
      ],
    ]);
    await writer.makeFolder('/home/app/../app/x');
    await writer.makeFile('etc/resolv.conf');
    await writer.makeFile('etc/hosts');
    assert.deepEqual(await readdir(join(root, 'users/app')), ['x']);
    assert.deepEqual([await textOf('etc/resolv.conf'), await textOf('etc/hosts')], ['', 'own']);
  });

  it('makes links that climb through other links, or have another name elsewhere, stay in the root', async () => {
    await write([
      [
        symlinkTo('a/b/up', '../..'),
        symlinkTo('a/b/out', 'up/../../outside'),
        symlinkTo('a/b/far', '/outside'),
        hardLinkTo('moved', 'a/b/far'),
        { name: 'a/outside', content: 'of the folder' },
        { name: 'outside', content: 'of the image' },
      ],
    ]);
    const real = await realpath(root);
    for (const path of ['a/b/out', 'a/b/far', 'moved', 'a/b/up/outside']) {
      const led = await realpath(join(root, path)).catch(() => real);
      assert.ok(led.startsWith(real), `${path} leads to ${led}`);
    }
    assert.equal(await textOf('moved'), 'of the image');
  });

  it('makes every link stay in the root, whatever it says', async () => {
    const part = fc.constantFrom('..', '.', 'a', 'b', '');
    const paths = fc.tuple(
      fc.boolean(),
      fc.array(part, { maxLength: 8 }),
      fc.array(fc.constantFrom('a', 'b'), { maxLength: 4 }),
    );
    const real = await realpath(root);
    fc.assert(
      fc.property(paths, ([absolute, target, parents]) => {
        const at = parents.join('/');
        const made = linkInside(at, `${absolute ? '/' : ''}${target.join('/')}`);
        assert.ok(!made.startsWith('/'), made);
        // No link is on the way: where it leads can be reckoned.
        assert.ok(!relative(real, join(real, at, made)).startsWith('..'), `${at} ${made}`);
      }),
    );
  });
});
