// biome-ignore-all lint/suspicious/noTemplateCurlyInString: stack files write ${NAME}, and here they stand in strings.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { substitute } from '../../cli/stack/substitute.ts';

const environment = { A: 'one', EMPTY: '', LONG: 'a much longer value', constructor: 'own' };

describe('substitution', () => {
  for (const [text, expected] of [
    ['x: ${A}', 'x: one'],
    ['x: ${A}${A}', 'x: oneone'],
    ['x: $A $ {A} $', 'x: $A $ {A} $'],
    ['x: $${A}', 'x: ${A}'],
    ['x: $$${A}', 'x: $${A}'],
    ['x: ${EMPTY}', 'x: '],
    ['x: ${EMPTY:-d}', 'x: d'],
    ['x: ${NONE:-d}', 'x: d'],
    ['x: ${NONE:-}', 'x: '],
    ['x: ${NONE:=d}${NONE=e}${NONE-f}', 'x: def'],
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
    ['x: ${A^^}', 3, /no substitution that bantam knows/],
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
          if (!text.includes('${')) assert.equal(result.text, text);
          for (let offset = 0; offset <= result.text.length; offset += 1)
            assert.ok(result.originalOffset(offset) <= text.length);
          for (const { offset } of result.problems) assert.equal(text.slice(offset, offset + 2), '${');
        },
      ),
      { numRuns: 500 },
    );
  });
});
