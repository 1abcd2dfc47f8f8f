// biome-ignore-all lint/suspicious/noTemplateCurlyInString: functions are written here as text.
import assert from 'node:assert/strict';
import { cp, mkdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { skip } from '../real-parts.ts';
import { hasGo, repository } from '../templates/build-context.ts';
import { casesOf, type FunctionProject, makeFunctionProject, onlyTest } from './function-project.ts';

const handlerOf = (body: string, before = ''): string =>
  `${before}export default async function (request: Request): Promise<Response> {\n  ${body}\n}\n`;

describe('fn test', function () {
  this.timeout(120_000);
  let project: FunctionProject | undefined;
  const make = async (...how: Parameters<typeof makeFunctionProject>): Promise<FunctionProject> => {
    project = await makeFunctionProject(...how);
    return project;
  };
  afterEach(async () => {
    await project?.[Symbol.asyncDispose]();
    project = undefined;
  });

  it('passes for a TypeScript function as it is scaffolded, and holds one without any test to the contract too', async () => {
    const { test, folder, write } = await make('ts');
    // A template that its project has changed: health answers what it should not.
    await cp(join(repository, 'templates/bantam-ts'), join(folder, 'template/mine'), {
      recursive: true,
      filter: (source) => !source.endsWith('node_modules'),
    });
    const health = await readFile(join(folder, 'template/mine/runtime/health.ts'), 'utf8');
    const changed = health.replaceAll('no-store', 'public');
    assert.notEqual(changed, health);
    await write({
      'template/mine/runtime/health.ts': changed,
      'bare/handler.ts': handlerOf('return new Response();'),
      'stack.yml': `${await readFile(join(folder, 'stack.yml'), 'utf8')}  bare:\n    lang: mine\n    handler: ./bare\n    image: bare:latest\n`,
    });
    const run = await test(['--junit', 'reports/results.xml']);
    assert.equal(run.exitCode, 1, `${run.stdout}${run.stderr}`);
    const all = run.stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t'));
    const rows = all.filter(([name]) => name === 'hello');
    assert.ok(
      rows.every(([, stage, verdict]) => stage !== '' && verdict === 'passed'),
      run.stdout,
    );
    const counts = ['unit', 'contract', 'examples'].map((stage) => rows.filter((row) => row[1] === stage).length);
    assert.deepEqual([counts[0], counts[2]], [2, 1]);
    assert.ok((counts[1] ?? 0) >= 12, `${counts[1]} cases of the contract`);
    assert.deepEqual(
      rows.filter((row) => row[1] !== 'contract').map((row) => row[5]),
      ['hello/handler.test.ts:13', 'hello/handler.test.ts:20', 'hello/tests/greeting.http.yml:3'],
    );
    const bare = all.filter(([name, , verdict]) => name === 'bare' && verdict !== 'passed');
    assert.deepEqual(
      bare.map(([, stage, verdict]) => [stage, verdict]),
      [
        ['unit', 'none'],
        ['contract', 'failed'],
        ['examples', 'none'],
      ],
    );
    assert.match(bare[1]?.[6] ?? '', /lets nobody keep a copy of health or ready/);
    assert.match(run.stderr, /✗ bare {3}contract {3}.*\(BAN-E641\)/);
    const junit = await readFile(join(folder, 'reports/results.xml'), 'utf8');
    assert.match(junit, /<testsuite name="hello unit" tests="2" failures="0" errors="0" skipped="0"/);
    assert.match(junit, /<testcase classname="hello examples" name="greets whom the body names" .*file="hello\/tests/);
    assert.match(junit, /<testsuite name="bare contract" tests="\d+" failures="1"/);
  });

  it('passes for a Go function as it is scaffolded', async function () {
    if (!hasGo) skip(this, 'no Go compiler on PATH');
    const { test } = await make('go');
    const run = await test(['--only', 'unit,examples', '--json', '--coverage']);
    assert.equal(run.exitCode, 0, `${run.stdout}${run.stderr}`);
    const tested = onlyTest(run);
    assert.deepEqual(
      casesOf(tested, 'unit').map(({ name }) => name),
      [
        'TestHandle › named in the body',
        'TestHandle › named in the query',
        'TestHandle › nobody named',
        'TestHandle › no JSON',
        'TestSecret',
      ],
    );
    assert.deepEqual(
      casesOf(tested, 'examples').map(({ verdict }) => verdict),
      ['passed'],
    );
    const { unit, covered, total } = tested.stages[0]?.coverage ?? { unit: '', covered: 0, total: 1 };
    assert.deepEqual([unit, covered === total], ['statements', true]);
  });

  it('names file and line of what failed, all at once, and annotates them on GitHub', async () => {
    const { test, folder, write } = await make('ts');
    await write({
      'hello/handler.test.ts': [
        "import assert from 'node:assert/strict';",
        "import { describe, it, test } from 'node:test';",
        'interface Unused { readonly a: number }',
        "describe('sums', () => {",
        "  it('adds ünïcode', () => assert.equal('grüße', 'gruesse'));",
        "  it('is right', () => {});",
        '});',
        "test.skip('later', () => {});",
        '',
      ].join('\n'),
      'hello/tests/more.http.yml': [
        '- name: another name',
        '  request: { path: /?name=Ü }',
        '  expect:',
        '    status: 201',
        '    headers:',
        '      content-type: /^text/',
        '    json: { message: Hi Ü, more: 1 }',
        '',
      ].join('\n'),
    });
    const words = ['--only', 'unit,examples', '--json'];
    const run = await test(words, { environment: { GITHUB_ACTIONS: 'true', GITHUB_WORKSPACE: folder } });
    assert.equal(run.exitCode, 1);
    const tested = onlyTest(run);
    assert.deepEqual(
      casesOf(tested, 'unit').map(({ name, verdict, line }) => [name, verdict, line]),
      [
        ['sums › adds ünïcode', 'failed', 5],
        ['sums › is right', 'passed', 6],
        ['later', 'skipped', 8],
      ],
    );
    const [unit] = casesOf(tested, 'unit');
    assert.equal(unit?.failure?.code, 'BAN-E640');
    assert.match(unit.failure.details?.join('\n') ?? '', /grüße[\s\S]*gruesse/);
    const [, example] = casesOf(tested, 'examples');
    assert.deepEqual([example?.failure?.code, example?.line], ['BAN-E642', 1]);
    const details = example?.failure?.details ?? [];
    for (const expected of [
      /more\.http\.yml:4:13 {2}status: expected 201, got 200/,
      /more\.http\.yml:6:21 {2}header content-type: expected \/\^text\/, got "application\/json/,
      /more\.http\.yml:7:11 {2}json: 2 values are not as expected/,
    ])
      assert.ok(
        details.some((line) => expected.test(line)),
        `${expected}: ${details.join('\n')}`,
      );
    assert.match(
      run.stderr,
      /::error file=hello\/handler\.test\.ts,line=5,col=\d+,title=BAN-E640 sums › adds ünïcode::/,
    );
    assert.match(run.stderr, /::error file=hello\/tests\/more\.http\.yml,line=4,col=13,title=BAN-E642 another name::/);
  });

  it('gives examples their environment and secrets, and never shows a secret', async () => {
    const { test, write } = await make('ts', {}, 'environment:\n  greeting: Moin');
    await write({
      'hello/handler.ts': [
        'export default async function (_request: Request, context: Context): Promise<Response> {',
        "  const [token, other] = await Promise.all(['token', 'other'].map((name) => context.secret(name).catch(() => 'none')));",
        "  return new Response(`${process.env['greeting']} ${process.env['extra']} ${token} ${other}`);",
        '}',
        '',
      ].join('\n'),
      'hello/tests/greeting.http.yml': [
        '- name: the stack file’s environment, and the secrets of all',
        '  expect: { body: Moin undefined none for-all }',
        '- name: its own besides',
        '  environment: { extra: 7 }',
        '  secrets: { token: token.txt }',
        '  expect: { matches: [^Moin 7 hush-, for-all$] }',
        '- name: fails and hides',
        '  secrets: { token: token.txt }',
        '  expect: { body: something else }',
        '',
      ].join('\n'),
      'hello/tests/token.txt': 'hush-4711\n',
      'hello/tests/secrets/other': 'for-all',
    });
    for (const words of [['--json'], []]) {
      const run = await test(['--only', 'examples', ...words]);
      assert.equal(run.exitCode, 1);
      assert.doesNotMatch(`${run.stdout}${run.stderr}`, /hush-4711|got .*for-all/);
      assert.match(`${run.stdout}${run.stderr}`, /Moin undefined \[secret\] \[secret\]/);
      if (words.length === 0) continue;
      const verdicts = casesOf(onlyTest(run), 'examples').map(({ verdict }) => verdict);
      assert.deepEqual(verdicts, ['passed', 'passed', 'failed']);
    }
  });

  for (const [what, handler, code, message, line] of [
    ['a syntax error', handlerOf('return new Respon se();'), 'BAN-E207', /does not compile/, 2],
    [
      'a handler that throws when it is imported',
      handlerOf('return new Response();', "if (!process.env['DB']) throw new Error('DB is not set');\n"),
      'BAN-E644',
      /does not start: its handler could not be loaded: Error: DB is not set/,
      1,
    ],
    [
      'a handler that ends the process when it is imported',
      handlerOf('return new Response();', 'process.exit(0);\n'),
      'BAN-E644',
      /could not be loaded: Error: the handler called process\.exit\(0\)/,
      1,
    ],
  ] as const)
    it(`says so once, with its place, of ${what}`, async () => {
      const { test, write, folder } = await make('ts');
      await write({ 'hello/handler.ts': handler });
      const run = await test(['--only', 'contract,examples', '--json']);
      assert.equal(run.exitCode, 1);
      const { failure, stages } = onlyTest(run);
      assert.equal(failure?.code, code);
      assert.match(failure.message, message);
      assert.deepEqual(failure.places?.map(({ file, line: at }) => [file, at])[0], [
        join(folder, 'hello/handler.ts'),
        line,
      ]);
      assert.deepEqual(
        stages.map(({ verdict }) => verdict),
        ['not run', 'not run'],
      );
    });

  for (const [what, source, code, message, line] of [
    [
      'process.exit in a test',
      "import { test } from 'node:test';\ntest('ends', async () => {\n  process.exit(0);\n});\ntest('never', () => {});\n",
      'BAN-E640',
      /process\.exit\(0\) ended the tests/,
      3,
    ],
    [
      'an error outside of a test',
      "import { test } from 'node:test';\ntest('a', () => {});\nconst none: { readonly a?: { readonly b: number } } = {};\nconsole.log(none.a!.b);\n",
      'BAN-E640',
      /handler\.test\.ts: TypeError: Cannot read properties of undefined/,
      4,
    ],
    [
      'a package that is not installed',
      "import { test } from 'node:test';\nimport chai from 'chai';\ntest('a', () => chai());\n",
      'BAN-E645',
      /cannot be compiled/,
      2,
    ],
    [
      'a difference of a megabyte',
      "import assert from 'node:assert/strict';\nimport { test } from 'node:test';\nconst [a, b] = ['ä', 'b'].map((c) => `${'x\\n'.repeat(500_000)}${c}`);\ntest('big', () => assert.equal(a, b));\n",
      'BAN-E640',
      /^big: /,
      4,
    ],
  ] as const)
    it(`names the place of ${what}`, async () => {
      const { test, write, folder } = await make('ts');
      await write({ 'hello/handler.test.ts': source });
      const run = await test(['--only', 'unit', '--json']);
      assert.equal(run.exitCode, 1);
      assert.ok(run.stdout.length < 20_000);
      const failed = casesOf(onlyTest(run), 'unit').filter(({ verdict }) => verdict === 'failed');
      assert.equal(failed.length, 1);
      assert.equal(failed[0]?.failure?.code, code, run.stdout);
      assert.match(failed[0].failure.message, message);
      assert.deepEqual([failed[0].file, failed[0].line], [join(folder, 'hello/handler.test.ts'), line]);
    });

  it('ends tests that hang or loop, and names the one that was running', async () => {
    const { test, write, folder } = await make('ts');
    const head = "import { test } from 'node:test';\n";
    await write({
      'hello/handler.test.ts': `${head}test('a', () => {});\ntest('hangs', () => new Promise((end) => setTimeout(end, 1e8)));\n`,
      'hello/loop.test.ts': `${head}test('loops', () => { for (;;) {} });\n`,
    });
    const run = await test(['--only', 'unit', '--json', '--timeout', '4']);
    assert.equal(run.exitCode, 1);
    const failed = casesOf(onlyTest(run), 'unit').filter(({ verdict }) => verdict === 'failed');
    assert.deepEqual(
      failed.map(({ failure, file, line }) => [failure?.code, failure?.message, file, line]),
      [
        ['BAN-E646', 'hangs: it did not end within 4 s', join(folder, 'hello/handler.test.ts'), 3],
        ['BAN-E646', 'loop.test.ts: its tests did not end within 4 s', join(folder, 'hello/loop.test.ts'), 1],
      ],
    );
  });

  it('runs what mocha is asked for by package.json, with lines of the TypeScript', async () => {
    const { test, write, folder } = await make('ts');
    await write({
      'hello/package.json': '{"private":true,"type":"module","scripts":{"test":"mocha"}}\n',
      'hello/handler.test.ts':
        "import assert from 'node:assert/strict';\ntype N = number;\ndescribe('a', () => {\n  it('b', () => {});\n  it('c', () => assert.equal(1 as N, 2));\n  it('later');\n});\n",
    });
    const without = await test(['--only', 'unit', '--json']);
    const [missing] = casesOf(onlyTest(without), 'unit');
    assert.deepEqual([missing?.failure?.code, without.exitCode], ['BAN-E645', 1]);
    await mkdir(join(folder, 'hello/node_modules'));
    await symlink(join(repository, 'node_modules/mocha'), join(folder, 'hello/node_modules/mocha'));
    const run = await test(['--only', 'unit', '--json']);
    assert.deepEqual(
      casesOf(onlyTest(run), 'unit').map(({ name, verdict, line }) => [name, verdict, line]),
      [
        ['a › b', 'passed', undefined],
        ['a › c', 'failed', 5],
        ['a › later', 'skipped', undefined],
      ],
      run.stdout,
    );
    await write({
      '.mocharc.json': '{ "spec": "nowhere" }',
      'hello/.mocharc.cjs':
        "module.exports = { spec: 'checks/**/*.ts', ignore: '**/slow.ts', ui: 'tdd', require: './hooks.cjs', reporter: 'dot', parallel: true, import: ['./early.mjs'] };\n",
      'hello/early.mjs': "globalThis.early = 'early';\n",
      'hello/hooks.cjs': "exports.mochaHooks = { beforeEach() { this.word = 'hooked'; } };\n",
      'hello/checks/sums.ts':
        "import assert from 'node:assert/strict';\nsuite('s', () => {\n  test('t', function (): void {\n    assert.equal(`${this.word} ${globalThis.early}`, 'hooked early');\n  });\n});\n",
      'hello/checks/slow.ts': "throw new Error('not asked for');\n",
    });
    const configured = await test(['--only', 'unit', '--json']);
    assert.deepEqual(
      casesOf(onlyTest(configured), 'unit').map(({ name, verdict }) => [name, verdict]),
      [['s › t', 'passed']],
      configured.stdout,
    );
    await write({ 'hello/.mocharc.cjs': "throw new Error('no such thing');\n" });
    const broken = await test(['--only', 'unit', '--json']);
    const [refused] = casesOf(onlyTest(broken), 'unit');
    assert.equal(refused?.failure?.code, 'BAN-E645');
    assert.match(
      `${refused.failure.message} ${refused.failure.details?.join(' ')}`,
      /its configuration.*no such thing/,
    );
  });

  it('tells tests their own place, finds what the stack file copies, and counts lines that never ran', async () => {
    const { test, write, folder } = await make('ts');
    await write({
      'stack.yml': `${await readFile(join(folder, 'stack.yml'), 'utf8')}configuration:\n  copy: [./shared]\n`,
      'shared/sum.ts':
        'export const sum = (a: number, b: number): number => a + b;\nexport function never(): string {\n  return "never";\n}\n',
      'hello/handler.ts': handlerOf(
        "if (request.method === 'PUT') {\n    return new Response('put');\n  }\n  return Response.json(sum(1, 2));",
        "import { sum } from './shared/sum.ts';\n",
      ),
      'hello/fixture.txt': 'from a file',
      'hello/handler.test.ts': [
        "import assert from 'node:assert/strict';",
        "import { readFile } from 'node:fs/promises';",
        "import { test } from 'node:test';",
        "import handle from './handler.ts';",
        "test('adds', async () => assert.equal(await (await handle(new Request('http://a/'))).json(), 3));",
        "test('reads', async () => assert.equal(await readFile(new URL('fixture.txt', import.meta.url), 'utf8'), 'from a file'));",
        '',
      ].join('\n'),
      'hello/tests/greeting.http.yml': '- name: adds\n  expect: { json: 3 }\n',
    });
    const run = await test(['--only', 'unit,examples', '--coverage', '--json']);
    assert.equal(run.exitCode, 0, run.stdout);
    const { coverage } = onlyTest(run).stages[0] ?? {};
    assert.deepEqual(
      coverage?.files.map(({ file, missed }) => [file, missed]),
      [
        [join(folder, 'hello/handler.ts'), [[4, 5]]],
        [join(folder, 'shared/sum.ts'), [[3, 4]]],
      ],
    );
  });

  it('runs Go’s tests without a go.mod, and names the lines of failures, panics and what does not compile', async function () {
    if (!hasGo) skip(this, 'no Go compiler on PATH');
    const { test, write, folder } = await make('go');
    await rm(join(folder, 'hello/go.mod'));
    const head = 'package function\n\nimport "testing"\n\n';
    const failed = async (source: string): Promise<readonly unknown[]> => {
      await write({ 'hello/handler_test.go': `${head}${source}` });
      const run = await test(['--only', 'unit', '--json', '--timeout', '5']);
      assert.equal(run.exitCode, 1, run.stdout);
      const [first] = casesOf(onlyTest(run), 'unit').filter(({ verdict }) => verdict === 'failed');
      return [
        first?.failure?.code,
        first?.file,
        first?.line,
        first?.failure?.message.replace(/ within.*| after .*/, ''),
      ];
    };
    const file = join(folder, 'hello/handler_test.go');
    assert.deepEqual(
      await failed('func TestA(t *testing.T) {\n\tt.Run("sub one", func(t *testing.T) { t.Error("nö") })\n}\n'),
      ['BAN-E640', file, 6, 'TestA › sub one: nö'],
    );
    assert.deepEqual(await failed('func TestA(t *testing.T) {\n\tvar m map[string]int\n\tm["a"] = 1\n}\n'), [
      'BAN-E640',
      file,
      7,
      'TestA: panic: assignment to entry in nil map [recovered, repanicked]',
    ]);
    assert.deepEqual(await failed('func TestA(t *testing.T) { nope() }\n'), [
      'BAN-E645',
      file,
      5,
      'hello: the unit tests cannot be compiled',
    ]);
  });

  it('names the missing compiler and the way out of it', async () => {
    const { test, folder } = await make('go');
    const path = process.env['PATH'];
    process.env['PATH'] = folder;
    const run = await test(['--json']).finally(() => {
      process.env['PATH'] = path;
    });
    const { failure, stages } = onlyTest(run);
    assert.match(failure?.message ?? '', /there is no `go` on the PATH/);
    assert.match(run.stdout, /bantam fn test --image/);
    assert.ok(stages.every(({ verdict }) => verdict === 'not run'));
  });

  it('tests again what has changed, and ends at Ctrl-C', async () => {
    const { test, write, folder } = await make('ts');
    const handler = await readFile(join(folder, 'hello/handler.ts'), 'utf8');
    const interrupt = new AbortController();
    const running = test(['--only', 'unit,examples', '--watch'], { signal: interrupt.signal });
    const { setTimeout: wait } = await import('node:timers/promises');
    // What a round writes is seen only at the end here: files tell how far it is.
    const rounds = async (expected: string): Promise<void> => {
      const end = performance.now() + 30_000;
      for (;;) {
        const text = await readFile(join(folder, 'rounds'), 'utf8').catch(() => '');
        if (text === expected) return;
        assert.ok(performance.now() < end, `rounds: ${JSON.stringify(text)}, expected ${JSON.stringify(expected)}`);
        await wait(20);
      }
    };
    const testOf = (word: string): string =>
      `import { appendFileSync } from 'node:fs';\nimport { after, test } from 'node:test';\nimport handle from './handler.ts';\ntest('a', async () => {\n  const answer = await handle(new Request('http://a/'), { log() {} } as Partial<Context> as Context);\n  const { message } = await answer.json() as { message: string };\n  appendFileSync(${JSON.stringify(join(folder, 'rounds'))}, '${word} ' + message + '; ');\n});\n`;
    try {
      await write({ 'hello/handler.test.ts': testOf('one') });
      await rounds('one Hello, world!; ');
      // The watcher begins when the first round has ended: write until it is heard.
      const until = async (change: () => Promise<void>, expected: RegExp): Promise<void> => {
        const end = performance.now() + 30_000;
        let next = 0;
        for (let turn = 0; ; turn += 1) {
          const text = await readFile(join(folder, 'rounds'), 'utf8');
          if (expected.test(text)) return;
          assert.ok(performance.now() < end, text);
          // Ever more seldom: a change ends the round before.
          if (turn === next) {
            next = 2 * turn + 50;
            await change();
          }
          await wait(20);
        }
      };
      await until(() => write({ 'hello/handler.ts': handler.replace('Hello, ', 'Moin, ') }), /one Moin, world!; $/);
      await until(() => write({ 'hello/handler.test.ts': testOf('two') }), /two Moin, world!; $/);
      // As another branch of the repository is checked out.
      await rename(join(folder, 'hello'), join(folder, 'away'));
      await write({ 'away/handler.ts': handler.replace('Hello, ', 'Servus, ') });
      await rename(join(folder, 'away'), join(folder, 'hello'));
      let again = false;
      await until(async () => {
        if (again) await write({ 'hello/handler.ts': handler.replace('Hello, ', 'Servus, ') });
        again = true;
      }, /two Servus, world!; $/);
      const more = testOf('three').replace('./handler.ts', '../handler.ts');
      let folders = 0;
      await until(async () => {
        folders += 1;
        await write({ [`hello/more-${folders}/new.test.ts`]: more });
      }, /three Servus, world!; /);
    } finally {
      interrupt.abort();
    }
    const { exitCode, stdout } = await running;
    assert.equal(exitCode, 130);
    assert.match(stdout, /^✓ hello {3}unit 1 in [\d.]+ s {3}examples 1 in [\d.]+ s\n/);
    assert.match(stdout, /— hello\/handler\.ts\n/);
  });

  for (const words of [
    ['--image', '--watch'],
    ['--path', '/a'],
    ['--only', 'units'],
    ['--timeout', '0'],
  ])
    it(`refuses ${words.join(' ')}`, async () => {
      const { test } = await make('ts');
      const run = await test([...words, '--json']);
      assert.equal(run.exitCode, 2);
      assert.match(run.stdout, /BAN-E001/);
    });

  it('passes over what is not built here, unless it is asked for by name', async () => {
    const { test, write } = await make('ts');
    await write({
      'stack.yml': 'provider:\n  name: openfaas\nfunctions:\n  nats:\n    skip_build: true\n    image: nats:2\n',
    });
    const all = await test([]);
    assert.deepEqual([all.exitCode, all.stdout], [0, 'nats\t\tskipped\t\t\t\tits image is not built here\n']);
    const named = await test(['nats', '--json']);
    assert.equal(named.exitCode, 1);
    assert.match(named.stdout, /nothing can be tested: nats: its image is not built here/);
  });
});
