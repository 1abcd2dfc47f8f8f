import type { FunctionFiles } from '../templates/build-context.ts';

/** A function whose tree is compared; without files it is the template's sample. */
export interface RecipeFunction {
  readonly name: string;
  readonly template: 'bantam-ts' | 'bantam-go';
  readonly files?: FunctionFiles;
}

/** Functions that need nothing from a package registry. */
export const recipeFunctions: readonly RecipeFunction[] = [
  { name: 'the sample', template: 'bantam-ts' },
  {
    name: 'a CommonJS dependency that requires a builtin, beside top-level await',
    template: 'bantam-ts',
    files: {
      'package.json': '{"type":"module","dependencies":{"old":"file:./old"}}',
      'old/package.json': '{"name":"old","version":"1.0.0","main":"index.js"}',
      'old/index.js': "const path = require('path');\nexports.nameOf = (file) => path.basename(file);\n",
      'wörds.txt': 'Grüße\n',
      'handler.ts': `import { setTimeout } from 'node:timers/promises';
import { Hono } from 'hono';
import old from 'old';
import words from './wörds.txt';
const name = await setTimeout(1, old.nameOf('/a/b.txt'));
const app = new Hono<{ Bindings: Context }>();
app.get('/', (c) => c.json({ name, words, id: c.env.callId }));
export default app;
`,
    },
  },
  {
    name: 'a function of the official templates with files beside it and packages that read files of their own',
    template: 'bantam-ts',
    files: {
      'package.json':
        '{"main":"handler.js","scripts":{"test":"exit 1"},"dependencies":{"fonts":"file:./fonts","worked":"file:./worked"}}',
      'handler.js': `#!/usr/bin/env node
const { readFileSync } = require('fs');
const fonts = require('fonts');
module.exports = async (event, context) => [__dirname, readFileSync(require.resolve('fonts/a.font')), fonts.read()];
`,
      'static/grüße.txt': 'Grüße\n',
      'data.json': '{"a":1}',
      'worker.js': "require('worked');\n",
      'worked/package.json': '{"name":"worked","version":"1.0.0"}',
      'worked/index.js': '',
      '.env': 'TOKEN=1',
      'fonts/package.json':
        '{"name":"fonts","version":"1.0.0","type":"module","exports":{".":"./index.js","./a.font":"./a.font"}}',
      'fonts/index.js':
        "import { readFileSync } from 'node:fs';\nexport const read = () => readFileSync(new URL('a.font', import.meta.url), 'utf8');\nexport default read;\n",
      'fonts/a.font': 'a font',
    },
  },
  {
    name: 'a function that chooses at run time what it requires',
    template: 'bantam-ts',
    files: {
      'package.json': '{"dependencies":{"plain":"file:./plain"}}',
      'handler.js':
        "const plain = require('plain');\nmodule.exports = (event) => require('./routes/' + event.query.route)(plain);\n",
      'routes/list.js': 'module.exports = (plain) => plain;\n',
      'routes/tests/deep.js': 'module.exports = (plain) => plain;\n',
      'tests/client.js': "require('plain/client');\n",
      'api.spec.cjs': '',
      'plain/package.json': '{"name":"plain","version":"1.0.0"}',
      'plain/index.js': "module.exports = 'plain';\n",
    },
  },
  {
    name: 'a CommonJS handler with nothing beside it, not even a package.json',
    template: 'bantam-ts',
    files: { 'handler.js': 'module.exports = (event, context, callback) => callback(null, event.query);\n' },
  },
  { name: 'the sample', template: 'bantam-go' },
  {
    name: 'a module and a package of its own, and a newer Go in its go.mod',
    template: 'bantam-go',
    files: {
      'go.mod':
        'module handler/function\n\ngo 1.26.1\n\nrequire example.com/greeting v0.0.0\n\nreplace example.com/greeting => ./greeting\n',
      'greeting/go.mod': 'module example.com/greeting\n\ngo 1.25.0\n',
      'greeting/greeting.go': 'package greeting\n\nconst Text = "hello"\n',
      'inner/inner.go': 'package inner\n\nconst Text = "from inside"\n',
      'handler.go':
        'package function\n\nimport (\n\t"net/http"\n\n\t"example.com/greeting"\n\t"handler/function/inner"\n)\n\nfunc Handle(w http.ResponseWriter, r *http.Request) {\n\tw.Write([]byte(greeting.Text + " " + inner.Text))\n}\n',
    },
  },
  {
    name: 'static files, a vendor folder, and a go.mod of another name that replaces itself',
    template: 'bantam-go',
    files: {
      'go.mod':
        'module example.com/mine\n\ngo 1.22\n\nrequire (\n\texample.com/private/greeting v1.2.0\n\tgithub.com/openfaas/templates-sdk/go-http v0.0.0-20220408082716-5981c545cb03\n)\n\nreplace handler/function => ./\n',
      'vendor/modules.txt':
        '# example.com/private/greeting v1.2.0\n## explicit; go 1.22\nexample.com/private/greeting\n',
      'vendor/example.com/private/greeting/greeting.go': 'package greeting\n\nconst Text = "hello"\n',
      'static/a.txt': 'a\n',
      'static/deep/b.txt': 'b\n',
      'handler.go':
        'package function\n\nimport (\n\t"example.com/private/greeting"\n\n\thandler "github.com/openfaas/templates-sdk/go-http"\n)\n\nfunc Handle(req handler.Request) (handler.Response, error) {\n\treturn handler.Response{Body: []byte(greeting.Text)}, nil\n}\n',
    },
  },
  {
    name: 'no go.mod, and a GO_REPLACE.txt',
    template: 'bantam-go',
    files: {
      'GO_REPLACE.txt': 'replace github.com/example/fn/texts => ./function/texts\n',
      'texts/texts.go': 'package texts\n\nconst Hello = "hello"\n',
      'handler.go':
        'package function\n\nimport (\n\t"github.com/example/fn/texts"\n\t"github.com/openfaas-incubator/go-function-sdk"\n)\n\nfunc Handle(req handler.Request) (handler.Response, error) {\n\treturn handler.Response{Body: []byte(texts.Hello)}, nil\n}\n',
    },
  },
];

/** One whose dependency comes from the npm registry, for where that is reached anyway. */
export const registryFunction: RecipeFunction = {
  name: 'a dependency of the npm registry',
  template: 'bantam-ts',
  files: {
    'package.json': '{"type":"module","dependencies":{"ms":"2.1.3"}}',
    'handler.ts': "import ms from 'ms';\nexport default async (): Promise<Response> => Response.json(ms('2 days'));\n",
  },
};
