// biome-ignore-all lint/suspicious/noTemplateCurlyInString: stack files write ${NAME}, and here they stand in strings.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { UserError } from '../../cli/errors.ts';
import { createStack } from '../../cli/stack/create.ts';
import { decodeStack } from '../../cli/stack/decode.ts';
import { parseYaml, plainValue } from '../../cli/stack/document.ts';
import { addFunction } from '../../cli/stack/edit.ts';
import { maskExpansions } from '../../cli/stack/substitute.ts';

const ping = {
  name: 'ping',
  language: 'bantam-go',
  handler: './ping',
  image: '${REGISTRY:-127.0.0.1:5000}/ping:latest',
};
const lines = (indent: string, unit: string) =>
  [
    `${indent}ping:`,
    `${indent}${unit}lang: bantam-go`,
    `${indent}${unit}handler: ./ping`,
    `${indent}${unit}image: ${ping.image}`,
  ].join('\n');

function meaningOf(text: string): unknown {
  const { root, problems } = parseYaml(maskExpansions(text));
  assert.deepEqual(problems, []);
  assert.ok(root !== undefined);
  return JSON.parse(JSON.stringify(plainValue(root)));
}

describe('adding a function to a stack file', () => {
  for (const [what, text, expected] of [
    ['at the end', 'functions:\n  a:\n    lang: b\n', `functions:\n  a:\n    lang: b\n${lines('  ', '  ')}\n`],
    [
      'without a final line end',
      'functions:\n  a:\n    lang: b',
      `functions:\n  a:\n    lang: b\n${lines('  ', '  ')}`,
    ],
    [
      'before a trailing section',
      'functions:\n  a:\n    lang: b\n\n# templates\nconfiguration:\n  copy: []\n',
      `functions:\n  a:\n    lang: b\n${lines('  ', '  ')}\n\n# templates\nconfiguration:\n  copy: []\n`,
    ],
    [
      'after comments that belong to the last function',
      'functions:\n  a:\n    lang: b # why\n    # limits:\n    #   memory: 1Mi\n# end\n',
      `functions:\n  a:\n    lang: b # why\n    # limits:\n    #   memory: 1Mi\n${lines('  ', '  ')}\n# end\n`,
    ],
    [
      "in the file's indentation",
      'functions:\n    a:\n      lang: b\n',
      `functions:\n    a:\n      lang: b\n${lines('    ', '  ')}\n`,
    ],
    [
      'with a blank line where the others have one',
      'functions:\n  a:\n    lang: b\n\n  # two\n  c:\n    lang: d\n',
      `functions:\n  a:\n    lang: b\n\n  # two\n  c:\n    lang: d\n\n${lines('  ', '  ')}\n`,
    ],
    [
      'to an empty flow map',
      'provider:\n    name: openfaas\nfunctions: {} # none\nx-a: 1\n',
      `provider:\n    name: openfaas\nfunctions: # none\n${lines('    ', '    ')}\nx-a: 1\n`,
    ],
    ['to nothing', 'functions:\nx-a: 1\n', `functions:\n${lines('  ', '  ')}\nx-a: 1\n`],
    ['to nothing at the end of the text', 'functions:', `functions:\n${lines('  ', '  ')}`],
    ['to null', 'functions: null\n', `functions:\n${lines('  ', '  ')}\n`],
    ['without a functions key', 'a: 1\n', `a: 1\nfunctions:\n${lines('  ', '  ')}\n`],
    ['before the end of the document', 'a: 1\n...\n', `a: 1\nfunctions:\n${lines('  ', '  ')}\n...\n`],
    [
      'to an indented file',
      '  functions:\n   a: {lang: "${B}"}\n',
      `  functions:\n   a: {lang: "\${B}"}\n${lines('   ', ' ')}\n`,
    ],
    [
      'after a block text that keeps its line ends',
      'functions:\n  a:\n    x: |+\n      q\n\n\nc: 1\n',
      `functions:\n  a:\n    x: |+\n      q\n\n\n${lines('  ', '  ')}\nc: 1\n`,
    ],
    [
      'to a flow map',
      'functions: {a: {lang: b}}\n',
      `functions: {a: {lang: b}, "ping": {"lang": "bantam-go", "handler": "./ping", "image": "${ping.image}"}}\n`,
    ],
    [
      'to JSON',
      '{"functions": {}}',
      `{"functions": {"ping": {"lang": "bantam-go", "handler": "./ping", "image": "${ping.image}"}}}`,
    ],
  ] as const) {
    it(`works ${what}`, () => {
      assert.equal(addFunction(text, ping), expected);
      const crlf = addFunction(text.replaceAll('\n', '\r\n'), ping);
      if (text.includes('\n')) assert.equal(crlf, expected.replaceAll('\n', '\r\n'));
    });
  }

  it('refuses a name that is declared already', () => {
    for (const text of ['functions:\n  ping: {}\n', 'functions: {"ping": {}}', 'x: &x {ping: {}}\nfunctions: *x\n'])
      assert.throws(() => addFunction(text, ping), { code: 'BAN-E104' });
  });

  it('refuses a broken text with its place', () => {
    assert.throws(
      () => addFunction('a: 1\na: 2\n', ping, 'my.yml'),
      (error) => error instanceof UserError && error.code === 'BAN-E102' && /my\.yml:2:1 /.test(error.details[0] ?? ''),
    );
    for (const text of ['', '# empty\n', '- a\n']) assert.throws(() => addFunction(text, ping), { code: 'BAN-E102' });
  });

  it('gives up with the lines to add where a text cannot be added to', () => {
    assert.throws(
      () => addFunction('x: &x\n  a: {}\nfunctions: *x\n', ping),
      (error) => error instanceof UserError && error.code === 'BAN-E102' && error.details[0] === '  ping:',
    );
    assert.throws(() => addFunction('functions: [a]\n', ping), { code: 'BAN-E102' });
  });

  it('keeps every line in order and means the same plus the function', () => {
    const comment = fc.constantFrom('', '# note', '# ${X} {', '  # deep', '      # deeper');
    const value = fc.constantFrom(
      'a',
      '"a # b"',
      "'it''s'",
      '1.0',
      '{x: [1, 2]}',
      '[a,\n        b]',
      '|\n        text\n        # no comment',
      '|+\n        kept\n\n',
      '>-\n        folded\n\n        more',
      '',
      '~',
      '&anchor z',
      '${X:-y}',
      '"${X}" # why',
    );
    const entry = fc.record({
      key: fc.constantFrom('a', 'b-c', '"quoted"', "'single'", 'd'),
      fields: fc.array(value, { minLength: 1, maxLength: 3 }),
      after: fc.array(comment, { maxLength: 2 }),
    });
    const shape = fc.record({
      before: fc.constantFrom(
        '',
        'version: 1.0\n',
        '# top\n\nprovider:\n    name: openfaas\n',
        '---\n',
        '%YAML 1.2\n---\nx: 1\n',
      ),
      indent: fc.constantFrom('  ', '    ', ' '),
      entries: fc.uniqueArray(entry, { minLength: 1, maxLength: 4, selector: ({ key }) => key }),
      after: fc.constantFrom(
        '',
        '\n',
        'configuration:\n  copy: [a]\n',
        '\n# about\nx-last: |+\n  a\n\n',
        '...\n',
        '# end',
      ),
      eol: fc.constantFrom('\n', '\r\n'),
      cut: fc.boolean(),
      mark: fc.boolean(),
    });
    fc.assert(
      fc.property(shape, ({ before, indent, entries, after, eol, cut, mark }) => {
        const functions = entries
          .map(
            ({ key, fields, after: comments }) =>
              `${indent}${key}: # ${key}\n${fields.map((field, index) => `${indent}  f${index}: ${field}\n`).join('')}${comments.map((line) => `${line}\n`).join('')}`,
          )
          .join('');
        const whole = `${mark ? '\ufeff' : ''}${before}functions:\n${functions}${after}`.replaceAll('\n', eol);
        const text = cut ? whole.replace(/\s+$/, '') : whole;
        const edited = addFunction(text, ping);
        const rest = edited.split(/\r?\n/);
        for (const line of text.split(/\r?\n/).slice(0, -1)) {
          const index = rest.indexOf(line);
          assert.ok(index >= 0, `lost ${JSON.stringify(line)}`);
          rest.splice(0, index + 1);
        }
        const wanted = meaningOf(text) as { functions: Record<string, unknown> };
        wanted.functions['ping'] = { lang: ping.language, handler: ping.handler, image: maskExpansions(ping.image) };
        assert.deepEqual(meaningOf(edited), wanted);
        if (eol === '\r\n') assert.doesNotMatch(edited, /[^\r]\n/);
      }),
      { numRuns: 600 },
    );
  }).timeout(60_000);

  it('never changes what any JSON text means', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ maxLength: 5 }), fc.jsonValue({ maxDepth: 2 }), {
          maxKeys: 4,
          noNullPrototype: true,
        }),
        fc.dictionary(fc.stringMatching(/^[a-z]{1,6}$/), fc.jsonValue({ maxDepth: 1 }), {
          maxKeys: 3,
          noNullPrototype: true,
        }),
        fc.constantFrom(0, 2),
        (rest, functions, space) => {
          // Substitution makes one backslash of two.
          const text = JSON.stringify({ ...rest, functions }, undefined, space).replaceAll('\\\\', '\\\\\\\\');
          fc.pre(
            !('ping' in functions) && !/\\u00|\$\{|"<<"|__proto__/.test(text) && parseYaml(text).problems.length === 0,
          );
          const wanted = meaningOf(text) as { functions: Record<string, unknown> };
          wanted.functions['ping'] = { lang: ping.language, handler: ping.handler, image: maskExpansions(ping.image) };
          assert.deepEqual(meaningOf(addFunction(text, ping)), wanted);
        },
      ),
    );
  });
});

describe('a new stack file', () => {
  it('is what faas-cli reads', () => {
    assert.equal(
      createStack({ functions: [ping] }),
      `# yaml-language-server: $schema=template/stack.schema.json\nversion: 1.0\nprovider:\n  name: openfaas\n  gateway: http://127.0.0.1:8080\nfunctions:\n${lines('  ', '  ')}\n`,
    );
  });

  it('is valid for bantam', () => {
    const { stack, problems, warnings } = decodeStack(
      createStack({ gateway: 'http://pi.lan:31112', functions: [ping, { ...ping, name: 'pong' }] }),
      '/p/stack.yml',
      {},
    );
    assert.deepEqual([problems, warnings], [[], []]);
    assert.equal(stack?.gateway, 'http://pi.lan:31112');
    assert.deepEqual(
      stack?.functions.map(({ name, image }) => [name, image]),
      [
        ['ping', '127.0.0.1:5000/ping:latest'],
        ['pong', '127.0.0.1:5000/ping:latest'],
      ],
    );
  });
});
