import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { parse } from 'yaml';
import { UserError } from '../../cli/errors.ts';
import { compareAnswer } from '../../cli/testing/examples/compare.ts';
import { differencesOfJson } from '../../cli/testing/examples/compare-json.ts';
import { describeTextDifference } from '../../cli/testing/examples/compare-text.ts';
import { type Examples, findExampleFiles, readExamples } from '../../cli/testing/examples/read-examples.ts';
import { hideSecrets } from '../../cli/testing/hidden-secrets.ts';
import { describeExamplesFile, renderExamplesSchema } from '../../scripts/docs/examples-schema.ts';
import { repository } from '../templates/build-context.ts';

const validate = new Ajv({ strict: false, allErrors: true }).compile(describeExamplesFile());

describe('files of examples', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bantam-examples-'));
    await mkdir(join(folder, 'tests'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const read = async (...texts: readonly (string | Uint8Array)[]): Promise<Examples> => {
    for (const [index, text] of texts.entries()) await writeFile(join(folder, `tests/${index}.http.yml`), text);
    return await readExamples(await findExampleFiles(folder), folder);
  };
  const problemsOf = async (...texts: readonly (string | Uint8Array)[]): Promise<readonly string[]> => {
    const error = await read(...texts).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (error === undefined) return [];
    assert.ok(error instanceof UserError);
    assert.deepEqual([error.code, error.exit], ['BAN-E643', 2]);
    assert.equal(error.places.length, error.details.length);
    return error.details;
  };

  it('keep the types of YAML, and bodies from text, JSON and files', async () => {
    await writeFile(join(folder, 'tests/photo.bin'), Uint8Array.of(0, 255));
    const { examples, files } = await read(
      [
        '- name: types',
        '  request: { method: put, headers: { X-N: 7, X-T: true }, json: { a: 1, b: "1", c: yes, d: null, e: [1.5, -2e3, 0x10], f: "true" } }',
        '  expect: { json: { n: 12, t: true, s: "12", z: ~ }, within: 1.5s }',
        '- { name: text, request: { body: "ünï" }, expect: { status: 201, body: "" } }',
        '- { name: file, request: { file: photo.bin }, expect: { matches: [a, /b/i] } }',
        '- { name: nothing, expect: { json: null } }',
        '',
      ].join('\n'),
    );
    const [types, text, file, nothing] = examples;
    assert.equal(types?.request.method, 'PUT');
    assert.deepEqual(types.request.headers, { 'X-N': '7', 'X-T': 'true', 'content-type': 'application/json' });
    assert.deepEqual(JSON.parse(Buffer.from(types.request.body ?? []).toString()), {
      a: 1,
      b: '1',
      c: 'yes',
      d: null,
      e: [1.5, -2000, 16],
      f: 'true',
    });
    assert.deepEqual(types.expect.body, { kind: 'json', value: { n: 12, t: true, s: '12', z: null } });
    assert.equal(types.expect.within, 1500);
    assert.deepEqual(types.placeOf(['expect', 'within']), { file: files[0], line: 3, column: 62 });
    assert.deepEqual([text?.request.method, String(text?.request.body)], ['POST', 'ünï']);
    assert.deepEqual(text?.expect.body, { kind: 'text', text: '' });
    assert.deepEqual([...(file?.request.body ?? [])], [0, 255]);
    assert.deepEqual(nothing?.expect.body, { kind: 'json', value: null });
    assert.deepEqual(files, [join(folder, 'tests/0.http.yml'), join(folder, 'tests/photo.bin')]);
  });

  it('are refused with everything wrong in all of them, each with its place', async () => {
    const found = await problemsOf(
      [
        '- name: a',
        '  requets: { path: / }',
        '  expect: { status: 2000, headers: { a: /(/ } }',
        '- name: b',
        '  request: { method: FETCH, path: a, body: x, json: 1 }',
        '  expect: { body: x, matches: "(" }',
        '- name: c',
        '  expect: {}',
        '- expect: { within: soon }',
        '- name: d',
        '  request: { file: nowhere.bin }',
        '  secrets: { token: gone.txt }',
        '  expect: { status: 200 }',
        '',
      ].join('\n'),
      '- name: [\n',
      '- just text\n',
      'name: x\n',
      Uint8Array.of(0x61, 0xff),
    );
    const about = (line: string): readonly string[] => found.filter((one) => one.startsWith(line));
    for (const [line, pattern] of [
      ['tests/0.http.yml:2:3', /unknown key \(did you mean request\?\)/],
      ['tests/0.http.yml:3:21', /must be 100 to 599/],
      ['tests/0.http.yml:3:41', /no regular expression/],
      ['tests/0.http.yml:5:22', /must be one of GET/],
      ['tests/0.http.yml:5:35', /must begin with \//],
      ['tests/0.http.yml:5:47', /give only one of body, json/],
      ['tests/0.http.yml:6:22', /give only one of body, matches/],
      ['tests/0.http.yml:6:31', /must be a regular expression/],
      ['tests/0.http.yml:8:3', /expects nothing/],
      ['tests/0.http.yml:9:3', /name: /],
      ['tests/0.http.yml:9:21', /must be a time/],
      ['tests/1.http.yml:1:9', /./],
      ['tests/2.http.yml:1:3', /must be a map/],
      ['tests/3.http.yml:1:1', /must be a list/],
      ['tests/4.http.yml:1:1', /no UTF-8/],
    ] as const)
      assert.ok(
        about(line).some((one) => pattern.test(one)),
        `${line} ${pattern}\n${found.join('\n')}`,
      );
  });

  it('name the files that are missing, and never what is in a secret', async () => {
    const found = await problemsOf(
      '- name: d\n  request: { file: nowhere.bin }\n  secrets: { token: gone.txt, "a/b": x }\n  expect: { status: 200 }\n',
    );
    assert.equal(found.length, 3);
    assert.match(found[0] ?? '', /^tests\/0\.http\.yml:2:20 .*nowhere\.bin cannot be read: ENOENT$/);
    assert.match(found[1] ?? '', /^tests\/0\.http\.yml:3:21 .*gone\.txt cannot be read: ENOENT$/);
    assert.match(found[2] ?? '', /is no name of a secret/);
  });

  it('send no body where there is none', async () => {
    const found = await problemsOf('- name: a\n  request: { method: GET, body: x }\n  expect: { status: 200 }\n');
    assert.deepEqual(found, ['tests/0.http.yml:2:22  0.request.method: a GET request has no body']);
  });

  it('may be empty', async () => assert.deepEqual((await read('', '# nothing yet\n')).examples, []));

  it('have the schema for editors that docs/examples.schema.json holds (npm run docs)', async () => {
    assert.equal(await readFile(join(repository, 'docs/examples.schema.json'), 'utf8'), renderExamplesSchema());
  });

  for (const [text, valid] of [
    ['- { name: a, expect: { status: 200 } }', true],
    ['- { name: a, x-note: free, expect: { json: [1], within: 2 } }', true],
    ['- { name: a, request: { body: "" }, expect: { headers: { a: 1 }, matches: [a] } }', true],
    ['- { name: a }', false],
    ['- { name: "", expect: { status: 200 } }', false],
    ['- { name: a, expect: {} }', false],
    ['- { name: a, expect: { status: 99 } }', false],
    ['- { name: a, expect: { status: 200.5 } }', false],
    ['- { name: a, expect: { within: 2h } }', false],
    ['- { name: a, expect: { within: 0 } }', false],
    ['- { name: a, expect: { body: a, json: 1 } }', false],
    ['- { name: a, request: { json: 1, file: a }, expect: { status: 200 } }', false],
    ['- { name: a, request: { path: a }, expect: { status: 200 } }', false],
    ['- { name: a, reqest: {}, expect: { status: 200 } }', false],
    ['{ name: a }', false],
  ] as const)
    it(`${text} is ${valid ? 'valid' : 'invalid'} to the reader and to editors alike`, async () => {
      assert.equal(validate(parse(text)), valid);
      assert.equal((await problemsOf(text)).length === 0, valid);
    });
});

describe('what an example expects', () => {
  const answer = {
    status: 200,
    headers: new Headers({ a: 'b' }),
    body: Buffer.from('{"n":1}'),
    cut: false,
    milliseconds: 10,
  };
  const expecting = { status: undefined, headers: {}, body: undefined, within: undefined };

  it('JSON is a subset of what came: objects may have more members, lists may not have more items', () => {
    const got = { a: 1, b: { c: [1, { d: 2, e: 3 }], f: null }, g: 'x' };
    assert.deepEqual(differencesOfJson({ b: { c: [1, { d: 2 }], f: null } }, got), []);
    assert.deepEqual(
      differencesOfJson({ b: { c: [1], f: 0 }, h: 1, 'a b': null }, got).map(({ path, kind }) => [path, kind]),
      [
        ['b.c', 'length'],
        ['b.f', 'value'],
        ['h', 'missing'],
        ['["a b"]', 'missing'],
      ],
    );
    assert.equal(differencesOfJson([], {}).length, 1);
  });

  it('any JSON is a subset of itself', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        assert.deepEqual(differencesOfJson(JSON.parse(text), JSON.parse(text)), []);
      }),
    );
  });

  it('texts that differ are told by the first other character, whatever their size', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), fc.string(), (start, left, right) => {
        fc.pre(left !== right);
        const lines = describeTextDifference(`${start}${left}`, `${start}${right}`);
        assert.ok(lines.length <= 5 && lines.every((line) => line.length < 400), lines.join('\n'));
      }),
    );
    const began = `${'a long line\n'.repeat(200_000)}`;
    assert.deepEqual(describeTextDifference(`${began}föö\n`, `${began}foo\n`).slice(0, 1), [
      'they differ from line 200001, column 2 (expected 2400004 characters, got 2400004)',
    ]);
  });

  it('a header is exact or a pattern, time is bounded, and a cut body is never the same', () => {
    const found = (expect: object, more: object = {}): readonly string[] =>
      compareAnswer({ expect: { ...expecting, ...expect } }, { ...answer, ...more }).map(({ message }) => message);
    assert.deepEqual(found({ headers: { A: 'b' } }), []);
    assert.deepEqual(found({ headers: { a: '/^B$/i' } }), []);
    assert.deepEqual(found({ headers: { a: 'c', z: '/x/' } }), [
      'header a: expected "c", got "b"',
      'header z: expected /x/, got none',
    ]);
    assert.deepEqual(found({ within: 5 }), ['expected an answer within 5 ms, it took 10 ms']);
    assert.deepEqual(found({ body: { kind: 'text', text: '{"n":1}' } }, { cut: true }), ['body: another text came']);
    assert.deepEqual(found({ body: { kind: 'json', value: {} } }, { body: Buffer.from([0xff]) }), [
      'json: expected text, got 1 bytes that are no UTF-8',
    ]);
    assert.deepEqual(found({ body: { kind: 'json', value: {} } }, { body: Buffer.from('<p>') }), [
      'json: the body is no JSON',
    ]);
  });

  it('secrets are hidden wherever they stand, also as JSON writes them, and the longer one first', () => {
    const hide = hideSecrets(['key', 'key-of-"more"\n', ' ']);
    assert.equal(
      hide('a key, {"k":"key-of-\\"more\\"\\n"} and key-of-"more".'),
      'a [secret], {"k":"[secret]"} and [secret].',
    );
  });
});
