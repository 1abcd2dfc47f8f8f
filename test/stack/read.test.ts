// biome-ignore-all lint/suspicious/noTemplateCurlyInString: stack files write ${NAME}, and here they stand in strings.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { UserError } from '../../cli/errors.ts';
import { readStack } from '../../cli/stack/read.ts';
import { temporaryProject } from './project.ts';

const head = 'version: 1.0\nprovider:\n  name: openfaas\n  gateway: http://gateway.lan:8080\n';

async function read(
  text: string | Uint8Array,
  environment: Record<string, string> = {},
  files: Record<string, string> = {},
) {
  await using project = await temporaryProject({ ...files, 'stack.yml': text });
  return { ...(await readStack(join(project.folder, 'stack.yml'), { environment })), folder: project.folder };
}

/** The details of the BAN-E102 that reading the text gives. */
async function refusals(
  text: string | Uint8Array,
  environment: Record<string, string> = {},
  files: Record<string, string> = {},
): Promise<readonly string[]> {
  const error = await read(text, environment, files).then(
    () => assert.fail('the text was accepted'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof UserError, String(error));
  assert.equal(error.code, 'BAN-E102');
  assert.match(error.message, /^stack\.yml is not valid: /);
  return error.details;
}

describe('reading a stack file', () => {
  it('reads every field of a function', async () => {
    const text = `${head}
x-bantam:
  platforms: [linux/amd64, arm64]
x-anything: [goes]
functions:
  hello:
    lang: bantam-ts
    handler: ./hello
    image: \${REGISTRY:-registry.lan:5000}/hello:\${TAG}
    fprocess: node index.js
    namespace: staging
    environment:
      VERSION: 1.0
      OCTAL: 0123
      BIG: 12345678901234567890
      YES: true
      NOTHING:
      QUOTED: "a: b"
      DATE: 2001-01-01
      constructor: kept
    secrets: [api-key]
    labels: {com.openfaas.scale.min: 2}
    annotations:
      topic: cron-function
      schedule: "*/5 * * * *"
    constraints:
      - node.role == worker
    limits: {memory: 128Mi, cpu: 0.5}
    requests:
      memory: 64Mi
    readonly_root_filesystem: true
    build_args: {GO111MODULE: on}
    build_options: [dev]
    build_secrets: {npmrc: ./npmrc}
    platforms: linux/arm/v7, linux/arm64/v8,linux/arm64
    x-bantam: {probe: /healthy}
  stored:
    skip_build: yes
    image: ghcr.io/openfaas/figlet:latest
configuration:
  templates:
    - name: node22
      source: https://github.com/openfaas/templates#1.0
  copy: [./shared]
`;
    const { stack, warnings, folder } = await read(text, { TAG: '2.0' });
    assert.deepEqual(warnings, []);
    assert.equal(stack.gateway, 'http://gateway.lan:8080');
    assert.equal(stack.file, join(folder, 'stack.yml'));
    assert.equal(stack.folder, folder);
    assert.deepEqual(stack.platforms, [
      { os: 'linux', architecture: 'amd64' },
      { os: 'linux', architecture: 'arm64' },
    ]);
    assert.deepEqual(stack.configuration, {
      templates: [{ name: 'node22', source: 'https://github.com/openfaas/templates#1.0' }],
      copy: ['./shared'],
    });
    assert.deepEqual(stack.functions[0], {
      name: 'hello',
      language: 'bantam-ts',
      handler: join(folder, 'hello'),
      image: 'registry.lan:5000/hello:2.0',
      skipBuild: false,
      namespace: 'staging',
      process: 'node index.js',
      environment: {
        VERSION: '1.0',
        OCTAL: '0123',
        BIG: '12345678901234567890',
        YES: 'true',
        NOTHING: '',
        QUOTED: 'a: b',
        DATE: '2001-01-01',
        constructor: 'kept',
      },
      secrets: ['api-key'],
      labels: { 'com.openfaas.scale.min': '2' },
      annotations: { topic: 'cron-function', schedule: '*/5 * * * *' },
      constraints: ['node.role == worker'],
      limits: { memory: '128Mi', cpu: '0.5' },
      requests: { memory: '64Mi' },
      readOnlyRootFilesystem: true,
      buildArguments: { GO111MODULE: 'on' },
      buildOptions: ['dev'],
      buildSecrets: { npmrc: './npmrc' },
      platforms: [
        { os: 'linux', architecture: 'arm', variant: 'v7' },
        { os: 'linux', architecture: 'arm64' },
      ],
      probe: '/healthy',
      position: { line: 10, column: 3 },
    });
    assert.equal(stack.functions[1]?.skipBuild, true);
    assert.equal(stack.functions[1]?.handler, undefined);
    assert.equal(stack.functions[1]?.language, '');
  });

  it('reads a byte order mark, CRLF, anchors and merge keys', async () => {
    const text = `\ufeff${head}x-base: &base\n  lang: bantam-go\n  image: a:1\nfunctions:\n  one: {<<: *base, handler: ./one}\n  two:\n    <<: [*base]\n    image: b:2\n    handler: ./two\n`;
    const { stack } = await read(text.replaceAll('\n', '\r\n'));
    assert.deepEqual(
      stack.functions.map(({ name, language, image }) => [name, language, image]),
      [
        ['one', 'bantam-go', 'a:1'],
        ['two', 'bantam-go', 'b:2'],
      ],
    );
    assert.deepEqual(stack.functions[1]?.position, { line: 10, column: 3 });
  });

  it('ends lines at carriage returns, too, and lets an alias be a key', async () => {
    const text = `${head}x-k: &k VALUE\rfunctions:\r\r\n  a: {lang: b, handler: c, image: d, environment: {*k : "e"}} # \${UNSET}\r`;
    assert.deepEqual((await read(text)).stack.functions[0]?.environment, { VALUE: 'e' });
  });

  it('reads a thousand functions', async () => {
    const functions = Array.from(
      { length: 1000 },
      (_, index) =>
        `  f${index}:\n    lang: bantam-go\n    handler: ./f${index}\n    image: registry.lan:5000/f${index}:latest\n    labels: {a: b, c: d}\n    limits: {memory: 128Mi}\n    environment:\n      A: 1\n`,
    ).join('');
    const text = `${head}functions:\n${functions}`;
    assert.ok(text.length > 150_000 && text.length < 192 * 1024);
    assert.equal((await read(text)).stack.functions.length, 1000);
  });

  it('takes platforms without any, and commas too many, for what an empty variable leaves', async () => {
    const { stack } = await read(
      `${head}functions:\n  a: {skip_build: true, image: a, platforms: "\${NONE:-}"}\n  b: {skip_build: true, image: b, platforms: "linux/arm64,,"}\n  c: {skip_build: true, image: c, platforms: []}\n`,
    );
    assert.deepEqual(
      stack.functions.map(({ platforms }) => platforms),
      [undefined, [{ os: 'linux', architecture: 'arm64' }], undefined],
    );
  });

  it('lets an alias mean the last anchor above it', async () => {
    const text = `${head}x-a: &name one\nx-b: &name two\nfunctions:\n  a: {lang: *name, handler: ./a, image: a}\nx-c: &name three\n`;
    assert.equal((await read(text)).stack.functions[0]?.language, 'two');
  });

  it('shows the first hundred of very many problems', async () => {
    const details = await refusals(
      `${head}functions:\n${Array.from({ length: 150 }, (_, index) => `  f${index}: {lang: a, handler: b, image: UPPER}\n`).join('')}`,
    );
    assert.equal(details.length, 101);
    assert.equal(details.at(-1), '… and 50 more');
  });

  it('reads a stack without functions', async () => {
    for (const functions of ['', 'functions:\n', 'functions: {}\n'])
      assert.deepEqual((await read(head + functions)).stack.functions, []);
  });

  it('merges environment files, later ones winning', async () => {
    const text = `${head}functions:\n  a: {lang: b, handler: c, image: d, environment: {A: 1, B: 1}, environment_file: [one.yml, two.yml]}\n`;
    const { stack } = await read(
      text,
      {},
      { 'one.yml': 'environment:\n  B: 2\n  C: ${KEPT}\n', 'two.yml': 'environment: {C: 3}\n' },
    );
    assert.deepEqual(stack.functions[0]?.environment, { A: '1', B: '2', C: '3' });
  });

  it('reports problems of environment files in their own place', async () => {
    const text = `${head}functions:\n  a:\n    lang: b\n    handler: c\n    image: d\n    environment_file:\n      - bad.yml\n      - missing.yml\n`;
    const details = await refusals(text, {}, { 'bad.yml': 'environment:\n  - A=1\n' });
    assert.match(details[0] ?? '', /^bad\.yml:2:3 {2}environment: must be a map/);
    assert.match(
      details[1] ?? '',
      /^stack\.yml:12:9 {2}functions\.a\.environment_file\.1: .*missing\.yml cannot be read: it does not exist/,
    );
    assert.equal(details.length, 2);
  });

  it('reports all problems at once, each in its place, in order', async () => {
    const text = `version: 2.0
provider:
  name: openfass
functions:
  Hello_World:
    lang: bantam-ts
    image: Registry/hello
    limits:
      memory: 128MB
    environment:
      - A=1
    lables: {}
    platforms: linux/amd64,windows/amd64
    secrets: [My_Key]
    x-bantam:
      probe: ready
  empty:
`;
    assert.deepEqual(
      (await refusals(text)).map((line) => line.replace(/: (?:must|unknown|is|").*/, '')),
      [
        'stack.yml:1:10  version',
        'stack.yml:3:9  provider.name',
        'stack.yml:5:3  functions.Hello_World',
        'stack.yml:5:3  functions.Hello_World.handler',
        'stack.yml:7:12  functions.Hello_World.image',
        'stack.yml:9:15  functions.Hello_World.limits.memory',
        'stack.yml:11:7  functions.Hello_World.environment',
        'stack.yml:12:5  functions.Hello_World.lables',
        'stack.yml:13:16  functions.Hello_World.platforms',
        'stack.yml:14:15  functions.Hello_World.secrets.0',
        'stack.yml:16:14  functions.Hello_World.x-bantam.probe',
        'stack.yml:17:3  functions.empty',
      ],
    );
  });

  it('looks for more where a key stands twice', async () => {
    const text = `${head}functions:\n  a: {lang: b, handler: c, image: UPPER, image: d}\n  a: {limits: {memory: 1GB}}\n  c: {lang: x, handler: y, image: "", lables: {}}\n`;
    assert.deepEqual(
      (await refusals(text)).map((line) => line.replace(/^stack\.yml:(\d+:\d+) {2}(\S+) .*/, '$1 $2')),
      ['6:35 functions.a.image:', '6:42 this', '7:3 this', '8:35 functions.c.image:', '8:39 functions.c.lables:'],
    );
  });

  it('warns of unknown keys that are no slip, and of doubled secrets', async () => {
    const { warnings } = await read(
      `${head}replicas: 3\nfunctions:\n  a: {lang: b, handler: c, image: d, schedule: x, secrets: [s, s]}\n`,
    );
    assert.deepEqual(
      warnings.map(({ line, column, path }) => [line, column, path]),
      [
        [5, 1, 'replicas'],
        [7, 38, 'functions.a.schedule'],
        [7, 64, 'functions.a.secrets.1'],
      ],
    );
  });

  it('counts columns in the text as written, before substitution', async () => {
    const details = await refusals(`${head}functions:\n  a: {lang: "\${A}", handler: \${A}, image: UPPER}\n`, {
      A: 'x'.repeat(40),
    });
    assert.match(details[0] ?? '', /^stack\.yml:6:43 {2}functions\.a\.image/);
  });

  it('reports an unset variable once, not what follows from it', async () => {
    const details = await refusals(
      `${head}functions:\n  a:\n    lang: b\n    handler: \${H}\n    image: \${IMAGE:?which image}\n    namespce: x\n`,
    );
    assert.deepEqual(details, [
      'stack.yml:8:14  the environment variable H is not set (set it, or give a default: ${H:-…})',
      'stack.yml:9:12  IMAGE: which image (set the environment variable IMAGE)',
      'stack.yml:10:5  functions.a.namespce: unknown key (did you mean namespace?)',
    ]);
  });

  it('says that platforms are given twice', async () => {
    const details = await refusals(
      `${head}functions:\n  a:\n    lang: b\n    handler: c\n    image: d\n    platforms: arm64\n    x-bantam:\n      platforms: arm64\n`,
    );
    assert.match(details[0] ?? '', /^stack\.yml:12:7 {2}functions\.a\.x-bantam\.platforms: platforms are given twice/);
  });

  for (const [what, text, expected] of [
    ['a tab', `${head}functions:\n\ta: 1\n`, /^stack\.yml:6:1 {2}a tab is not allowed/],
    [
      'a duplicate key',
      `${head}functions:\n  a: {lang: b, handler: c, image: d}\n  a: {}\n`,
      /^stack\.yml:7:3 {2}this key is given a second time/,
    ],
    ['a second document', `${head}---\na: 1\n`, /^stack\.yml:5:1 {2}a second document begins here/],
    ['an empty file', '', /^stack\.yml:1:1 {2}the file is empty/],
    ['only comments', '# nothing\n', /^stack\.yml:1:1 {2}the file is empty/],
    ['a list', '- a\n', /^stack\.yml:1:1 {2}must be a map, is a list/],
    ['text', 'hello\n', /^stack\.yml:1:1 {2}must be a map, is text/],
    ['an unclosed list', 'a: 1\nb: [1,\nc: 2\n', /^stack\.yml:2:4 {2}the closing \] is missing, or not indented$/],
    ['an unclosed map', 'a: [b]\nb: {c: 1\n', /^stack\.yml:2:4 {2}the closing \} is missing/],
    ['an unclosed quote', `a: "\\""\nb: 'it''s'\nc: "d\ne: f\n`, /^stack\.yml:3:4 {2}the closing " is missing/],
    ['a single unclosed quote', "a: 'b'\nc: 'it''s\ne: f\n", /^stack\.yml:2:4 {2}the closing ' is missing/],
    ['text behind a value', 'a: "b" c\n', /^stack\.yml:1:8 {2}nothing may follow the value that ends here \(/],
    ['a line without colon', 'a: 1\nb 2\n', /^stack\.yml:2:1 {2}this is no KEY: value \(/],
    ['a line moved to the right', 'a:\n  b: 1\n   c: 2\n', /^stack\.yml:2:6 {2}a second key .* indent the next line/],
    ['a line moved to the left', 'a:\n  b: 1\n c: 2\n', /^stack\.yml:3:1 {2}this line is indented otherwise/],
    ['a comma too many', 'a: [b,, c]\n', /^stack\.yml:1:7 {2}a value is missing in front of this comma$/],
    ['a bracket that closes nothing', 'a: 1\nb: ]\n', /^stack\.yml:2:4 {2}nothing is open that this \] could close/],
    ['a wrong escape', 'a: "\\d"\n', /^stack\.yml:1:5 {2}\\d means nothing in double quotes/],
    ['an unknown alias', 'a: 1\nb: *x\n', /^stack\.yml:2:4 {2}\*x refers to an anchor that is not above it/],
    [
      'an unknown alias for a key',
      `${head}*x : b\n`,
      /^stack\.yml:5:1 {2}\*x refers to an anchor that is not above it/,
    ],
    ['an alias behind a map', '    lang: x\n*a', /^stack\.yml:2:1 {2}nothing may follow the value that ends here/],
    ['an alias inside of its anchor', 'a: &a\n  b: *a\n', /^stack\.yml:2:6 {2}\*a stands inside of what it refers to$/],
    ['a merge of nothing', `${head}x-a: &a\nx-b:\n  <<: *a\n`, /^stack\.yml:7:3 {2}<< takes a map, or a list of maps$/],
    ['two merges', `${head}x-a: {<<: {b: 1}, <<: {c: 2}}\n`, /^stack\.yml:5:19 {2}this key is given a second time/],
    [
      'a quoted text of lines, signs and length',
      `${head}functions:\n  a: {lang: b, handler: c, image: d, limits: {memory: "1\\n\\e[31m${'x'.repeat(9000)}"}}\n`,
      /^stack\.yml:6:55 {2}functions\.a\.limits\.memory: "1 \[31mx{180,200} … x+" is no quantity: write 128Mi, 1Gi, 0\.5 or 100m$/,
    ],
    ['very many brackets', '['.repeat(190_000), /^stack\.yml:1:33 {2}nested more than 32 levels deep$/],
    ['very many commas', `a: [${','.repeat(190_000)}]`, /^stack\.yml:1:\d+ {2}more than 80000 words and signs/],
    ['very many aliases', '- *a\n'.repeat(38_000), /^stack\.yml:\d+:\d+ {2}more than 80000 words and signs/],
    ['control characters', 'a: 1\nb: \u0000\u0001\n', /^stack\.yml:2:4 {2}the character U\+0000 is not allowed/],
    [
      'bytes that are not UTF-8',
      Buffer.from([...Buffer.from('a: \ufffd\nb: '), 0xff, 0xfe, 0x00]),
      /^stack\.yml:2:4 {2}this is not UTF-8 text/,
    ],
    ['a file that is too large', `# ${'x'.repeat(192 * 1024)}`, /^stack\.yml:1:1 {2}the file has \d+ bytes/],
    [
      'deep nesting',
      `a: ${'['.repeat(5000)}${']'.repeat(5000)}\n`,
      /^stack\.yml:1:\d+ {2}nested more than 32 levels deep/,
    ],
    [
      'multiplying aliases',
      `a0: &a0 [x, x]\n${Array.from({ length: 25 }, (_, index) => `a${index + 1}: &a${index + 1} [*a${index}, *a${index}]\n`).join('')}`,
      /too many values|nested more than|Excessive/,
    ],
    ['functions as a list', `${head}functions:\n  - a\n`, /^stack\.yml:6:3 {2}functions: must be a map/],
    ['a missing provider', 'functions: {}\n', /^stack\.yml:1:1 {2}provider: is missing/],
    ['a key that is a map', `${head}? {a: b}\n: c\n`, /^stack\.yml:5:3 {2}a key must be plain text/],
  ] as const) {
    it(`gives ${what} as an error with its place`, async () => assert.match((await refusals(text))[0] ?? '', expected));
  }

  it('says that the file cannot be opened', async () => {
    await using project = await temporaryProject();
    await assert.rejects(readStack(join(project.folder, 'stack.yml'), { environment: {} }), { code: 'BAN-E003' });
    await assert.rejects(readStack(project.folder, { environment: {} }), { code: 'BAN-E003' });
  });

  it('names files relative to the working folder', async () => {
    await using project = await temporaryProject({ 'a/stack.yml': '' });
    await assert.rejects(
      readStack(join(project.folder, 'a/stack.yml'), { environment: {}, from: project.folder }),
      (error) => {
        assert.ok(error instanceof UserError);
        assert.deepEqual(error.details, [`${join('a', 'stack.yml')}:1:1  the file is empty`]);
        return true;
      },
    );
  });
});
