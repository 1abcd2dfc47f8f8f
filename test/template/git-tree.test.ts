import assert from 'node:assert/strict';
import fc from 'fast-check';
import { UserError } from '../../cli/errors.ts';
import {
  collectFiles,
  follow,
  type GitTree,
  linksOf,
  listTemplates,
  readListing,
} from '../../cli/template/git-tree.ts';

/** A commit: text is a file of that many bytes, `-> x` a link, `@` a submodule. */
function commit(files: Readonly<Record<string, string>>): GitTree {
  const targets = new Map<string, string>();
  let count = 0;
  const listing = Object.entries(files).map(([path, content]) => {
    count += 1;
    const object = count.toString(16).padStart(40, '0');
    if (content === '@') return `160000 commit ${object}       -\t${path}\0`;
    if (!content.startsWith('-> ')) return `100644 blob ${object} ${String(content.length).padStart(7)}\t${path}\0`;
    targets.set(object, content.slice(3));
    return `120000 blob ${object} ${String(content.length - 3).padStart(7)}\t${path}\0`;
  });
  return { root: readListing(Buffer.from(listing.join(''))), targets };
}

const paths = (tree: GitTree, name = 'a'): readonly string[] =>
  collectFiles(tree, ['template', name], name).files.map(({ path }) => path);

