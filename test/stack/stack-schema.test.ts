// biome-ignore-all lint/suspicious/noTemplateCurlyInString: stack files write ${NAME}, and here they stand in strings.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { parse, parseDocument } from 'yaml';
import { machineNames } from '../../cli/oci/platform.ts';
import { createStack } from '../../cli/stack/create.ts';
import { decodeStack } from '../../cli/stack/decode.ts';
import { describeStackFile, renderStackSchema } from '../../scripts/docs/stack-schema.ts';
import { root } from '../e2e/program.ts';
import { readCases } from '../recordings/faas-cli/stack-case.ts';

const validate = new Ajv({ strict: false, allErrors: true }).compile(describeStackFile());

/** What an editor says: it reads YAML 1.2 with merge keys, without any substitution. */
function editorAccepts(text: string): boolean {
  const value: unknown = parse(text, (_key, each: unknown) => (each instanceof Uint8Array ? 'bytes' : each), {
    merge: true,
    logLevel: 'error',
  });
  return validate(value) === true;
}

/** True if the reader takes the text without an error, and without a word about an unknown key. */
function readerAccepts(text: string, environment: Record<string, string> = {}): boolean {
  const { problems, warnings } = decodeStack(text, '/p/stack.yml', environment);
  return problems.length === 0 && !warnings.some(({ message }) => message.startsWith('unknown key'));
}

const head = 'version: 1.0\nprovider:\n  name: openfaas\n  gateway: http://pi:31112\n';
const withFunction = (...lines: string[]): string =>
  `${head}functions:\n  f:\n    lang: node22\n    handler: ./f\n    image: f\n${lines.map((line) => `    ${line}\n`).join('')}`;

