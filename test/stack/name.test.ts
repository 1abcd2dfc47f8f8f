import assert from 'node:assert/strict';
import fc from 'fast-check';
import { UserError } from '../../cli/errors.ts';
import { checkFunctionName, describeNameProblem, suggestFunctionName } from '../../cli/stack/name.ts';

describe('function names', () => {
  for (const name of ['hello', 'a', '0', 'hello-world', 'a'.repeat(63)]) {
    it(`accepts ${name}`, () => assert.doesNotThrow(() => checkFunctionName(name)));
  }

  for (const name of [
    '',
    'Hello',
    'hello_world',
    '-a',
    'a-',
    'a.b',
    'a/b',
    '../a',
    'a'.repeat(64),
    'größe',
    'a b',
    'a\n',
  ]) {
    it(`refuses ${JSON.stringify(name)}`, () =>
      assert.throws(
        () => checkFunctionName(name),
        (error) => error instanceof UserError && error.code === 'BAN-E103',
      ));
  }

  it('suggests the nearest valid name', () => {
    assert.equal(suggestFunctionName('Hello_World'), 'hello-world');
    assert.equal(suggestFunctionName('helloWorld'), 'hello-world');
    assert.equal(suggestFunctionName('naïve é!'), 'naive-e');
    assert.equal(suggestFunctionName('日本'), undefined);
    assert.throws(() => checkFunctionName('Hello_World'), { hint: 'try hello-world' });
  });

  it('only ever suggests valid names', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 100 }), (name) => {
        const suggestion = suggestFunctionName(name);
        assert.ok(suggestion === undefined || describeNameProblem(suggestion) === undefined, suggestion);
        if (describeNameProblem(name) === undefined) assert.equal(suggestion, name);
      }),
    );
  });
});
