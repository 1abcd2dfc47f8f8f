import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  bundle,
  type FunctionFiles,
  makeContext,
  makeTemporaryFolder,
  removeTemporaryFolders,
  templates,
} from './build-context.ts';
import { endReplicas, startReplica } from './replica-process.ts';

async function build(files: FunctionFiles): Promise<string> {
  const built = await bundle(await makeContext('bantam-ts', files));
  assert.deepEqual([built.code, built.output], [0, '']);
  return built.root;
}

/** The answer to GET / of a function that was built, as text. */
async function askFunction(files: FunctionFiles): Promise<{ root: string; answer: string }> {
  const root = await build(files);
  const replica = await startReplica(root, 'ts');
  const response = await fetch(replica.url);
  const answer = await response.text();
  assert.equal(response.status, 200, answer + replica.output());
  return { root, answer };
}

async function listHome(root: string): Promise<string[]> {
  const found = await readdir(join(root, 'home/app'), { recursive: true, withFileTypes: true });
  return found
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(join(root, 'home/app/').length))
    .sort();
}

describe('files beside a handler', () => {
  afterEach(endReplicas);
  after(removeTemporaryFolders);

  it('CommonJS finds them by __dirname, by a path from the working directory, and where a file of its own lies', async () => {
    const { root, answer } = await askFunction({
      'handler.js': `'use strict'
const fs = require('fs')
const path = require('path')
const deep = require('./lib/deep')
module.exports = async (event, context) => [
  fs.readFileSync(path.join(__dirname, 'static', 'index.html'), 'utf8'),
  fs.readFileSync('./function/static/index.html', 'utf8'),
  path.relative(process.cwd(), __filename),
  ...deep,
]
`,
      'lib/deep.js':
        "module.exports = [require('path').relative(process.cwd(), __dirname), require('fs').readFileSync(__dirname + '/deep.txt', 'utf8'), require(require('path').join(__dirname, '..', 'data' + '.json')).a];\n",
      'lib/deep.txt': 'deep',
      'static/index.html': '<p>',
      'data.json': '{"a":1}',
    });
    assert.deepEqual(JSON.parse(answer), ['<p>', '<p>', 'function/handler.js', 'function/lib', 'deep', 1]);
    assert.deepEqual(await listHome(root), [
      'function/data.json',
      'function/handler.js',
      'function/lib/deep.js',
      'function/lib/deep.txt',
      'function/package.json',
      'function/static/index.html',
    ]);
  });

  it('ES modules find them by import.meta, and by names of their own', async () => {
    const { answer } = await askFunction({
      'package.json': '{"type":"module"}',
      'handler.ts': `import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { here, bantamUrl } from './lib/here.ts';
const __filename = fileURLToPath(import.meta.url);
const __dirname = dirname(__filename);
const seen: unknown[] = [
  readFileSync(new URL('./words.md', import.meta.url), 'utf8'),
  readFileSync(join(__dirname, 'words.md'), 'utf8'),
  relative(process.cwd(), import.meta.dirname ?? ''),
  relative(process.cwd(), import.meta.filename ?? ''),
  relative(process.cwd(), here),
  bantamUrl,
];
export default async (): Promise<Response> => Response.json(seen);
`,
      'lib/here.ts': "export const here: string = import.meta.filename ?? '';\nexport const bantamUrl = 'mine';\n",
      'words.md': '# words',
    });
    assert.deepEqual(JSON.parse(answer), [
      '# words',
      '# words',
      'function',
      'function/handler.ts',
      'function/lib/here.ts',
      'mine',
    ]);
  });

  it('a worker thread and a module chosen at run time are files, too', async () => {
    const { answer } = await askFunction({
      'handler.js': `const { once } = require('events');
const { Worker } = require('worker_threads');
const path = require('path');
module.exports = async (event) => {
  const [said] = await once(new Worker(path.join(__dirname, 'worker.js')), 'message');
  return [said, require(path.join(__dirname, 'plugins', event.query.plugin || 'one')), require.resolve('./worker.js') === path.join(__dirname, 'worker.js')];
};
`,
      'worker.js': "require('worker_threads').parentPort.postMessage(require('./plugins/one') + ' in a thread');\n",
      'plugins/one.js': "module.exports = 'plugin one';\n",
    });
    assert.deepEqual(JSON.parse(answer), ['plugin one in a thread', 'plugin one', true]);
  });

  it('a function that chooses at run time what it requires runs from where it lies, each module only once', async () => {
    const { answer } = await askFunction({
      'package.json': '{"main":"handler.js"}',
      'handler.js': `const state = require('./lib/state');
const plain = require('plain');
module.exports = async (event, context) => {
  state.count = 7;
  const route = event.path.split('/')[1] || 'list';
  return require('./routes/' + route)() + plain + require('./routes/' + route + '.js')();
};
`,
      'routes/list.js': "const state = require('../lib/state');\nmodule.exports = () => 'list ' + state.count + ' ';\n",
      'lib/state.js': 'exports.count = 0;\n',
      'node_modules/plain/package.json': '{"name":"plain","version":"1.0.0"}',
      'node_modules/plain/index.js': "module.exports = 'plain ';\n",
    });
    assert.equal(answer, 'list 7 plain list 7 ');
  });

  it('what is secret, for tests, for types or for the package manager stays out', async () => {
    const root = await build({
      'handler.ts': 'export default async () => new Response();\n',
      'handler.test.ts': '',
      'types.d.ts': '',
      'tsconfig.json': '{}',
      'package.json': '{"type":"module"}',
      'package-lock.json': '{}',
      'page.test.js': '',
      'tests/hello.http.yml': '',
      'tests/secrets/token': 't',
      'tests/client.js': "require('nowhere');\n",
      'deep/tests/a.txt': 'a user’s own',
      'openapi.spec.js': '',
      '.env': 'A=1',
      '.env.local': 'A=1',
      '.npmrc': '//registry/:_authToken=1',
      '.secrets/key': 'k',
      '.bantam/password': 'p',
      'logs/a.log': '',
      '.well-known/security.txt': 'Contact: x',
      'deep/.env': 'A=1',
      'README.md': 'read',
    });
    assert.deepEqual(await listHome(root), [
      'function/.well-known/security.txt',
      'function/README.md',
      'function/deep/tests/a.txt',
      'function/openapi.spec.js',
      'function/package.json',
    ]);
  });

  it('a function without any still has its folder and its working directory', async () => {
    const { root, answer } = await askFunction({
      'handler.ts': 'export default async () => new Response(process.cwd());\n',
    });
    assert.equal(answer, join(root, 'home/app'));
  });

  it('a link within the folder is its file, one that leads out is refused', async () => {
    const context = await makeContext('bantam-ts', {
      'handler.ts': 'export default async () => new Response();\n',
      'data/a.txt': 'a',
    });
    await symlink('data', join(context, 'function/same'));
    const inside = await bundle(context);
    assert.deepEqual([inside.code, inside.output], [0, '']);
    assert.equal(await readFile(join(inside.root, 'home/app/function/same/a.txt'), 'utf8'), 'a');
    const elsewhere = await makeTemporaryFolder();
    await mkdir(join(elsewhere, 'private'));
    await writeFile(join(elsewhere, 'private/key'), 'k');
    await symlink(join(elsewhere, 'private'), join(context, 'function/out'));
    const outside = await bundle(context);
    assert.equal(outside.code, 1);
    assert.match(outside.output, /^function\/out: error: this link leads out of the folder, to \S+/);
    await assert.rejects(readFile(join(outside.root, 'home/app/function/out/key')));
  });

  it('what Docker never sees is left out anyway', async () => {
    const ignored = (await readFile(join(templates, 'bantam-ts/.dockerignore'), 'utf8'))
      .split('\n')
      .filter((line) => line.startsWith('**/'))
      .map((line) => line.slice(3));
    const { beside } = JSON.parse(await readFile(join(templates, 'bantam-ts/build.json'), 'utf8'));
    assert.ok(ignored.length > 5);
    assert.deepEqual(
      ignored.filter((name) => !beside.leftOut.includes(name)),
      [],
    );
  });
});

