import assert from 'node:assert/strict';
import fc from 'fast-check';
import { UserError } from '../../cli/errors.ts';
import { isSameSource, looksLikeSource, parseSource } from '../../cli/template/source.ts';
import { wellKnownSource } from '../../cli/template/well-known.ts';

const place = { from: '/work/shop/functions', project: '/work/shop' };
const github = 'https://github.com/openfaas/templates';

describe('a source of templates', () => {
  for (const [text, repository, address, ref] of [
    [github, github, github, undefined],
    [`${github}.git#1.0.0`, `${github}.git`, `${github}.git`, '1.0.0'],
    [`${github}#feature/x`, github, github, 'feature/x'],
    [`${github}#sha-69ca16a`, github, github, 'sha-69ca16a'],
    ['http://gitea.lan:3000/a/b', 'http://gitea.lan:3000/a/b', 'http://gitea.lan:3000/a/b', undefined],
    ['git@github.com:a/b.git#v1', 'git@github.com:a/b.git', 'git@github.com:a/b.git', 'v1'],
    ['ssh://git@pi.lan:2222/a/b', 'ssh://git@pi.lan:2222/a/b', 'ssh://git@pi.lan:2222/a/b', undefined],
    ['git+ssh://git@pi.lan/a', 'git+ssh://git@pi.lan/a', 'git+ssh://git@pi.lan/a', undefined],
    ['git://pi.lan/a', 'git://pi.lan/a', 'git://pi.lan/a', undefined],
    ['/srv/packs', '/srv/packs', '/srv/packs', undefined],
    ['../packs#main', './packs', '/work/shop/packs', 'main'],
    ['../../packs', '../packs', '/work/packs', undefined],
    ['packs', './functions/packs', '/work/shop/functions/packs', undefined],
    ['./my päck', './functions/my päck', '/work/shop/functions/my päck', undefined],
    ['..', '.', '/work/shop', undefined],
  ] as const) {
    it(`is ${text}`, () =>
      assert.deepEqual(parseSource(text, place), { repository, address, ref, authorization: undefined }));
  }

  for (const [text, login] of [
    ['https://me:s3cret@host.lan/a/b#v1', 'me:s3cret'],
    ['https://t0ken@host.lan/a/b#v1', 't0ken:'],
    ['https://me:p%40ss%3A@host.lan/a/b#v1', 'me:p@ss:'],
    ['https://me@work:p@ss@host.lan/a/b#v1', 'me@work:p@ss'],
  ] as const) {
    it(`never shows nor hands on the credentials of ${text.replace(login, '…')}`, () => {
      const { authorization, ...shown } = parseSource(text, place);
      assert.deepEqual(shown, { repository: 'https://host.lan/a/b', address: 'https://host.lan/a/b', ref: 'v1' });
      assert.equal(authorization, `Basic ${Buffer.from(login).toString('base64')}`);
    });
  }

  for (const text of [
    ...['', ' ', '#v1', ' https://a.b/c', 'https://a.b/c\n', 'a\u0000b'],
    ...[
      'ext::sh -c id',
      'fd::17',
      'EXT::x',
      'file:///srv/packs',
      'FILE:///x',
      'ftp://a.b/c',
      'javascript://x',
      'data:x',
    ],
    ...['-u', '--upload-pack=touch /tmp/x', '--upload-pack=x/y:z'],
    ...[
      'https://',
      'https:///x',
      'https://-x/y',
      'ssh://-oProxyCommand=x/y',
      'ssh://-x@host/y',
      'git@-oProxyCommand=x:y',
      'https://me:s3cret100%@host/x',
      'ssh://%git@host/x',
    ],
    ...['git@host:-x', 'ssh://git:s3cret@host/x', 'host:path', 'C:packs'],
    ...[
      '/srv/x#',
      '/srv/x#-b',
      '/srv/x#--upload-pack=y',
      '/srv/x#a..b',
      '/srv/x#a b',
      '/srv/x#a/',
      '/srv/x#a.lock',
      '/srv/x#a~1',
    ],
    ...['/srv/x#refs/heads/*', '/srv/x#a:b', '/srv/x#a@{1}', '/srv/x#ä', '/srv/x#a#b'],
  ]) {
    it(`is not ${JSON.stringify(text)}`, () =>
      assert.throws(
        () => parseSource(text, place),
        (error) =>
          error instanceof UserError &&
          error.code === 'BAN-E113' &&
          error.hint !== undefined &&
          !`${error.message}${error.hint}`.includes('s3cret'),
      ));
  }

  it('is refused or can be handed to git, whatever it is', () =>
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.webUrl({ withFragments: true })), (text) => {
        try {
          const { address, ref = 'x', repository } = parseSource(text, place);
          assert.doesNotMatch(address, /^-|^[\w.+-]*::|^file:|[\n\0]/);
          assert.match(ref, /^[A-Za-z0-9_]/);
          assert.ok(repository.length > 0);
        } catch (error) {
          assert.ok(error instanceof UserError, String(error));
        }
      }),
    ));

  it('is told apart from a name', () => {
    for (const word of [github, './x', '..', '/x', 'git@a:b', 'a#b', '.', '~/x'])
      assert.ok(looksLikeSource(word), word);
    for (const word of ['node22', 'node22@1.0', 'golang-middleware']) assert.ok(!looksLikeSource(word), word);
  });

  it('is the same with .git or a slash at its end, and another with another reference', () => {
    const same = (left: string, right: string, ref?: string) =>
      isSameSource({ source: left }, { repository: right, ref });
    assert.ok(same(github, `${github}.git`) && same(`${github}/`, github));
    assert.ok(!same(github, github, 'v1') && !same(github, `${github}-sdk`));
  });

  it('is known for OpenFaaS’s own templates', () => {
    assert.equal(wellKnownSource('node22'), github);
    assert.equal(wellKnownSource('golang-middleware@1.2'), 'https://github.com/openfaas/golang-http-template#1.2');
    assert.equal(wellKnownSource('python3-http'), 'https://github.com/openfaas/python-flask-template');
    for (const name of ['bantam-ts', 'nodejs', 'my-node22', '']) assert.equal(wellKnownSource(name), undefined, name);
  });
});
