// biome-ignore-all lint/suspicious/noTemplateCurlyInString: stack files write ${NAME}, and here they stand in strings.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { UserError } from '../../cli/errors.ts';
import { decodeStack } from '../../cli/stack/decode.ts';
import { parseYaml, plainValue } from '../../cli/stack/document.ts';
import { addFunction } from '../../cli/stack/edit.ts';
import { maskExpansions } from '../../cli/stack/substitute.ts';

const added = { name: 'new-one', language: 'bantam-ts', handler: './new-one', image: 'pi:5000/new-one:${TAG:-1}' };

/** What was put in, if the edit did nothing but put one piece in; the place is the first that explains it. */
function insertedPiece(before: string, after: string): { readonly at: number; readonly piece: string } | undefined {
  const length = after.length - before.length;
  let at = 0;
  while (at < before.length && before[at] === after[at]) at += 1;
  // Where the piece begins as the text goes on, several places explain it; the last is the one found here.
  for (; at >= 0; at -= 1)
    if (before.slice(at) === after.slice(at + length)) return { at, piece: after.slice(at, at + length) };
  return undefined;
}

function meaningOf(text: string): { functions?: Record<string, unknown> | null } {
  const { root, problems } = parseYaml(maskExpansions(text));
  assert.deepEqual(problems, []);
  return root === undefined ? {} : (JSON.parse(JSON.stringify(plainValue(root))) as Record<string, never>);
}

/** The edited text means the same plus the function, and nothing but one piece came in. */
function checkEdit(text: string, edited: string): void {
  const wanted = meaningOf(text);
  wanted.functions = {
    ...wanted.functions,
    [added.name]: { lang: added.language, handler: added.handler, image: maskExpansions(added.image) },
  };
  assert.deepEqual(meaningOf(edited), wanted);
  const inserted = insertedPiece(text, edited);
  assert.ok(inserted !== undefined, `more than one piece changed:\n${JSON.stringify(text)}\n${JSON.stringify(edited)}`);
}

const comment = fc.constantFrom('# note', '#', '#\ttab\tinside', '# ${X} {[', '#    - list: {', '# "quote', '# ü 🥧');
const gap = fc.constantFrom('', '', '\n', '   \n', '\n\n');
const ending = fc.oneof(
  fc.constant(''),
  comment.map((text) => ` ${text}`),
  comment.map((text) => `\t${text}`),
  fc.constant('   '),
);

/** The fields of one function, one per line, indented by `indent`. */
const fields = (indent: string): fc.Arbitrary<string> =>
  fc
    .tuple(
      ending,
      fc.array(
        fc.oneof(
          fc.constantFrom(
            `environment:\n${indent}  A: "1"\n${indent}  B: |\n${indent}    text\n${indent}    # no comment\n`,
            `labels: {a: b,\n${indent}  c: "d # e"}\n`,
            `annotations:\n${indent}  note: >-\n${indent}    folded\n\n${indent}    more\n`,
            `limits: &small\n${indent}  memory: 32Mi\n`,
            `build_args: { X: '\${X:-it''s}' }\n`,
            'secrets: [a, b]\n',
            `secrets:\n${indent}- a\n${indent}- b # why\n`,
            'x-bantam: {platforms: "linux/arm64"}\n',
            'fprocess: "node   index.js"\n',
          ),
          comment.map((text) => `${text}\n`),
        ),
        { maxLength: 3 },
      ),
    )
    .map(([end, more]) => {
      const seen = new Set<string>();
      const kept = more.filter((line) => {
        const key = line.split(':')[0] ?? '';
        return line.startsWith('#') || (!seen.has(key) && seen.add(key));
      });
      return [`lang: node22${end}\n`, 'handler: ./f\n', 'image: "pi:5000/f"\n', ...kept]
        .map((line) => indent + line)
        .join('');
    });

const styles = fc.record({
  outer: fc.constantFrom('  ', '    ', ' ', '   '),
  inner: fc.constantFrom('  ', '    ', ' '),
});

const blockFunctions = styles.chain(({ outer, inner }) =>
  fc
    .array(
      fc.tuple(
        fields(outer + inner),
        ending,
        gap,
        fc.array(
          fc
            .tuple(fc.constantFrom('', outer, outer + inner, '\t'), comment)
            .map(([indent, text]) => `${indent}${text}\n`),
          { maxLength: 2 },
        ),
      ),
      { minLength: 1, maxLength: 4 },
    )
    .map((functions) => {
      const lines = functions.map(
        ([body, end, space, comments], index) =>
          `${outer}${['a', '"b-b"', "'c'", 'd1'][index]}:${end}\n${body}${comments.join('')}${space}`,
      );
      return `functions:\n${lines.join('')}`;
    }),
);

const flowFunctions = fc.constantFrom(
  'functions: {a: {lang: x, handler: ./a, image: a}}\n',
  'functions: {a: {lang: x, handler: ./a, image: a}} # why\n',
  'functions: { "a": {lang: x, handler: ./a, image: a}, # first\n  b: {lang: x, handler: ./b, image: b}, }\n',
  'functions:\n  { a: { lang: x, handler: ./a, image: a } }\n',
);

const section = fc.constantFrom(
  'version: 1.0\n',
  'provider:\n  name: openfaas\n  gateway: ${GATEWAY:-http://pi:31112} # here\n',
  'configuration:\n    copy: [./shared]\n',
  'x-bantam:\n  targets:\n    pi: {gateway: "http://pi:31112"}\n    cloud:\n      registry: ghcr.io/me\n',
  'x-base: &base\n  labels:\n    a: b\n',
  'x-text: |\n  block # no comment\n\n  end\n',
  'x-list:\n- a\n- b\n',
);
const keyOf = (text: string): string => text.split(':')[0] ?? '';

