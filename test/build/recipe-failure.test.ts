import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { bundleFunction } from '../../cli/build/recipe/bundle.ts';
import { compileFunction, platformEnvironment } from '../../cli/build/recipe/compile.ts';
import {
  type BundleDescription,
  type CompileDescription,
  readDescription,
} from '../../cli/build/recipe/description.ts';
import type { FunctionSource } from '../../cli/build/recipe/function-source.ts';
import { Interrupted, UserError } from '../../cli/errors.ts';
import { parsePlatform } from '../../cli/oci/platform.ts';
import type { ProgramResult } from '../../cli/tools/exec.ts';
import { skip } from '../real-parts.ts';
import {
  bundle,
  compile,
  type FunctionFiles,
  hasGo,
  makeContext,
  removeTemporaryFolders,
} from '../templates/build-context.ts';
import { buildWithRecipe, handlerFolder, sourceOf } from './recipe-source.ts';

const goMod = 'module handler/function\n\ngo 1.25.0\n';
const goHandler = (body: string, imports = ''): string =>
  `package function\n\nimport (\n\t"net/http"\n${imports})\n\nfunc Handle(w http.ResponseWriter, r *http.Request) {\n${body}}\n`;

/** Handlers that cannot be built, and a line that the user has to see, in the user's own folder. */
const broken: readonly {
  readonly name: string;
  readonly template: 'bantam-ts' | 'bantam-go';
  readonly files: FunctionFiles;
  readonly line: string;
}[] = [
  {
    name: 'a syntax error',
    template: 'bantam-ts',
    files: { 'lib/a.ts': 'const a = 1;\n\nconst = 2;\n', 'handler.ts': "import './lib/a.ts';\nexport default {};\n" },
    line: 'lib/a.ts:3:7: error: Expected identifier but found "="',
  },
  {
    name: 'imports that lead nowhere, in text that names the folder',
    template: 'bantam-ts',
    files: {
      'handler.ts': "import a from 'not-installed'; import b from './function/b.ts:';\nexport default [a, b];\n",
    },
    line: 'handler.ts:1:15: error: Could not resolve "not-installed": no dependency in the function\'s package.json is called so (devDependencies are not installed), and nothing in its folder; code that functions share gets there through configuration.copy of the stack file',
  },
  {
    name: 'an import that paths of a tsconfig.json lead out of its folder, where a file of the template is',
    template: 'bantam-ts',
    files: {
      'tsconfig.json': '{ "compilerOptions": { "paths": { "@code/*": ["../runtime/*"] } } }',
      'lib/a.ts': "\nimport { log } from '@code/log.ts';\nexport default log;\n",
      'handler.ts': "import a from './lib/a.ts';\nexport default a;\n",
    },
    line: 'lib/a.ts:2:21: error: "@code/log.ts" leads out of the function\'s folder, and only that folder goes into the image: add ./runtime to configuration.copy of the stack file, which puts a copy of it into every function\'s folder under its path from the stack file, and import ../runtime/log.ts',
  },
  {
    name: 'an import that the baseUrl of a tsconfig.json leads out of its folder',
    template: 'bantam-ts',
    files: {
      'tsconfig.json': '{ "compilerOptions": { "baseUrl": ".." } }',
      'handler.ts': "export * from 'runtime/log.ts';\nexport default {};\n",
    },
    line: 'handler.ts:1:15: error: "runtime/log.ts" leads out of the function\'s folder',
  },
  {
    name: 'a path that a package does not export, of which esbuild knows more',
    template: 'bantam-ts',
    files: { 'handler.ts': "import x from 'hono/nothing';\nexport default x;\n" },
    line: 'handler.ts:1:15: error: Could not resolve "hono/nothing"\n    import x',
  },
  {
    name: 'an import that paths lead to what is not in the build',
    template: 'bantam-ts',
    files: {
      'tsconfig.json': '{ "compilerOptions": { "paths": { "@shared/*": ["../shared/*"] } } }',
      'handler.ts': "import x from '@shared/x.ts';\nexport default x;\n",
    },
    line: 'handler.ts:1:15: error: Could not resolve "@shared/x.ts": no dependency in the function\'s package.json is called so',
  },
  {
    name: 'a folder elsewhere that a dependency depends on',
    template: 'bantam-ts',
    files: {
      'package.json': '{"dependencies":{"near":"file:./near"}}',
      'near/package.json':
        '{"name":"near","version":"1.0.0","main":"i.js","dependencies":{"far":"file:../../runtime"}}',
      'near/i.js': "\nmodule.exports = require('far/log.ts');\n",
      'handler.ts': "import near from 'near';\nexport default near;\n",
    },
    line: 'node_modules/near/i.js:2:26: error: "far/log.ts" leads out of the function\'s folder, and only that folder goes into the image: add ./runtime to',
  },
  {
    name: 'a link that leads out of its folder',
    template: 'bantam-ts',
    files: {
      'package.json': '{"dependencies":{"near":"file:./near"}}',
      'near/package.json': '{"name":"near","version":"1.0.0","dependencies":{"far":"file:../../runtime"}}',
      'handler.ts': "import { log } from 'far/log.ts';\nexport default log;\n",
    },
    line: 'handler.ts:1:21: error: "far/log.ts" leads out of the function\'s folder',
  },
  {
    name: 'an import out of its folder',
    template: 'bantam-ts',
    files: { 'handler.ts': "\nimport { x } from '../shared/x.ts';\nexport default x;\n" },
    line: 'handler.ts:2:19: error: "../shared/x.ts" leads out of the function\'s folder, and only that folder goes into the image: add ./shared to configuration.copy of the stack file, which puts a copy of it into every function\'s folder under its path from the stack file, and import ./shared/x.ts',
  },
  {
    name: 'an import of what is the template’s own',
    template: 'bantam-ts',
    files: {
      'handler.ts': "import './lib/a.ts';\nexport default {};\n",
      'lib/a.ts': "export { log } from '../../runtime/log.ts';\nconst a = require('/etc/passwd');\n",
    },
    line: 'lib/a.ts:1:21: error: "../../runtime/log.ts" leads out of the function\'s folder, and only that folder goes into the image: add ./runtime to configuration.copy of the stack file, which puts a copy of it into every function\'s folder under its path from the stack file, and import ../runtime/log.ts',
  },
  {
    name: 'a dependency that is a folder elsewhere',
    template: 'bantam-ts',
    files: {
      'handler.ts': 'export default {};\n',
      'package.json': '{\n  "dependencies": {\n    "shared": "file:../shared"\n  }\n}\n',
    },
    line: 'package.json:3: error: "file:../shared" leads out of the function\'s folder',
  },
  {
    name: 'a folder elsewhere that is a package for code past the bundle',
    template: 'bantam-ts',
    files: {
      'package.json': '{"dependencies":{"near":"file:./near"}}',
      'near/package.json': '{"name":"near","version":"1.0.0","dependencies":{"far":"file:../../far"}}',
      'worker.js': "require('far');\n",
      'handler.ts': 'export default {};\n',
      '../far/package.json': '{"name":"far","version":"1.0.0"}',
    },
    line: 'node_modules/far: error: this link leads out of the folder, to ',
  },
  {
    name: 'no handler',
    template: 'bantam-ts',
    files: { 'index.ts': '' },
    line: ': error: no handler here: one of handler.ts, handler.js, handler.mjs is needed',
  },
  {
    name: 'two handlers',
    template: 'bantam-ts',
    files: { 'handler.ts': '', 'handler.js': '' },
    line: ': error: more than one handler here (handler.ts, handler.js): leave one of them',
  },
  {
    name: 'no default export',
    template: 'bantam-ts',
    files: { 'handler.ts': 'export function handle() {}\n' },
    line: 'handler.ts:1:1: error: no default export',
  },
  {
    name: 'a native module of a dependency',
    template: 'bantam-ts',
    files: {
      'handler.ts': "import image from 'image';\nexport default image;\n",
      'node_modules/image/package.json': '{"name":"image","version":"1.0.0"}',
      'node_modules/image/index.js': "module.exports = require('@img/sharp/sharp.node');\n",
      'node_modules/@img/sharp/package.json': '{"name":"@img/sharp","version":"1.0.0"}',
      'node_modules/@img/sharp/sharp.node': '\x7fELF',
    },
    line: 'node_modules/image/index.js:1:26: error: @img/sharp is a native module',
  },
  {
    name: 'a native module by its loader',
    template: 'bantam-ts',
    files: {
      'handler.ts': "import db from 'db';\nexport default db;\n",
      'node_modules/db/package.json': '{"name":"db","version":"1.0.0"}',
      'node_modules/db/index.js': "module.exports = require('bindings')('db');\n",
    },
    line: 'node_modules/db/index.js:1:26: error: db is a native module',
  },
  {
    name: 'a package.json that is none',
    template: 'bantam-ts',
    files: { 'handler.ts': 'export default {};\n', 'package.json': '{"name"' },
    line: 'package.json: error: ',
  },
  {
    name: 'errors of the compiler',
    template: 'bantam-go',
    files: { 'go.mod': goMod, 'handler.go': goHandler('\tx := nothing\n') },
    line: 'handler.go:8:2: declared and not used: x',
  },
  {
    name: 'an import that leads nowhere',
    template: 'bantam-go',
    files: { 'go.mod': goMod, 'handler.go': goHandler('', '\t_ "example.com/nothing"\n') },
    line: 'go.mod: error: no module for example.com/nothing is listed: run `go get example.com/nothing`',
  },
  {
    name: 'a module that is replaced by a folder elsewhere',
    template: 'bantam-go',
    files: {
      'go.mod': `${goMod}require example.com/shared v0.0.0\n\nreplace example.com/shared => ../shared\n`,
      'handler.go': goHandler('', '\t_ "example.com/shared"\n'),
    },
    line: "go.mod:6: error: ../shared leads out of the function's folder, and only that folder goes into the image: add ./shared to configuration.copy of the stack file, which puts a copy of it into every function's folder under its path from the stack file, and write ./shared here",
  },
  {
    name: 'an import of a folder beside its own',
    template: 'bantam-go',
    files: { 'go.mod': goMod, 'handler.go': goHandler('', '\t_ "../shared"\n') },
    line: ": error: ../shared leads out of the function's folder",
  },
  {
    name: 'a handler of another shape',
    template: 'bantam-go',
    files: { 'go.mod': goMod, 'handler.go': 'package function\n\nfunc Handle() {}\n' },
    line: ': error: the handler is missing: package function is needed, with func Handle(',
  },
  {
    name: 'a broken go.mod',
    template: 'bantam-go',
    files: { 'go.mod': 'modul x\n', 'handler.go': goHandler('') },
    line: 'go.mod:1: unknown directive: modul',
  },
];