describe('the templates of a commit', () => {
  it('are the folders in template, which may be links, like template itself', () => {
    const names = (files: Readonly<Record<string, string>>) => {
      const found = listTemplates(commit(files));
      return typeof found === 'string' ? found : [...found.keys()];
    };
    assert.deepEqual(names({ 'template/b/x': '', 'template/a/x': '', 'template/README.md': '', 'template/.x/y': '' }), [
      'a',
      'b',
    ]);
    assert.deepEqual(
      names({ template: '-> packs/all', 'packs/all/a/x': '', 'packs/all/b': '-> ../b', 'packs/b/x': '' }),
      ['a', 'b'],
    );
    assert.deepEqual(
      names({ 'template/a': '-> ../packs/a', 'packs/a/x': '', 'template/b': '-> /etc', 'template/c': '-> c' }),
      ['a'],
    );
    assert.equal(names({ 'templates/a/x': '' }), 'nowhere');
    assert.equal(names({ template: 'text' }), 'no folder');
    assert.equal(names({ template: '@' }), 'submodule');
    assert.equal(names({ template: '-> ..' }), 'out');
    assert.equal(names({ template: '-> template' }), 'circle');
  });

  it('have what links lead to, within the repository', () => {
    const tree = commit({
      'template/a/template.yml': '1',
      'template/a/index.js': '-> ../../shared/index.js',
      'template/a/lib': '-> ../../shared/lib',
      'template/a/node_modules/x/y.js': '',
      'template/a/.git/config': '',
      'shared/index.js': '22',
      'shared/lib/deep/x': '333',
      'shared/lib/up': '-> ../index.js',
      'shared/lib/again': '-> ./deep//x',
    });
    const { files } = collectFiles(tree, ['template', 'a'], 'a');
    assert.deepEqual(
      files.map(({ path, size }) => [path, size]),
      [
        ['index.js', 2],
        ['lib/again', 3],
        ['lib/deep/x', 3],
        ['lib/up', 2],
        ['template.yml', 1],
      ],
    );
    assert.equal(linksOf(tree.root).length, 4);
  });

  it('go up from where a link led to, as in a file system', () => {
    const tree = commit({
      'template/a/x': '-> dir/../secret',
      'template/a/dir': '-> ../../far/away',
      'far/away/y': '',
      'far/secret': '4444',
    });
    assert.deepEqual(follow(tree, ['template', 'a', 'x']), follow(tree, ['far', 'secret']));
  });

  it('lack submodules, which are named', () => {
    const { files, submodules } = collectFiles(
      commit({ 'template/a/x': '', 'template/a/vendor/lib': '@' }),
      ['template', 'a'],
      'a',
    );
    assert.deepEqual([files.length, submodules], [1, ['vendor/lib']]);
  });

  for (const [what, files, reason] of [
    ['an absolute link', { 'template/a/x': '-> /etc/passwd' }, /x is a link that leads out of the repository/],
    ['a link above the root', { 'template/a/x': '-> ../../../etc/passwd' }, /x is a link that leads out/],
    [
      'a link above the root by a link',
      { 'template/a/x': '-> d/../../..', 'template/a/d': '-> ../..' },
      /leads out|leads in a circle/,
    ],
    ['a link to nothing', { 'template/a/x': '-> y' }, /x is a link that leads nowhere/],
    ['a link through a file', { 'template/a/x': '-> y/z', 'template/a/y': '' }, /x is a link that leads nowhere/],
    ['an empty link', { 'template/a/x': '-> ' }, /x is a link that leads nowhere/],
    ['a link to itself', { 'template/a/x': '-> x' }, /x is a link that leads in a circle/],
    ['a link to a folder above', { 'template/a/d/x': '-> ..' }, /d\/x is a link that leads in a circle/],
    ['a link into a submodule', { 'template/a/x': '-> ../../lib/y', lib: '@' }, /x is a link into a submodule/],
    ['README beside readme', { 'template/a/README': '', 'template/a/readme': '' }, /readme and README are one file/],
    ['folders that differ in case', { 'template/a/Lib/x': '', 'template/a/lib/y': '' }, /lib and Lib are one file/],
    ['names that differ in their Unicode form', { 'template/a/\u00e9': '', 'template/a/e\u0301': '' }, /are one file/],
    ['..', { 'template/a/../x': '' }, /\.\. is no name of a file/],
    ['.', { 'template/a/./x': '' }, /is no name of a file/],
    ['an empty name', { 'template/a//x': '' }, /is no name of a file/],
    ['.GIT', { 'template/a/.GIT/config': '' }, /\.GIT would be a repository's own folder/],
    ['.g\u200cit', { 'template/a/.g\u200cit/config': '' }, /would be a repository's own folder/],
    ['git~1', { 'template/a/GIT~1/config': '' }, /would be a repository's own folder/],
    ['".git. "', { 'template/a/.git. /config': '' }, /would be a repository's own folder/],
    ['a backslash', { 'template/a/..\\x': '' }, /characters that not every system takes/],
    ['a line end', { 'template/a/x\ny': '' }, /x\\ny has a name with characters/],
    ['bytes that are no UTF-8', { 'template/a/\ufffd': '' }, /characters that not every system takes/],
    ['a very long name', { [`template/a/${'x'.repeat(256)}`]: '' }, /too long/],
    ['a very deep folder', { [`template/a/${'d/'.repeat(50)}x`]: '' }, /lies too deep/],
  ] as const) {
    it(`are refused for ${what}`, () =>
      assert.throws(
        () => collectFiles(commit(files), ['template', 'a'], 'a of here'),
        (error) =>
          error instanceof UserError &&
          error.code === 'BAN-E112' &&
          /^the template a of here cannot be used: /.test(error.message) &&
          reason.test(error.message),
      ));
  }

  it('are refused when links multiply them, quickly', () => {
    for (const leaf of ['x', '@']) {
      const files: Record<string, string> = { 'd40/leaf': leaf };
      for (let level = 0; level < 40; level += 1)
        for (const name of ['a', 'b']) files[`d${level}/${name}`] = `-> ../d${level + 1}`;
      files['template/a'] = '-> ../d0';
      const tree = commit(files);
      assert.throws(() => collectFiles(tree, ['template', 'a'], 'a'), { code: 'BAN-E112' });
    }
  });

  it('are refused when they are too large', () => {
    const many = Object.fromEntries(Array.from({ length: 5001 }, (_, index) => [`template/a/f${index}`, '']));
    assert.throws(() => paths(commit(many)), /is file number 5001/);
    const large = readListing(Buffer.from(`100644 blob ${'1'.repeat(40)} 67108865\ttemplate/a/x\0`));
    assert.throws(() => paths({ root: large, targets: new Map() }), /larger than 64 MiB/);
  });

  it('never have a path that leaves them, whatever the commit holds', () => {
    const name = fc.constantFrom('a', 'b', 'A', '..', '.', 'template', '.git', 'x\\y', 'ü');
    const path = fc.array(name, { minLength: 1, maxLength: 5 }).map((names) => names.join('/'));
    const content = fc.oneof(
      fc.constant('text'),
      fc.constant('@'),
      path.map((target) => `-> ${target}`),
    );
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.oneof(
            path,
            path.map((text) => `template/${text}`),
          ),
          content,
        ),
        (files) => {
          const tree = commit(files);
          const templates = listTemplates(tree);
          if (typeof templates === 'string') return;
          for (const [template, where] of templates) {
            try {
              for (const { path: found, object } of collectFiles(tree, where, template).files) {
                assert.ok(
                  found.split('/').every((part) => !['', '.', '..', '.git'].includes(part)),
                  found,
                );
                assert.match(object, /^[0-9a-f]{40}$/);
              }
            } catch (error) {
              assert.ok(error instanceof UserError, String(error));
            }
          }
        },
      ),
    );
  });

  it('are none in what is no listing', () =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        assert.equal(readListing(bytes).kind, 'folder');
      }),
    ));
});