const document = fc
  .record({
    functions: fc.oneof({ weight: 5, arbitrary: blockFunctions }, { weight: 1, arbitrary: flowFunctions }),
    before: fc.uniqueArray(section, { maxLength: 3, selector: keyOf }),
    after: fc.uniqueArray(section, { maxLength: 3, selector: keyOf }),
    between: fc.array(
      fc.oneof(
        gap,
        comment.map((text) => `${text}\n`),
      ),
      { minLength: 8, maxLength: 8 },
    ),
    start: fc.constantFrom(
      '',
      '',
      '---\n',
      '# yaml-language-server: $schema=template/stack.schema.json\n',
      '%YAML 1.2\n---\n',
    ),
    end: fc.constantFrom('', '', '...\n', '# end', '   ', '\n\n\n'),
    eol: fc.constantFrom('\n', '\n', '\r\n', 'mixed'),
    mark: fc.boolean(),
    cut: fc.boolean(),
  })
  .map(({ functions, before, after, between, start, end, eol, mark, cut }) => {
    const used = new Set(before.map(keyOf));
    const sections = [...before, functions, ...after.filter((text) => !used.has(keyOf(text)))];
    const whole = start + sections.map((text, index) => (between[index] ?? '') + text).join('') + end;
    let line = 0;
    const ended =
      eol === '\n' ? whole : whole.replaceAll('\n', () => (eol === '\r\n' || line++ % 2 === 0 ? '\r\n' : '\n'));
    return (mark ? '\ufeff' : '') + (cut ? ended.replace(/[\r\n]+$/, '') : ended);
  });

describe('every byte that an edit does not own stays', () => {
  it('in stacks of every style', () => {
    let edits = 0;
    fc.assert(
      fc.property(document, (text) => {
        fc.pre(parseYaml(maskExpansions(text)).problems.length === 0);
        const edited = addFunction(text, added);
        checkEdit(text, edited);
        const problems = (source: string): unknown =>
          decodeStack(source, '/p/stack.yml', {}).problems.map(({ path, message }) => [path, message]);
        assert.deepEqual(problems(edited), problems(text), 'no new problem');
        const { piece = '' } = insertedPiece(text, edited) ?? {};
        const first = /\r?\n/.exec(text)?.[0] ?? '\n';
        for (const end of piece.match(/\r?\n/g) ?? []) assert.equal(end, first, 'the line end of the file');
        edits += 1;
      }),
      { numRuns: 400 },
    );
    assert.ok(edits > 250);
  }).timeout(120_000);

  it('also when functions are added one after the other, eighty of them', () => {
    const start =
      '\ufeff# mine\r\nprovider:\r\n    name: openfaas\r\nfunctions:\r\n    a:\r\n        image: a # why\r\n        skip_build: true\r\n# end';
    let text = start;
    for (let index = 0; index < 80; index += 1) text = addFunction(text, { ...added, name: `f-${index}` });
    const { stack, problems } = decodeStack(text, '/p/stack.yml', {});
    assert.deepEqual(
      problems.filter(({ message }) => !message.includes('is the image of')),
      [],
    );
    assert.equal(stack?.functions.length, 81);
    assert.doesNotMatch(text, /[^\r]\n/);
    assert.ok(text.startsWith(start.slice(0, start.indexOf('# end'))) && text.endsWith('\r\n# end'));
  }).timeout(60_000);

  for (const [what, text] of [
    ['an anchor on functions', 'functions: &all\n  a: {skip_build: true, image: a}\nx-copy: *all\n'],
    [
      'a merge key in functions',
      'x-base: &base {b: {skip_build: true, image: b}}\nfunctions:\n  <<: *base\n  a: {skip_build: true, image: a}\n',
    ],
    ['an alias as functions', 'x-f: &f\n  a: {skip_build: true, image: a}\nfunctions: *f\n'],
    ['a tag', 'functions: !!map\n  a: {skip_build: true, image: a}\n'],
    ['a substitution as functions', 'functions: ${FUNCTIONS}\n'],
    ['a key that is quoted over and over', '"functions":\n  "a": {"skip_build": "true", "image": "a"}\n'],
    ['a question mark as key', '? functions\n: a: {skip_build: true, image: a}\n'],
    [
      'functions that end in a list without indentation',
      'functions:\n  a:\n    image: a\n    secrets:\n    - x\n    - y',
    ],
    ['a block text at the very end', 'functions:\n  a:\n    image: a\n    fprocess: |+\n      x\n\n\n'],
    [
      'a last value that goes on in the next line',
      'functions:\n  a:\n    image: a\n    fprocess: node\n      index.js\n',
    ],
    ['an empty last function', 'functions:\n  a:\n'],
    ['a comment only', 'functions:\n  # a:\n  #   lang: x\nprovider: {name: openfaas}\n'],
    ['carriage returns only', 'functions:\r  a: {image: a}\r'],
  ] as const) {
    it(`or the text stays as it is, with the lines to add: ${what}`, () => {
      let edited: string;
      try {
        edited = addFunction(text, added);
      } catch (error) {
        assert.ok(error instanceof UserError && error.code === 'BAN-E102', String(error));
        return;
      }
      const wanted = meaningOf(text);
      wanted.functions = {
        ...wanted.functions,
        [added.name]: { lang: added.language, handler: added.handler, image: maskExpansions(added.image) },
      };
      const { functions, ...rest } = meaningOf(edited);
      const { functions: all, ...others } = wanted;
      assert.deepEqual([functions, rest], [all, others]);
    });
  }
});