async function failureOf(work: Promise<unknown>): Promise<UserError> {
  const thrown = await work.then(
    () => assert.fail('it was built'),
    (error: unknown) => error,
  );
  assert.ok(thrown instanceof UserError, String(thrown));
  assert.ok(thrown.hint);
  return thrown;
}

describe('a function that the recipe cannot build', function () {
  this.timeout(120_000);
  after(removeTemporaryFolders);

  for (const { name, template, files, line } of broken) {
    it(`${template}, ${name}: the words of the template's script, in the user's folder`, async function () {
      if (template === 'bantam-go' && !hasGo) skip(this, 'no Go compiler on PATH');
      const context = await makeContext(template, files);
      const script = await (template === 'bantam-ts' ? bundle(context) : compile(context));
      assert.equal(script.code, 1);
      const other = await makeContext(template, files);
      const failure = await failureOf(buildWithRecipe(other, 'linux/amd64'));
      assert.equal(failure.code, 'BAN-E207');
      assert.equal(failure.message, 'hello: the handler does not compile');
      const wanted = `${handlerFolder}/${line}`;
      assert.ok(`${failure.details.join('\n')}\n`.includes(wanted), failure.details.join('\n'));
      const inContext = failure.details.map((detail) =>
        detail.replaceAll(`${handlerFolder}/`, 'function/').replaceAll(other, context),
      );
      assert.deepEqual(
        inContext,
        script.output
          .split('\n')
          .filter(
            (said) => said.trim() !== '' && !/^go build failed|^go: downloading |^added \d+ packages? in /.test(said),
          ),
      );
    });
  }
});

