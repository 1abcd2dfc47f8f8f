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
