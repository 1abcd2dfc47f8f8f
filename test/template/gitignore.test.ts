import assert from 'node:assert/strict';
import fc from 'fast-check';
import { extendGitignore, harmfulLines } from '../../cli/template/gitignore.ts';

describe('the .gitignore of a project', () => {
  for (const [text, expected] of [
    [undefined, 'node_modules/\n.bantam/\n.secrets\n/build/\n'],
    ['', 'node_modules/\n.bantam/\n.secrets\n/build/\n'],
    ['node_modules', 'node_modules\n.bantam/\n.secrets\n/build/\n'],
    ['# mine\r\n.secrets\r\n', '# mine\r\n.secrets\r\nnode_modules/\r\n.bantam/\r\n/build/\r\n'],
    ['template\nbuild\n.secrets\n', 'template\nbuild\n.secrets\nnode_modules/\n.bantam/\n'],
    ['/.bantam\n/.secrets/\nbuild/\nnode_modules\n', '/.bantam\n/.secrets/\nbuild/\nnode_modules\n'],
  ] as const) {
    it(`becomes ${JSON.stringify(expected)} from ${JSON.stringify(text)}`, () =>
      assert.equal(extendGitignore(text), expected));
  }

  it('keeps what is there and is complete after one time', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a', '# b', '', 'build', '.secrets', '!x', '.bantam/')),
        fc.constantFrom('\n', '\r\n'),
        fc.boolean(),
        (lines, eol, ended) => {
          const text = lines.join(eol) + (ended ? eol : '');
          const extended = extendGitignore(text);
          assert.ok(extended.startsWith(text));
          assert.equal(extendGitignore(extended), extended);
        },
      ),
    );
  });

  it('knows the lines that hide what builds need', () => {
    assert.deepEqual(
      harmfulLines('template\n/template/\nbuild\n/build/\n').map(({ line }) => line),
      [1, 2, 3],
    );
    assert.deepEqual(harmfulLines(undefined), []);
  });
});
