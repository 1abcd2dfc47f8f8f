import assert from 'node:assert/strict';
import { cp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { bundle, type FunctionFiles, makeContext, removeTemporaryFolders, run, writeFiles } from './build-context.ts';
import { endReplicas, type ReplicaProcess, startProcess, startReplica } from './replica-process.ts';

async function startFunction(files?: FunctionFiles): Promise<ReplicaProcess> {
  const built = await bundle(await makeContext('bantam-ts', files));
  assert.equal(built.code, 0, built.output);
  assert.equal(built.output, '');
  return startReplica(built.root, 'ts');
}

async function failToBundle(files: FunctionFiles): Promise<string> {
  const built = await bundle(await makeContext('bantam-ts', files));
  assert.equal(built.code, 1, built.output);
  assert.doesNotMatch(built.output, /^\s+at /m, 'a mistake of the user needs no stack');
  return built.output;
}

const answering = (expression: string): string =>
  `export default async function (request: Request): Promise<Response> { return Response.json(${expression}); }\n`;

describe('bantam-ts: what a handler may be', () => {
  afterEach(endReplicas);
  after(removeTemporaryFolders);

  it('the sample that a new function starts with', async () => {
    const replica = await startFunction();
    const response = await fetch(replica.url, { method: 'POST', body: JSON.stringify({ name: 'Pi' }) });
    assert.deepEqual(await response.json(), { message: 'Hello, Pi!' });
    assert.match(
      await replica.waitForLine(/greets/),
      new RegExp(`call ${response.headers.get('x-call-id')}: greets Pi`),
    );
  });

  it('a Hono app, with the context as its c.env', async () => {
    const replica = await startFunction({
      'package.json': '{"type":"module"}',
      'handler.ts': `import { Hono } from 'hono';
const app = new Hono<{ Bindings: Context }>();
app.get('/items/:id', (c) => c.json({ id: c.req.param('id'), callId: c.env.callId }));
export default app;
`,
    });
    const response = await fetch(`${replica.url}/items/7`, { headers: { 'X-Call-Id': 'call-1' } });
    assert.deepEqual(await response.json(), { id: '7', callId: 'call-1' });
    assert.equal((await fetch(`${replica.url}/nothing`)).status, 404);
  });

  it('a module with top-level await', async () => {
    const replica = await startFunction({
      'handler.ts': `import { setTimeout } from 'node:timers/promises';\nconst ready = await setTimeout(1, 'awaited');\n${answering('ready')}`,
    });
    assert.equal(await (await fetch(replica.url)).json(), 'awaited');
  });

  it('a CommonJS dependency that requires a builtin, beside top-level await', async () => {
    const replica = await startFunction({
      'handler.ts': `import old from 'old';\nconst name = await Promise.resolve(old.nameOf('/a/b.txt'));\n${answering('{ name, folder: old.folder() }')}`,
      'node_modules/old/package.json': '{"name":"old","version":"1.0.0","main":"index.js"}',
      'node_modules/old/index.js':
        "const path = require('path');\nexports.nameOf = (file) => path.basename(file);\nexports.folder = () => typeof __dirname + typeof __filename;\n",
    });
    assert.deepEqual(await (await fetch(replica.url)).json(), { name: 'b.txt', folder: 'stringstring' });
  });

  it('one with its own require, __filename and __dirname, as ESM idiom has it', async () => {
    const replica = await startFunction({
      'handler.ts': `import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
const require = createRequire(import.meta.url);
const __filename = fileURLToPath(import.meta.url);
const __dirname = dirname(__filename);
${answering("[require('node:os').EOL, typeof __dirname]")}`,
    });
    assert.deepEqual(await (await fetch(replica.url)).json(), ['\n', 'string']);
  });

  it('one that imports JSON and text', async () => {
    const replica = await startFunction({
      'handler.ts': `import settings from './settings.json';\nimport words from './words.txt';\n${answering('[settings.a, words]')}`,
      'settings.json': '{"a":1}',
      'words.txt': 'plain\n',
    });
    assert.deepEqual(await (await fetch(replica.url)).json(), [1, 'plain\n']);
  });

  for (const [name, text] of [
    ['handler.js', 'module.exports = async () => new Response("CommonJS");\n'],
    ['handler.js', 'exports.default = async () => new Response("CommonJS");\nexports.__esModule = true;\n'],
    ['handler.js', 'exports.default = async (request) => new Response(request.method + " CommonJS");\n'],
    ['handler.js', 'module.exports = { fetch: () => new Response("CommonJS") };\n'],
    ['handler.mjs', 'export default () => new Response("not even async");\n'],
  ] as const) {
    it(`${name}: ${text.trim()}`, async () => {
      const replica = await startFunction({ [name]: text, 'package.json': '{}' });
      assert.match(await (await fetch(replica.url)).text(), /CommonJS|not even async/);
    });
  }

  for (const [kind, files] of Object.entries<FunctionFiles>({
    'module.exports': {
      'package.json':
        '{"main":"handler.js","type":"commonjs","devDependencies":{"not-there":"1"},"scripts":{"test":"exit 1"}}',
      'handler.js': 'module.exports = async (event, context) => context.status(201).succeed(event.body.name);\n',
    },
    'a callback': {
      'package.json': '{}',
      'handler.js':
        'module.exports = function (event, context, callback) { context.status(201); callback(null, event.body.name); };\n',
    },
    'export = of TypeScript': {
      'handler.ts':
        'async function handle(event: { body: { name: string } }, context: { status(code: number): void }): Promise<string> { context.status(201); return event.body.name; }\nexport = handle;\n',
    },
  })) {
    it(`one of the official Node templates: ${kind}`, async () => {
      const replica = await startFunction(files);
      const response = await fetch(replica.url, {
        method: 'POST',
        body: '{"name":"Pi"}',
        headers: { 'Content-Type': 'application/json' },
      });
      assert.deepEqual(
        [response.status, response.headers.get('content-type'), await response.text()],
        [201, 'text/html; charset=utf-8', 'Pi'],
      );
      assert.equal((await fetch(replica.url, { method: 'POST', body: 'x'.repeat(200_000) })).status, 413);
    });
  }

  it('one of the official Node templates that fails is a 500 and a line with the call, and the process lives', async () => {
    const replica = await startFunction({
      'handler.js': `module.exports = (event, context) => {
  if (event.path === '/sync') throw new Error('at once');
  if (event.path === '/reject') return Promise.reject(new Error('later'));
  if (event.path === '/twice') { context.succeed('one'); context.succeed('two'); return; }
  if (event.path === '/late') setTimeout(() => { context.fail(new Error('much later')); }, 5);
  return 'fine';
};
`,
    });
    const ask = async (path: string): Promise<[number, string]> => {
      const response = await fetch(replica.url + path, { headers: { 'X-Call-Id': `id${path.slice(1)}` } });
      return [response.status, await response.text()];
    };
    assert.equal((await ask('/sync'))[0], 500);
    await replica.waitForLine(/idsync.*at once.*handler\.js:2:/);
    assert.deepEqual(await ask('/reject'), [500, 'Error: later']);
    await replica.waitForLine(/idreject.*later.*handler\.js:3:/);
    assert.deepEqual(await ask('/twice'), [200, 'one']);
    await replica.waitForLine(/idtwice.*only its first answer counts/);
    assert.deepEqual(await ask('/late'), [200, 'fine']);
    await replica.waitForLine(/idlate.*failed after it had answered.*much later/);
    assert.deepEqual(await ask('/'), [200, 'fine']);
  });

  it('one with limits that make no sense does not start', async () => {
    const built = await bundle(await makeContext('bantam-ts', { 'handler.js': 'module.exports = () => 1;\n' }));
    const replica = startProcess(built.root, 'ts', { MAX_JSON_SIZE: 'plenty' });
    assert.equal(await replica.ended, 1);
    assert.match(replica.output(), /MAX_JSON_SIZE is "plenty"/);
  });

  it('pays for the official shape only where it has it', async () => {
    const modern = await bundle(await makeContext('bantam-ts'));
    const official = await bundle(await makeContext('bantam-ts', { 'handler.js': 'module.exports = () => 1;\n' }));
    const [without, withIt] = await Promise.all(
      [modern, official].map(({ root }) => readFile(join(root, 'app/function.mjs'), 'utf8')),
    );
    assert.doesNotMatch(without ?? '', /MAX_RAW_SIZE|arrayLimit/);
    assert.match(withIt ?? '', /MAX_RAW_SIZE/);
  });

  it('one whose dependency only tries a native module and goes on without', async () => {
    const replica = await startFunction({
      'handler.ts': `import fast from 'fast';\n${answering('fast')}`,
      'node_modules/fast/package.json': '{"name":"fast","version":"1.0.0"}',
      'node_modules/fast/index.js':
        "let kind = 'plain';\ntry { kind = require('node-gyp-build')(__dirname); } catch { kind = 'fallback'; }\nmodule.exports = kind;\n",
      'node_modules/node-gyp-build/package.json': '{"name":"node-gyp-build","version":"4.8.4"}',
      'node_modules/node-gyp-build/index.js': 'module.exports = () => { throw new Error("not here"); };\n',
    }).catch((error) => error);
    assert.ok(!(replica instanceof Error), String(replica));
    assert.equal(await (await fetch(replica.url)).json(), 'fallback');
  });

  it('one that returns something else is a 500 that says so in the log', async () => {
    const replica = await startFunction({ 'handler.ts': 'export default async () => "text";\n' });
    assert.equal((await fetch(replica.url)).status, 500);
    assert.match(await replica.waitForLine(/failed/), /the handler returned string, not a Response/);
  });

  it('hears when the caller goes away', async () => {
    const replica = await startFunction({
      'handler.ts': `export default async function (request: Request, context: Context): Promise<Response> {
  return new Promise((resolve) => {
    context.signal.addEventListener('abort', () => { context.log('gone'); resolve(new Response()); });
    context.log('waiting');
  });
}`,
    });
    const leaving = new AbortController();
    const call = fetch(replica.url, { signal: leaving.signal });
    await replica.waitForLine(/waiting/);
    leaving.abort();
    await assert.rejects(call, { name: 'AbortError' });
    await replica.waitForLine(/gone/);
  });

  it('opens the port before the handler is loaded, is not healthy until then, and lets early calls wait', async () => {
    const built = await bundle(
      await makeContext('bantam-ts', {
        'handler.ts': `const started = new Promise((resolve) => process.once('SIGUSR2', resolve));\nawait started;\n${answering("'loaded'")}`,
      }),
    );
    const replica = startProcess(built.root, 'ts');
    await replica.waitForLine(/listening/);
    assert.equal((await fetch(`${replica.url}/_/health`)).status, 503);
    assert.equal((await fetch(`${replica.url}/_/ready`)).status, 503);
    const early = fetch(replica.url);
    replica.child.kill('SIGUSR2');
    assert.equal(await (await early).json(), 'loaded');
    assert.equal((await fetch(`${replica.url}/_/health`)).status, 200);
    assert.equal((await fetch(`${replica.url}/_/ready`)).status, 200);
  });

  for (const [name, text, reason, file] of [
    [
      'throws while it is loaded',
      `throw new Error('no database');\n${answering('1')}`,
      /no database[\s\S]*handler\.ts:1:7/,
      'handler.ts',
    ],
    ['exports no function', 'export default 42;\n', /default export is of type number/, 'handler.ts'],
    [
      'is CommonJS without a function',
      'exports.handler = async () => "AWS";\n',
      /module\.exports of the handler is of type object: a function \(event, context\) is needed/,
      'handler.js',
    ],
  ] as const) {
    it(`ends with 1 and the reason when the handler ${name}`, async () => {
      const built = await bundle(await makeContext('bantam-ts', { [file]: text }));
      assert.equal(built.code, 0, built.output);
      const replica = startProcess(built.root, 'ts');
      assert.equal(await replica.ended, 1);
      assert.match(replica.output(), reason);
    });
  }
});

describe('bantam-ts: what cannot be built says why', () => {
  after(removeTemporaryFolders);

  it('a syntax error, with file, line and column', async () => {
    const output = await failToBundle({ 'handler.ts': 'const a = 1;\n\nconst = 2;\n' });
    assert.match(output, /^function\/handler\.ts:3:7: error: Expected identifier but found "="$/m);
    assert.match(output, /^ {4}const = 2;$/m);
  });

  it('every import that leads nowhere, at once', async () => {
    const output = await failToBundle({
      'handler.ts': `import a from 'not-installed';\nimport b from './lib/missing.ts';\n${answering('[a, b]')}`,
    });
    assert.match(
      output,
      /^function\/handler\.ts:1:15: error: Could not resolve "not-installed": no dependency in .* configuration\.copy of the stack file$/m,
    );
    assert.match(output, /^function\/handler\.ts:2:15: error: Could not resolve "\.\/lib\/missing\.ts"$/m);
  });

  it('a compiled file of a package, by the name of the package', async () => {
    const output = await failToBundle({
      'handler.ts': `import sharp from '@img/sharp';\n${answering('sharp')}`,
      'node_modules/@img/sharp/package.json': '{"name":"@img/sharp","version":"1.0.0"}',
      'node_modules/@img/sharp/index.js': "module.exports = require('./build/sharp.node');\n",
      'node_modules/@img/sharp/build/sharp.node': '\x7fELF',
    });
    assert.match(output, /error: @img\/sharp is a native module: .*lang: dockerfile/);
  });

  it('a package that loads compiled code through a loader', async () => {
    const output = await failToBundle({
      'handler.ts': `import db from 'some-database';\n${answering('db')}`,
      'node_modules/some-database/package.json': '{"name":"some-database","version":"1.0.0"}',
      'node_modules/some-database/index.js': "module.exports = require('bindings')('db');\n",
      'node_modules/bindings/package.json': '{"name":"bindings","version":"1.5.0"}',
      'node_modules/bindings/bindings.js': 'module.exports = () => {};\n',
    });
    assert.match(
      output,
      /^function\/node_modules\/some-database\/index\.js:1:\d+: error: some-database is a native module/m,
    );
  });

  it('no handler, two handlers, no default export', async () => {
    assert.match(await failToBundle({ 'index.ts': '' }), /^function\/: error: no handler here: one of handler\.ts, /);
    assert.match(
      await failToBundle({ 'handler.ts': answering('1'), 'handler.js': '' }),
      /^function\/: error: more than one handler here \(handler\.ts, handler\.js\)/,
    );
    assert.match(
      await failToBundle({ 'handler.ts': 'export async function handle() {}\n' }),
      /^function\/handler\.ts:1:1: error: no default export/,
    );
  });

  it('a package.json that is none', async () => {
    const context = await makeContext('bantam-ts', { 'handler.ts': answering('1'), 'package.json': '{"name"' });
    const ended = await run(process.execPath, ['build.mjs', 'install'], { cwd: context });
    assert.equal(ended.code, 1);
    assert.match(ended.output, /^function\/package\.json: error: /);
  });
});

describe('bantam-ts: dependencies', () => {
  afterEach(endReplicas);
  after(removeTemporaryFolders);

  it('installs nothing when the handler needs nothing, whatever its tools are', async () => {
    const context = await makeContext('bantam-ts');
    const ended = await run(process.execPath, ['build.mjs', 'install'], { cwd: context, env: { PATH: '/nowhere' } });
    assert.deepEqual(ended, { code: 0, output: '' });
  });

  it('installs a dependency that is a folder once its sources are there, and bundles it', async () => {
    const context = await makeContext('bantam-ts', {
      'package.json': '{"type":"module","dependencies":{"greeting":"file:./greeting"}}',
      'greeting/package.json': '{"name":"greeting","version":"1.0.0","type":"module","exports":"./index.js"}',
      'greeting/index.js': "export const greeting = 'hello from a folder';\n",
      'handler.ts': `import { greeting } from 'greeting';\n${answering('greeting')}`,
    });
    const early = await run(process.execPath, ['build.mjs', 'install'], { cwd: context, env: { PATH: '/nowhere' } });
    assert.deepEqual(early, { code: 0, output: '' });
    const built = await bundle(context);
    assert.equal(built.code, 0, built.output);
    const replica = await startReplica(built.root, 'ts');
    assert.equal(await (await fetch(replica.url)).json(), 'hello from a folder');
  });

  it('says that npm could not install them', async () => {
    const context = await makeContext('bantam-ts', {
      'package.json': '{"dependencies":{"greeting":"1.0.0"}}',
      'handler.ts': answering('1'),
    });
    const env = { npm_config_offline: 'true', npm_config_cache: join(context, 'empty') };
    const ended = await run(process.execPath, ['build.mjs', 'install'], { cwd: context, env });
    assert.equal(ended.code, 1);
    assert.match(ended.output, /ENOTCACHED[\s\S]*function\/package\.json: error: npm could not install/);
  });
});

describe('bantam-ts: types, with nothing installed', () => {
  after(removeTemporaryFolders);

  const checkTypes = async (folder: string): Promise<string> => {
    const compiler = join(import.meta.dirname, '../../node_modules/typescript/bin/tsc');
    return (await run(process.execPath, [compiler, '--pretty', 'false', '-p', folder], { cwd: folder })).output;
  };

  it('a new handler has no error, also one that uses a secret, the environment and JSON', async () => {
    const folder = join(await makeContext('bantam-ts'), 'function');
    await rm(join(folder, 'handler.test.ts'));
    await writeFiles(folder, {
      'words.txt': '',
      'more.ts': `import words from './words.txt';
export const more: Handler = async (request, context) =>
  new Response((await context.secret('a')) + (process.env['HOME'] ?? '') + words + request.url, { headers: new Headers() });
`,
    });
    assert.equal(await checkTypes(folder), '');
  });

  it('mistakes are found', async () => {
    const folder = join(await makeContext('bantam-ts'), 'function');
    await rm(join(folder, 'handler.test.ts'));
    await writeFiles(folder, {
      'handler.ts': 'export default ((request, context) => context.secrets("a")) satisfies Handler;\n',
    });
    assert.match(await checkTypes(folder), /^handler\.ts\(1,47\): error TS2551: Property 'secrets' does not exist/m);
  });

  it('node: modules and the unit test are typed once the packages of the function are installed', async () => {
    const context = await makeContext('bantam-ts');
    const folder = join(context, 'function');
    assert.match(await checkTypes(folder), /handler\.test\.ts.*TS2591/);
    await installTypes(folder);
    assert.equal(await checkTypes(folder), '');
  });

  it("the user's Context is the runtime's", async () => {
    const context = await makeContext('bantam-ts');
    await installTypes(context);
    await writeFiles(context, {
      'tsconfig.json': JSON.stringify({
        extends: './function/tsconfig.json',
        compilerOptions: { types: ['node'] },
        files: ['same.ts', 'function/bantam.d.ts'],
        include: [],
      }),
      'same.ts': `import type { Context as Given } from './runtime/context.ts';
export const there = (given: Given): Context => given;
export const back = (promised: Context): Given => promised;
export const names: Record<keyof Given, 0> = {} as Record<keyof Context, 0>;
`,
    });
    assert.equal(await checkTypes(context), '');
  });

  async function installTypes(folder: string): Promise<void> {
    const types = join(folder, 'node_modules');
    await rm(types, { force: true });
    for (const name of ['@types/node', 'undici-types']) {
      await cp(join(import.meta.dirname, '../../node_modules', name), join(types, name), { recursive: true });
    }
  }
});