describe('the schema of stack files for editors', () => {
  it('is what docs/stack.schema.json says (npm run docs)', async () => {
    assert.equal(await readFile(join(root, 'docs/stack.schema.json'), 'utf8'), renderStackSchema());
  });

  it('says something about every field', () => {
    const silent: string[] = [];
    const walk = (node: unknown, path: string): void => {
      if (typeof node !== 'object' || node === null) return;
      for (const [key, value] of Object.entries(node)) {
        if (key !== 'properties') walk(value, `${path}/${key}`);
        else
          for (const [name, field] of Object.entries(value as Record<string, { description?: string }>)) {
            if ((field.description ?? '').length < 10) silent.push(`${path}/${name}`);
            walk(field, `${path}/${name}`);
          }
      }
    };
    walk(describeStackFile(), '');
    assert.deepEqual(silent, []);
  });

  it('has a pattern that every engine of editors reads', () => {
    // JSON Schema's patterns are those of JavaScript with the u flag.
    const patterns = [...JSON.stringify(describeStackFile()).matchAll(/"pattern":("(?:[^"\\]|\\.)*")/g)];
    assert.ok(patterns.length > 10);
    for (const [, pattern = '""'] of patterns) assert.ok(new RegExp(JSON.parse(pattern) as string, 'u'));
  });

  for (const [what, text, environment] of [
    [
      'what fn new writes',
      createStack({ functions: [{ name: 'a', language: 'bantam-ts', handler: './a', image: 'a:1' }] }),
    ],
    ['no function yet', `${head}functions:\n`],
    ['no functions key', head],
    ['an image alone', `${head}functions: {f: {image: ghcr.io/openfaas/figlet}}\n`],
    ['a function of the store', `${head}functions: {f: {skip_build: true, image: ghcr.io/openfaas/figlet:latest}}\n`],
    ['yes, as YAML 1.1 means it', withFunction('readonly_root_filesystem: yes')],
    [
      'a number and a boolean as text',
      withFunction('environment: {A: 1, B: true, C: , D: 1.0}', 'labels: {a: 1}', 'fprocess: 12'),
    ],
    ['quantities as numbers', withFunction('limits: {memory: 134217728, cpu: 0.5}', 'requests: {memory: 1e7}')],
    [
      'a substitution anywhere',
      withFunction('skip_build: ${S}', 'limits: {cpu: "${C}"}', 'namespace: ${N}', 'platforms: ${P}'),
      { S: 'no', C: '1', N: 'x', P: 'linux/arm64' },
    ],
    ['a map by substitution', withFunction('environment: ${E}'), { E: '{A: b}' }],
    ['a key by substitution', `${head}functions:\n  \${N}: {skip_build: true, image: x}\n`, { N: 'f' }],
    ['keys of one’s own', `${head}x-me: {a: [1]}\nfunctions:\n  f: {skip_build: true, image: x, x-note: hi}\n`],
    [
      'anchors and merge keys',
      `${head}x-base: &base\n  lang: node22\n  labels: {a: b}\nfunctions:\n  f:\n    <<: *base\n    handler: ./f\n    image: f\n`,
    ],
    [
      'targets',
      `${head}x-bantam:\n  platforms: [linux/arm64]\n  targets:\n    pi: {gateway: "http://pi:31112", registry: "pi:5000/team/", namespace: dev, platforms: "arm64,arm/v7"}\n    empty: {}\n`,
    ],
    ['a probe', withFunction('x-bantam: {probe: /healthz, platforms: linux/arm64}')],
    ['everything empty', withFunction('environment:', 'secrets:', 'limits:', 'labels: ~', 'x-bantam:', 'platforms:')],
    [
      'templates and copies',
      `${head}configuration:\n  templates:\n    - name: node22\n      source: https://git.example.org/t#1\n    - name: go\n  copy: [./shared]\n`,
    ],
  ] as const) {
    it(`accepts ${what}, as the reader does`, () => {
      assert.ok(
        readerAccepts(text, environment),
        JSON.stringify(decodeStack(text, '/p/stack.yml', environment ?? {}).problems),
      );
      assert.ok(editorAccepts(text), JSON.stringify(validate.errors, undefined, 1));
    });
  }

  it('accepts the stack files of this project', async () => {
    for (const file of ['stack.yml']) assert.ok(editorAccepts(await readFile(join(root, file), 'utf8')), file);
  });

  for (const [what, text] of [
    ['a misspelt key of a function', withFunction('enviroment: {A: b}')],
    ['a misspelt key at the top', `${head}function: {}\n`],
    ['a misspelt key of the provider', 'provider: {name: openfaas, gatway: x}\n'],
    ['a misspelt key of limits', withFunction('limits: {memroy: 1Mi}')],
    ['a misspelt setting', withFunction('x-bantam: {prob: /x}')],
    ['a misspelt setting of a target', `${head}x-bantam: {targets: {pi: {gatway: x}}}\n`],
    ['another provider', 'provider: {name: faas}\n'],
    ['no provider', 'functions: {}\n'],
    ['a quantity with MB', withFunction('limits: {memory: 128MB}')],
    ['less than nothing', withFunction('limits: {cpu: -1}')],
    ['no image', `${head}functions: {f: {lang: a, handler: ./f}}\n`],
    ['a template alone', `${head}functions: {f: {lang: a, image: f}}\n`],
    ['a handler alone', `${head}functions: {f: {handler: ./f, image: f}}\n`],
    ['an image with a blank', withFunction('image: "my image"').replace('    image: f\n', '')],
    ['an image in upper case', withFunction('image: Hello').replace('    image: f\n', '')],
    ['a name in upper case', `${head}functions: {Hello: {skip_build: true, image: x}}\n`],
    ['a name with an underscore', `${head}functions: {a_b: {skip_build: true, image: x}}\n`],
    ['a secret in upper case', withFunction('secrets: [API_KEY]')],
    ['a list where a map belongs', withFunction('environment: [A=b]')],
    ['a text where a list belongs', withFunction('secrets: one')],
    ['a platform that is none', withFunction('platforms: linux/arm46')],
    ['a platform of Windows', withFunction('platforms: [windows/amd64]')],
    ['maybe', withFunction('skip_build: maybe')],
    ['a label with a blank', withFunction('labels: {a: b c}')],
    ['a registry with a scheme', `${head}x-bantam: {targets: {pi: {registry: "http://pi:5000"}}}\n`],
    ['a registry that is a user', `${head}x-bantam: {targets: {pi: {registry: me}}}\n`],
    ['a target with an underscore', `${head}x-bantam: {targets: {my_pi: {gateway: x}}}\n`],
    ['a probe that is no path', withFunction('x-bantam: {probe: healthz}')],
    ['version 2', 'version: 2.0\nprovider: {name: openfaas}\n'],
    ['functions as a list', `${head}functions: [f]\n`],
  ] as const) {
    it(`refuses ${what}, as the reader does`, () => {
      assert.equal(readerAccepts(text), false);
      assert.equal(editorAccepts(text), false);
    });
  }

  it('accepts the recorded stacks that the reader accepts', async () => {
    const refused: string[] = [];
    let accepted = 0;
    for (const stackCase of await readCases()) {
      for (const [file, text] of Object.entries(stackCase.files)) {
        if (!/(?:^|\/)stack\.ya?ml$/.test(file) || !readerAccepts(text, stackCase.environment)) continue;
        // A text that is YAML only after its substitution is none for an editor.
        if (parseDocument(text, { logLevel: 'error' }).errors.length > 0) continue;
        accepted += 1;
        if (!editorAccepts(text)) refused.push(`${stackCase.name}: ${JSON.stringify(validate.errors)}`);
      }
    }
    assert.deepEqual(refused, []);
    assert.ok(accepted > 100, `${accepted}`);
  });

  it('accepts whatever the reader accepts', () => {
    const quoted = fc.string({ maxLength: 12 }).map((text) => JSON.stringify(text));
    const scalar = fc.oneof(
      quoted,
      fc.constantFrom(
        '1',
        '0.5',
        'true',
        'yes',
        'off',
        '~',
        '',
        '1e3',
        '0x1F',
        '.5',
        '64Mi',
        '1Gi',
        '100m',
        '"${X}"',
        '${X:-1}',
        'text',
        '-1',
        '2024-01-01',
        '1.0',
      ),
    );
    const reference = fc.oneof(
      scalar,
      fc
        .tuple(
          fc.constantFrom(
            '',
            'pi:5000/',
            'ghcr.io/me/',
            '[::1]:5000/',
            'localhost/',
            'Registry.LAN/a/b/',
            'docker.io/',
          ),
          fc.constantFrom('x', 'a.b', 'a__b', 'a-b', 'A', 'a b', '1'),
          fc.constantFrom(
            '',
            ':1',
            ':V_1.0-x',
            ':',
            `@sha256:${'a'.repeat(64)}`,
            `:1@sha256:${'0'.repeat(64)}`,
            ':a/b',
          ),
        )
        .map((parts) => JSON.stringify(parts.join(''))),
    );
    const platform = fc
      .tuple(
        fc.constantFrom('', 'linux/', 'Linux/', ' linux/', 'windows/'),
        fc.constantFrom(...machineNames, 'ARM64', 'arm46'),
        fc.constantFrom('', '/v7', '/8', '/V6', '/v8.0', '/x', ' '),
      )
      .map((parts) => parts.join(''));
    const platforms = fc.oneof(
      scalar,
      fc.array(platform, { minLength: 1, maxLength: 3 }).map((list) => JSON.stringify(list.join(','))),
      fc.array(platform, { maxLength: 2 }).map((list) => JSON.stringify(list)),
    );
    const map = fc.oneof(
      scalar,
      fc.dictionary(fc.constantFrom('a', 'A_B', 'a.b/c', 'x y', 'topic', 'a=b', ''), scalar, { maxKeys: 3 }).map(
        (entries) =>
          `{${Object.entries(entries)
            .map(([key, value]) => `${JSON.stringify(key)}: ${/^[[{$]/.test(value) ? '1' : value}`)
            .join(', ')}}`,
      ),
    );
    const list = fc.oneof(
      scalar,
      fc
        .array(fc.oneof(quoted, fc.constantFrom('a-b', '1', 'A', '"${X}"')), { maxLength: 3 })
        .map((items) => `[${items.join(', ')}]`),
    );
    const registry = fc.oneof(
      reference,
      fc.constantFrom(
        'pi:5000',
        '"pi:5000/a/"',
        'ghcr.io',
        'docker.io',
        '"[::1]:5000"',
        'localhost',
        'pi',
        'http://pi:5000',
        ' a.b ',
      ),
    );
    const field = fc.oneof(
      fc.tuple(
        fc.constantFrom('f fprocess', 'f skip_build', 'f readonly_root_filesystem', 'f namespace', 'f x-note'),
        scalar,
      ),
      fc.tuple(fc.constantFrom('f environment', 'f labels', 'f annotations', 'f build_args'), map),
      fc.tuple(fc.constantFrom('f secrets', 'f constraints', 'f environment_file'), list),
      fc.tuple(fc.constantFrom('limits memory', 'limits cpu', 'pi gateway', 'pi namespace'), scalar),
      fc.tuple(fc.constantFrom('f platforms', 'pi platforms', 'x platforms'), platforms),
      fc.tuple(fc.constant('f image'), reference),
      fc.tuple(fc.constant('pi registry'), registry),
    );
    const flow = fc
      .tuple(
        fc.uniqueArray(field, { minLength: 1, maxLength: 3, selector: ([place]) => place }),
        fc.constantFrom('f', 'f', 'f', 'a-b', '1', 'F', 'x_y'),
      )
      .map(([fields, name]) => {
        const given = new Map(fields);
        const lines = (of: string, indent: string): string =>
          fields
            .filter(([place]) => place.startsWith(`${of} `) && place !== 'f image')
            .map(([place, value]) => `${indent}${place.slice(of.length + 1)}: ${value}\n`)
            .join('');
        return `${head}functions:\n  ${name}:\n    lang: x\n    handler: ./x\n    image: ${given.get('f image') ?? 'x'}\n${lines('f', '    ')}    limits:\n${lines('limits', '      ')}x-bantam:\n${lines('x', '  ')}  targets:\n    pi:\n      x-note: a\n${lines('pi', '      ')}    other: {}\n`;
      });
    let accepted = 0;
    let refused = 0;
    fc.assert(
      fc.property(flow, (text) => {
        if (readerAccepts(text, { X: 'x1' })) {
          accepted += 1;
          assert.ok(editorAccepts(text), `${text}\n${JSON.stringify(validate.errors, undefined, 1)}`);
        } else if (!safely(() => editorAccepts(text))) refused += 1;
      }),
      { numRuns: 2000 },
    );
    assert.ok(accepted > 100 && refused > 100, `accepted ${accepted}, refused ${refused}`);
  }).timeout(60_000);
});

/** What is no YAML is refused by an editor, too. */
function safely(check: () => boolean): boolean {
  try {
    return check();
  } catch {
    return false;
  }
}
