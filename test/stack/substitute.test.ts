// biome-ignore-all lint/suspicious/noTemplateCurlyInString: stack files write ${NAME}, and here they stand in strings.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { substitute } from '../../cli/stack/substitute.ts';
import { evaluate, trees, write } from './naive-substitution.ts';

const environment = { A: 'one', EMPTY: '', LONG: 'a much longer value', constructor: 'own' };

describe('substitution', () => {
  for (const [text, expected] of [
    ['x: ${A}', 'x: one'],
    ['x: ${A}${A}', 'x: oneone'],
    ['x: $A $ {A} $', 'x: $A $ {A} $'],
    ['x: $${A}', 'x: ${A}'],
    ['x: $$${A}', 'x: $one'],
    ['x: $$$${A}', 'x: $${A}'],
    ['x: a$$b \\\\ \\/ \\n', 'x: a$b \\ / \\n'],
    ['x: ${EMPTY}', 'x: '],
    ['x: ${EMPTY:-d}', 'x: d'],
    ['x: ${NONE:-d}', 'x: d'],
    ['x: ${NONE:-}', 'x: '],
    ['x: ${NONE:=d}${NONE=e}', 'x: de'],
    ['x: ${A^}${A^^}${#A}${A:1}${A:0:1}', 'x: OneONE3neo'],
    [
      'x: ${LONG##* }, ${LONG%% *}, ${LONG/much/bit}, ${LONG// /_}',
      'x: value, a, a bit longer value, a_much_longer_value',
    ],
    ['x: ${NONE:-a:b/c-${A}}', 'x: a:b/c-one'],
    ['x: ${NONE:-${ALSO_NONE:-z}y}', 'x: zy'],
    ['x: ${A:?must}', 'x: one'],
    ['${A}: 1', 'one: 1'],
    ['[${A}, "${A}"]', '[one, "one"]'],
    ['x: 1 # ${NONE} ${', 'x: 1 # ${NONE} ${'],
    ['x: ${A} # ${A}', 'x: one # ${A}'],
    ['x: "# ${A}"', 'x: "# one"'],
    ['x: |\n  # ${A}\n', 'x: |\n  # one\n'],
    ['x: ${NONE:-a #b}', 'x: a #b'],
  ] as const) {
    it(`makes ${JSON.stringify(expected)} of ${JSON.stringify(text)}`, () => {
      const result = substitute(text, environment);
      assert.equal(result.text, expected);
      assert.deepEqual(result.problems, []);
    });
  }

  for (const [text, offset, message] of [
    ['x: ${NONE}', 3, /NONE is not set/],
    ['x: ${A} ${NONE:?give a tag}', 8, /^NONE: give a tag$/],
    ['x: ${EMPTY:?}', 3, /EMPTY is not set/],
    ['x: ${A', 3, /closing brace/],
    ['x: ${A\ny: }', 3, /closing brace/],
    ['x: ${A^^[a-z]}', 3, /no substitution that bantam knows/],
    ['x: ${A-d}', 3, /no substitution that faas-cli knows/],
    ['x: ${NONE^^}', 3, /NONE is not set/],
    ['x: ${#NONE}', 3, /NONE is not set/],
    ['x: ${A/${NONE}/b}', 7, /NONE is not set/],
    ['x: ${A:+b}', 3, /:\+ is not supported/],
    ['x: ${A/o}', 3, /the second \/ of a replacement is missing/],
    ['x: ${A:0:-1}', 3, /negative/],
    ['x: ${A: -1}', 3, /" -1" is no number/],
    ['x: ${A%[a-z]}', 3, /matches nothing behind %/],
    ['x: ${A#[a}', 3, /matches nothing/],
    ['x: ${A/#o/}', 3, /leaves the text as it is/],
    ['x: ${}', 3, /no substitution that bantam knows/],
    ['x: ${toString}', 3, /toString is not set/],
  ] as const) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      const { problems } = substitute(text, Object.assign(Object.create(null), environment));
      assert.equal(problems.length, 1);
      assert.equal(problems[0]?.offset, offset);
      assert.match(problems[0]?.message ?? '', message);
    });
  }

  it('keeps the way back to the original places', () => {
    const { text, originalOffset } = substitute('a: ${LONG}\nb: ${A} c', environment);
    assert.equal(originalOffset(text.indexOf('longer')), 3);
    assert.equal(originalOffset(text.indexOf('b:')), 'a: ${LONG}\n'.length);
    assert.equal(originalOffset(text.indexOf(' c')), 'a: ${LONG}\nb: ${A}'.length);
  });

  it('leaves every text without ${ alone, and always points into the original', () => {
    const piece = fc.oneof(
      fc.constantFrom('${', '}', '$', 'A', ':-', ':?', '#', ' ', '\n', '"', "'", '${A}', '$${', '|\n '),
      fc.string({ maxLength: 3 }),
    );
    fc.assert(
      fc.property(
        fc.array(piece).map((pieces) => pieces.join('')),
        (text) => {
          const result = substitute(text, { A: 'value' });
          if (!/\$[${]|\\[\\/]/.test(text)) assert.equal(result.text, text);
          for (let offset = 0; offset <= result.text.length; offset += 1)
            assert.ok(result.originalOffset(offset) <= text.length);
          for (const { offset } of result.problems) assert.equal(text.slice(offset, offset + 2), '${');
        },
      ),
      { numRuns: 500 },
    );
  });

  it('gives what a plain evaluation of the same trees gives', () => {
    const letters = fc.stringMatching(/^[a-cA-C .:*?"'-]{0,8}$/);
    const variables = fc.record({ A: letters, B_2: letters, EMPTY: fc.constant(''), ÄÖ: letters });
    fc.assert(
      fc.property(fc.array(trees, { maxLength: 3 }), variables, (parts, values) => {
        const expected = parts.map((part) => evaluate(part, values));
        const { text, problems } = substitute(`x: |\n ${parts.map(write).join('')}\n`, values);
        if (expected.includes(undefined)) assert.ok(problems.length > 0);
        else assert.deepEqual([problems, text], [[], `x: |\n ${expected.join('')}\n`]);
      }),
      { numRuns: 3000 },
    );
  });

  it('takes no long time and no much room, whatever is written', () => {
    const long = 'ab'.repeat(60_000);
    for (const text of [
      '${'.repeat(60_000),
      '${A:-'.repeat(20_000),
      '${A}'.repeat(30_000),
      '${A//a/${A}}',
      `\${NONE:-${'${A}'.repeat(30_000)}}`,
      `\${A##${'*a*b'.repeat(49)}}`,
      `\${A%%${'*a?'.repeat(20_000)}}`,
      `\${${'A'.repeat(120_000)}`,
      '\\\\'.repeat(60_000),
      '$'.repeat(120_000),
      `"${'${A"}'.repeat(20_000)}`,
    ]) {
      const { text: result, problems } = substitute(text, { A: long });
      assert.ok(result.length < 2 ** 22, `${result.length}`);
      assert.ok(problems.length > 0 || result.length <= text.length + long.length, text.slice(0, 20));
    }
  });
});
