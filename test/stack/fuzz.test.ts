// biome-ignore-all lint/suspicious/noTemplateCurlyInString: stack files write ${NAME}, and here they stand in strings.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { decodeStack } from '../../cli/stack/decode.ts';

const pieces = [
  'version: 1.0\n',
  'provider:\n',
  '  name: openfaas\n',
  'functions:\n',
  '  hello:\n',
  '    lang: x\n',
  '    handler: ./x\n',
  '    image: x:1\n',
  '    limits: {memory: 1Mi}\n',
  '    environment:\n',
  '      A: 1\n',
  '&a ',
  '*a',
  '<<: ',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  ' ',
  '\n',
  '\r\n',
  '\t',
  '#',
  '---\n',
  '...\n',
  '- ',
  '|',
  '>',
  '"',
  "'",
  '${A}',
  '${',
  '$${',
  '${B:-',
  '${A^^}',
  '${#A}',
  '${A/',
  '${A:0:',
  '${A%%',
  '$$',
  '\\\\',
  '/',
  '!!str ',
  '!x ',
  '? ',
  '%YAML 1.1\n',
  '\ufeff',
  '\u0000',
  '\u2028',
  'é',
  '😀',
  '~',
  '__proto__: ',
  'constructor: ',
];

/** Arbitrary text either is a stack or gives problems whose places are inside it. */
function check(text: string): void {
  const { stack, problems, warnings } = decodeStack(text, '/project/stack.yml', { A: 'a: b\n' });
  assert.ok(stack !== undefined || problems.length > 0);
  const lines = text.split('\n');
  for (const { line, column, message } of [...problems, ...warnings]) {
    assert.ok(line >= 1 && line <= lines.length, `line ${line}: ${message}`);
    assert.ok(
      column >= 1 && column <= (lines[line - 1]?.length ?? 0) + 1,
      `column ${column} of line ${line}: ${message}`,
    );
    assert.ok(message.length > 0);
  }
}

describe('any text as a stack file', () => {
  const numRuns = Number(process.env['FUZZ_RUNS'] ?? 1500);
  it('made of pieces of YAML', () =>
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...pieces), { maxLength: 40 }).map((parts) => parts.join('')),
        check,
      ),
      { numRuns },
    )).timeout(600_000);
  it('made of any characters', () =>
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), check), { numRuns })).timeout(600_000);
  it('made of a good file with one change', () => {
    const good =
      'version: 1.0\nprovider:\n  name: openfaas\nfunctions:\n  a:\n    lang: b\n    handler: ./c\n    image: ${A:-d}\n    limits: {memory: 1Mi}\n    secrets: [s]\n';
    fc.assert(
      fc.property(fc.nat(good.length), fc.nat(5), fc.constantFrom(...pieces), (at, removed, piece) =>
        check(good.slice(0, at) + piece + good.slice(at + removed)),
      ),
      { numRuns },
    );
  }).timeout(600_000);
});