describe('what the recipe needs of the machine', () => {
  let typescript: FunctionSource & { readonly description: BundleDescription };
  let go: FunctionSource & { readonly description: CompileDescription };
  const platform = parsePlatform('linux/arm/v7');

  before(async () => {
    const context = await makeContext('bantam-ts', {
      'handler.ts': 'export default {};\n',
      'package.json': '{"dependencies":{"greeting":"1.0.0"}}',
    });
    const bundling = await readDescription(context);
    assert.ok(bundling.kind === 'bundle');
    typescript = { ...(await sourceOf(context)), description: bundling };
    const goContext = await makeContext('bantam-go');
    const compiling = await readDescription(goContext);
    assert.ok(compiling.kind === 'compile');
    go = { ...(await sourceOf(goContext)), description: compiling };
  });
  after(removeTemporaryFolders);

  const ending = (result: Partial<ProgramResult>): FunctionSource['run'] => {
    return async () => ({ exitCode: 1, stdout: '', stderr: '', missing: false, timedOut: false, ...result });
  };
  const missing = ending({ exitCode: undefined, missing: true });

  it('no Go compiler, no npm: says what to install', async () => {
    const noGo = await failureOf(compileFunction({ ...go, platform, run: missing }));
    assert.deepEqual([noGo.code, noGo.message], ['BAN-E222', 'hello: there is no `go` on the PATH']);
    assert.match(noGo.hint ?? '', /install Go 1\.26 or newer/);
    const noNpm = await failureOf(bundleFunction({ ...typescript, run: missing }));
    assert.deepEqual([noNpm.code, noNpm.message], ['BAN-E206', 'hello: there is no `npm` on the PATH']);
  });

  it('npm that fails: its last lines and where the dependency is asked for', async () => {
    const failure = await failureOf(
      bundleFunction({ ...typescript, run: ending({ stderr: 'npm error 404 greeting\n' }) }),
    );
    assert.deepEqual(
      [failure.code, failure.message],
      ['BAN-E206', "hello: npm could not install the function's dependencies"],
    );
    assert.deepEqual(failure.details, [
      'npm error 404 greeting',
      `${handlerFolder}/package.json: error: npm could not install the function's dependencies (see above)`,
    ]);
  });

  it('a compiler that hangs is an error that says so', async () => {
    const failure = await failureOf(compileFunction({ ...go, platform, run: ending({ timedOut: true }) }));
    assert.match(failure.message, /^hello: go mod did not end within 20 minutes$/);
  });

  it('another esbuild than the template pins, options that esbuild does not have, files that it does not make', async () => {
    const run = ending({ exitCode: 0 });
    const { description } = typescript;
    const other = await failureOf(
      bundleFunction({ ...typescript, run, description: { ...description, version: '0.1.0' } }),
    );
    assert.match(other.message, /^the template asks for esbuild 0\.1\.0, here is 0\.\d+\.\d+$/);
    for (const [changed, reason] of [
      [{ minifyEverything: true }, 'Invalid option in context() call: "minifyEverything"'],
      [{ format: 'cool' }, 'Invalid value "cool" in "--format=cool"'],
      [{ platform: 1 }, '"platform" must be a string'],
    ] as const) {
      const options = { ...description.options, ...changed };
      const refused = await failureOf(bundleFunction({ ...typescript, run, description: { ...description, options } }));
      assert.equal(refused.code, 'BAN-E112');
      assert.ok(refused.message.endsWith(`build.json: options: ${reason}`), refused.message);
    }
    const files = [{ path: 'app/other.mjs', mode: 0o644, directory: false }];
    const absent = await failureOf(bundleFunction({ ...typescript, run, description: { ...description, files } }));
    assert.match(absent.message, /build\.json: files: esbuild makes no app\/other\.mjs$/);
    assert.ok(!existsSync(typescript.into));
  });

  it('ends when it is interrupted', async () => {
    const stop = new AbortController();
    const run: FunctionSource['run'] = async () => {
      stop.abort();
      return { exitCode: 0, stdout: '', stderr: '', missing: false, timedOut: false };
    };
    await assert.rejects(bundleFunction({ ...typescript, run, signal: stop.signal }), Interrupted);
    const { run: realRun } = go;
    await assert.rejects(compileFunction({ ...go, platform, run: realRun, signal: stop.signal }), Interrupted);
  });

  it('hands on what esbuild warns of, in the user’s folder', async () => {
    const context = await makeContext('bantam-ts', {
      'handler.ts': 'export default () => new Response(String(process.pid === -0));\n',
    });
    const { warnings } = await bundleFunction({ ...typescript, ...(await sourceOf(context)) });
    assert.match(warnings[0] ?? '', /^\/home\/pi\/münchen functions\/hello\/handler\.ts:1:\d+: warning: /);
    assert.equal(warnings.filter((line) => line.includes('warning: ')).length, 1);
  });

  it('names platforms as Go does', () => {
    for (const [text, wanted] of Object.entries({
      'linux/amd64': { GOOS: 'linux', GOARCH: 'amd64' },
      'linux/amd64/v3': { GOOS: 'linux', GOARCH: 'amd64', GOAMD64: 'v3' },
      'linux/arm64/v8': { GOOS: 'linux', GOARCH: 'arm64' },
      'linux/arm/v6': { GOOS: 'linux', GOARCH: 'arm', GOARM: '6' },
      'linux/arm': { GOOS: 'linux', GOARCH: 'arm', GOARM: '7' },
    }))
      assert.deepEqual(platformEnvironment(parsePlatform(text)), wanted, text);
  });
});