describe('packages that read files of their own', () => {
  afterEach(endReplicas);
  after(removeTemporaryFolders);

  const fonts = {
    'node_modules/fonts/package.json':
      '{"name":"fonts","version":"1.0.0","main":"lib/index.js","dependencies":{"shared":"1"}}',
    'node_modules/fonts/lib/index.js':
      "exports.read = () => require('fs').readFileSync(__dirname + '/../data/a.font', 'utf8');\nexports.shared = require('shared');\n",
    'node_modules/fonts/data/a.font': 'a font',
    'node_modules/fonts/build/Release/fast.node': '\x7fELF',
    'node_modules/shared/package.json': '{"name":"shared","version":"1.0.0","dependencies":{"gone":"1"}}',
    'node_modules/shared/index.js': "module.exports = { one: require('os').EOL };\n",
    'node_modules/plain/package.json': '{"name":"plain","version":"1.0.0","dependencies":{"shared":"1"}}',
    'node_modules/plain/index.js': "exports.shared = require('shared');\n",
  };

  it('are not bundled, with what they depend on, and are there only once', async () => {
    const { root, answer } = await askFunction({
      ...fonts,
      'handler.js':
        "const fonts = require('fonts');\nconst plain = require('plain');\nmodule.exports = async () => [fonts.read(), plain.shared === fonts.shared, require('shared') === fonts.shared];\n",
    });
    assert.deepEqual(JSON.parse(answer), ['a font', true, true]);
    assert.deepEqual(await listHome(root), [
      'function/handler.js',
      'function/node_modules/fonts/data/a.font',
      'function/node_modules/fonts/lib/index.js',
      'function/node_modules/fonts/package.json',
      'function/node_modules/shared/index.js',
      'function/node_modules/shared/package.json',
      'function/package.json',
    ]);
  });

  it('of ES modules as well, by default and by name, with a version of their own of a dependency', async () => {
    const { root, answer } = await askFunction({
      ...fonts,
      'node_modules/views/package.json':
        '{"name":"views","version":"1.0.0","type":"module","exports":"./index.js","dependencies":{"shared":"2"}}',
      'node_modules/views/index.js':
        "import { readFileSync } from 'node:fs';\nimport shared from 'shared';\nexport * from './more.js';\nexport default () => readFileSync(new URL('./a.view', import.meta.url), 'utf8') + shared;\n",
      'node_modules/views/more.js': 'export const more = 2;\n',
      'node_modules/views/a.view': 'a view ',
      'node_modules/views/node_modules/shared/package.json': '{"name":"shared","version":"2.0.0"}',
      'node_modules/views/node_modules/shared/index.js': "module.exports = 'two';\n",
      'handler.ts':
        "import render, { more } from 'views';\nimport fonts, { read } from 'fonts';\nexport default async (): Promise<Response> => Response.json([render(), more, read() === fonts.read()]);\n",
    });
    assert.deepEqual(JSON.parse(answer), ['a view two', 2, true]);
    assert.ok((await listHome(root)).includes('function/node_modules/views/node_modules/shared/index.js'));
  });

  it('and packages that only a worker thread or a require of its own asks for', async () => {
    const { root, answer } = await askFunction({
      'package.json': '{"type":"module"}',
      'handler.ts': `import { once } from 'node:events';
import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
const require = createRequire(import.meta.url);
const plain = require('plain');
export default async (): Promise<Response> => {
  const [said] = await once(new Worker(new URL('./worker.js', import.meta.url)), 'message');
  return Response.json([said, typeof plain.shared]);
};
`,
      'worker.js':
        "import { parentPort } from 'node:worker_threads';\nimport worked from 'only-there';\nparentPort.postMessage(worked);\n",
      'node_modules/only-there/package.json': '{"name":"only-there","version":"1.0.0"}',
      'node_modules/only-there/index.js': "module.exports = 'worked';\n",
      'node_modules/never/package.json': '{"name":"never","version":"1.0.0"}',
      'node_modules/never/index.js': '',
      'node_modules/shared/package.json': '{"name":"shared","version":"1.0.0"}',
      'node_modules/shared/index.js': 'module.exports = {};\n',
      'node_modules/plain/package.json': '{"name":"plain","version":"1.0.0","dependencies":{"shared":"1"}}',
      'node_modules/plain/index.js': "exports.shared = require('shared');\n",
    });
    assert.deepEqual(JSON.parse(answer), ['worked', 'object']);
    assert.deepEqual((await readdir(join(root, 'home/app/function/node_modules'))).sort(), [
      'only-there',
      'plain',
      'shared',
    ]);
  });

  it('that a handler looks for by require.resolve', async () => {
    const { answer } = await askFunction({
      'handler.js':
        "module.exports = async () => require('fs').readFileSync(require('path').dirname(require.resolve('site/package.json')) + '/index.html', 'utf8');\n",
      'node_modules/site/package.json': '{"name":"site","version":"1.0.0"}',
      'node_modules/site/index.html': '<site>',
    });
    assert.equal(answer, '<site>');
  });
});
