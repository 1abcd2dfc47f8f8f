import assert from 'node:assert/strict';
import { commands } from '../cli/command-table.ts';
import { documentSchemas } from '../cli/documents/documents.ts';
import { findBreaks } from '../scripts/docs/json-compatibility.ts';
import { readDocs, renderDocs } from '../scripts/docs.ts';

describe('the generated part of docs/', () => {
  it('is what the code says (npm run docs)', async () => {
    const [wanted, present] = await Promise.all([renderDocs(), readDocs()]);
    assert.deepEqual([...present.keys()].sort(), [...wanted.keys()].sort());
    const stale = [...wanted].filter(([name, text]) => present.get(name) !== text).map(([name]) => `docs/${name}`);
    assert.deepEqual(stale, []);
  });

  it('breaks no program that reads documents of --json', async () => {
    assert.deepEqual(findBreaks(await readDocs(), await renderDocs()), []);
  });

  it('describes the document of every command', () => {
    assert.deepEqual(Object.keys(documentSchemas).sort(), commands.map(({ path }) => path.join(' ')).sort());
  });

  it('links to headings that are there', async () => {
    const pages = await renderDocs();
    const headings = [...(pages.get('errors.md') ?? '').matchAll(/^### (\S+)$/gm)].map(([, code]) =>
      code?.toLowerCase(),
    );
    for (const [name, text] of pages)
      for (const [, target] of text.matchAll(/\.\.\/errors\.md#([\w-]+)/g))
        assert.ok(headings.includes(target), `${name}: ${target}`);
  });
});

describe('the compatibility of JSON documents', () => {
  const base = {
    type: 'object',
    properties: {
      name: { type: 'string' },
      state: { enum: ['a', 'b'] },
      rows: { type: 'array', items: { type: 'object', properties: { size: { type: 'number' } }, required: ['size'] } },
      outcome: {
        anyOf: [{ type: 'object', properties: { digest: { type: 'string' } }, required: ['digest'] }, { type: 'null' }],
      },
      labels: { type: 'object', additionalProperties: { type: 'string' } },
    },
    required: ['name', 'rows'],
  };
  const problemsAfter = (change: (schema: typeof base) => void): readonly string[] => {
    const changed = structuredClone(base);
    change(changed);
    const file = 'json/x.json';
    return findBreaks(new Map([[file, JSON.stringify(base)]]), new Map([[file, JSON.stringify(changed)]])).map(
      ({ problem }) => problem,
    );
  };

  it('allows new members and new values of an enumeration, and members that are always there now', () => {
    const problems = problemsAfter((schema) => {
      Object.assign(schema.properties, { more: { type: 'boolean' } });
      Object.assign(schema.properties.rows.items.properties, { more: { type: 'boolean' } });
      schema.properties.state.enum.push('c');
      schema.required.push('state', 'more');
    });
    assert.deepEqual(problems, []);
  });

  for (const [what, change, problem] of [
    [
      'a member that is gone',
      (schema: typeof base) => Reflect.deleteProperty(schema.properties, 'name'),
      /^name is gone$/,
    ],
    [
      'one deeper down',
      (schema: typeof base) => Reflect.deleteProperty(schema.properties.rows.items.properties, 'size'),
      /^rows\[\]\.size is gone$/,
    ],
    [
      'another type',
      (schema: typeof base) => Object.assign(schema.properties.name, { type: 'number' }),
      /^name was of type string and is of type number$/,
    ],
    ['a member that may be missing now', (schema: typeof base) => schema.required.shift(), /^name was always there/],
    [
      'a value that is never given any more',
      (schema: typeof base) => schema.properties.state.enum.pop(),
      /^state is never "b" any more$/,
    ],
    [
      'null where there was none',
      (schema: typeof base) =>
        Object.assign(schema.properties, { name: { anyOf: [{ type: 'string' }, { type: 'null' }] } }),
      /^name may be of type null now$/,
    ],
    [
      'an alternative that changed',
      (schema: typeof base) => schema.properties.outcome.anyOf[0]?.required?.pop(),
      /^outcome\.digest was always there/,
    ],
    [
      'other values of a map',
      (schema: typeof base) => Object.assign(schema.properties.labels.additionalProperties, { type: 'number' }),
      /^labels\.\* was of type string/,
    ],
  ] as const)
    it(`refuses ${what}`, () => {
      const problems = problemsAfter((schema) => void change(schema));
      assert.equal(problems.length, 1, problems.join('\n'));
      assert.match(problems[0] ?? '', problem);
    });

  it('refuses a document that is gone', () => {
    assert.deepEqual(findBreaks(new Map([['json/x.json', '{}']]), new Map()), [
      { file: 'json/x.json', problem: 'the document is gone' },
    ]);
  });
});
