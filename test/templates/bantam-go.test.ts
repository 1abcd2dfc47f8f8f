import assert from 'node:assert/strict';
import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { skip } from '../real-parts.ts';
import {
  compile,
  type FunctionFiles,
  hasGo,
  makeContext,
  removeTemporaryFolders,
  run,
  templates,
} from './build-context.ts';
import { describeTree } from './describe-tree.ts';
import { endReplicas, startReplica } from './replica-process.ts';

const goMod = 'module handler/function\n\ngo 1.25.0\n';
const handler = (imports: string, body: string): string =>
  `package function\n\nimport (\n\t"net/http"\n${imports})\n\nfunc Handle(w http.ResponseWriter, r *http.Request) {\n${body}}\n`;

async function failToCompile(files: FunctionFiles): Promise<string> {
  const built = await compile(await makeContext('bantam-go', files));
  assert.equal(built.code, 1, built.output);
  return built.output;
}

async function callFunction(files: FunctionFiles | undefined, path = '/', body = ''): Promise<string> {
  const built = await compile(await makeContext('bantam-go', files));
  assert.equal(built.code, 0, built.output);
  const replica = await startReplica(built.root, 'go');
  return (await fetch(replica.url + path, { method: 'POST', body })).text();
}

describe('bantam-go', function () {
  this.timeout(240_000); // the first compilation of the standard library
  before(function () {
    if (!hasGo) skip(this, 'no Go compiler on PATH');
  });
  afterEach(endReplicas);
  after(removeTemporaryFolders);

  it("its own tests pass: the template's, the sample's, and vet", async () => {
    const folder = join(templates, 'bantam-go');
    const packages = ['./...', './function/...', './sdk/go-http/...', './sdk/go-function-sdk/...'];
    for (const args of [
      ['vet', ...packages],
      ['test', ...packages],
    ]) {
      const { code, output } = await run('go', args, { cwd: folder, env: { GOFLAGS: '-mod=readonly' } });
      assert.equal(code, 0, output);
    }
    assert.equal((await run('gofmt', ['-l', '.'], { cwd: folder })).output, '');
  });

  it("the sample works alone in the user's own folder: build, vet, test", async () => {
    const folder = join(await makeContext('bantam-go'), 'function');
    for (const verb of ['build', 'vet', 'test']) {
      const { code, output } = await run('go', [verb, './...'], { cwd: folder, env: { GOWORK: 'off', GOFLAGS: '' } });
      assert.equal(code, 0, output);
    }
  });

  it('the sample that a new function starts with answers', async () => {
    assert.equal(await callFunction(undefined, '/', '{"name":"Pi"}'), '{"message":"Hello, Pi!"}\n');
  });

  it('packages inside the function, its replace lines and its go.sum are honoured', async () => {
    const answer = await callFunction({
      'go.mod': `${goMod}\nrequire example.com/greeting v0.0.0\n\nreplace example.com/greeting => ./greeting\n`,
      'greeting/go.mod': 'module example.com/greeting\n\ngo 1.25.0\n',
      'greeting/greeting.go': 'package greeting\n\nconst Text = "hello"\n',
      'inner/inner.go': 'package inner\n\nconst Text = "from inside"\n',
      'handler.go': handler(
        '\t"example.com/greeting"\n\t"handler/function/inner"\n',
        '\tw.Write([]byte(greeting.Text + " " + inner.Text))\n',
      ),
    });
    assert.equal(answer, 'hello from inside');
  });

  it('knows time zones and certificates by itself', async () => {
    const answer = await callFunction({
      'go.mod': goMod,
      'handler.go': handler(
        '\t"fmt"\n\t"time"\n',
        `\tzone, err := time.LoadLocation("Pacific/Chatham")
	if err != nil {
		panic(err)
	}
	fmt.Fprint(w, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).In(zone).Format("15:04"))
`,
      ),
    });
    assert.equal(answer, '13:45');
    const { output } = await run('go', ['list', '-deps', '.'], { cwd: join(templates, 'bantam-go') });
    const packages = output.split('\n');
    assert.ok(packages.includes('golang.org/x/crypto/x509roots/fallback') && packages.includes('time/tzdata'));
  });

  it('compile errors come with file, line and column in the folder of the function', async () => {
    const output = await failToCompile({ 'go.mod': goMod, 'handler.go': handler('', '\tx := nothing\n') });
    assert.match(output, /^function\/handler\.go:8:2: declared and not used: x$/m);
    assert.match(output, /^function\/handler\.go:8:7: undefined: nothing$/m);
  });

  it('syntax errors and imports that lead nowhere, too', async () => {
    assert.match(
      await failToCompile({ 'go.mod': goMod, 'handler.go': 'package function\n\nfunc {\n' }),
      /^function\/handler\.go:3:6: syntax error/m,
    );
    assert.match(
      await failToCompile({ 'go.mod': goMod, 'handler.go': handler('\t_ "example.com/nothing"\n', '') }),
      /^function\/handler\.go:5:2: [\s\S]*run `go get example\.com\/nothing` in/m,
    );
  });

  it('a handler of another shape or name', async () => {
    const expected =
      /^function\/: error: the handler is missing: package function is needed, with func Handle\(w .+ or func Handle\(req handler\.Request\)/m;
    for (const text of [
      'package function\n\nfunc Other() {}\n',
      'package function\n\nfunc Handle() {}\n',
      'package function\n\nfunc Handle(req []byte) string { return "" }\n',
      'package function\n\ntype Handle struct{}\n',
      'package main\n\nfunc main() {}\n',
    ]) {
      assert.match(await failToCompile({ 'go.mod': goMod, 'handler.go': text }), expected, text);
    }
    assert.match(await failToCompile({ 'go.mod': goMod }), expected);
  });

  it('a go.mod that is broken, or of another name with packages imported under it', async () => {
    assert.match(
      await failToCompile({ 'handler.go': handler('', ''), 'go.mod': 'modul x\n' }),
      /function\/go\.mod:1: unknown directive: modul/,
    );
    assert.match(
      await failToCompile({
        'go.mod': 'module example.com/mine\n\ngo 1.25.0\n',
        'handler.go': handler('\t_ "example.com/mine/inner"\n', ''),
        'inner/inner.go': 'package inner\n',
      }),
      /^function\/go\.mod:1:1: error: the module is named example\.com\/mine here and handler\/function in the image/m,
    );
    assert.match(
      await failToCompile({ 'handler.go': handler('\t_ "example.com/nothing"\n', '') }),
      /where it has no go\.mod, `go mod init handler\/function` before/,
    );
  });

  it("serves functions as OpenFaaS' templates let them be: without a go.mod, of another name, vendored, with replaced packages", async () => {
    const sdk = 'github.com/openfaas/templates-sdk/go-http';
    const required = `require ${sdk} v0.0.0-20220408082716-5981c545cb03\n`;
    const structured = (imports: string, body: string): string =>
      `package function\n\nimport (\n${imports})\n\nfunc Handle(req handler.Request) (handler.Response, error) {\n\treturn handler.Response{Body: []byte(${body})}, nil\n}\n`;
    const shapes: readonly [FunctionFiles, string][] = [
      [{ 'handler.go': structured(`\thandler "${sdk}"\n`, 'string(req.Body) + req.Host[:9]') }, 'body127.0.0.1'],
      [
        {
          'handler.go': structured(
            '\t"github.com/openfaas-incubator/go-function-sdk"\n',
            'req.Method + req.QueryString',
          ),
        },
        'POSTq=1',
      ],
      [
        {
          'go.mod': `module example.com/mine\n\ngo 1.22\n\n${required}\nreplace handler/function => ./\n`,
          'pkg/texts/texts.go': 'package texts\n\nconst Text = "from a package"\n',
          'handler.go': structured(`\t"handler/function/pkg/texts"\n\n\thandler "${sdk}"\n`, 'texts.Text'),
        },
        'from a package',
      ],
      [
        {
          'go.mod': 'module handler/function\n\ngo 1.22\n\nrequire example.com/private v1.2.0\n',
          'vendor/modules.txt': '# example.com/private v1.2.0\n## explicit; go 1.20\nexample.com/private\n',
          'vendor/example.com/private/private.go': 'package private\n\nconst Text = "vendored"\n',
          'handler.go': handler('\t"example.com/private"\n', '\tw.Write([]byte(private.Text))\n'),
        },
        'vendored',
      ],
      [
        {
          'GO_REPLACE.txt': 'replace github.com/example/fn/handlers => ./function/handlers\n',
          'handlers/handlers.go': 'package handlers\n\nconst Text = "replaced"\n',
          'handler.go': handler('\t"github.com/example/fn/handlers"\n', '\tw.Write([]byte(handlers.Text))\n'),
        },
        'replaced',
      ],
    ];
    for (const [files, answer] of shapes) {
      assert.equal(await callFunction(files, '/?q=1', 'body'), answer);
      await endReplicas();
    }
  });

  it('puts the static folder where the function finds it, programs as programs', async () => {
    const context = await makeContext('bantam-go', {
      'handler.go': handler('', ''),
      'static/deep/page.html': '<p>\n',
      'static/tool.sh': '#!/bin/sh\n',
      'beside.txt': 'not in the image\n',
    });
    await chmod(join(context, 'function/static/tool.sh'), 0o755);
    const built = await compile(context);
    assert.equal(built.code, 0, built.output);
    assert.deepEqual(
      (await describeTree(built.root)).map((line) => line.split(' ').slice(0, 3).join(' ')),
      [
        '. 40755 0',
        'function 100755 0',
        'home 40755 0',
        'home/app 40755 0',
        'home/app/static 40755 0',
        'home/app/static/deep 40755 0',
        'home/app/static/deep/page.html 100644 0',
        'home/app/static/tool.sh 100755 0',
        'tmp 41777 0',
      ],
    );
  });

  for (const platform of ['linux/amd64', 'linux/arm64', 'linux/arm/v7', 'linux/arm/v6']) {
    it(`${platform}: the sample, with certificates, time zones and metrics, is at most 3.2 MB compressed`, async () => {
      const built = await compile(await makeContext('bantam-go'), platform);
      assert.equal(built.code, 0, built.output);
      const size = gzipSync(await readFile(join(built.root, 'function')), { level: 9 }).length;
      assert.ok(size <= 3_200_000, `${size} bytes`);
    });
  }

  it('a go.mod that asks for a newer Go than the one here says so', async () => {
    const context = await makeContext('bantam-go', {
      'go.mod': 'module handler/function\n\ngo 1.99.0\n',
      'handler.go': handler('', ''),
    });
    const before = process.env['GOTOOLCHAIN'];
    process.env['GOTOOLCHAIN'] = 'local'; // as in the Dockerfile
    try {
      const built = await compile(context);
      assert.equal(built.code, 1);
      assert.match(built.output, /requires go >= 1\.99\.0 \(running go 1\.\d+/);
      assert.match(built.output, /function\/go\.mod: error: it asks for Go 1\.99\.0/);
    } finally {
      if (before === undefined) delete process.env['GOTOOLCHAIN'];
      else process.env['GOTOOLCHAIN'] = before;
    }
  });

  it('a handler that writes nothing still says who answered; one that passes an answer on does not pass its identity on', async () => {
    const built = await compile(
      await makeContext('bantam-go', {
        'go.mod': goMod,
        'handler.go': handler(
          '\t"net/http/httputil"\n\t"net/url"\n',
          `\tto, _ := url.Parse(r.Header.Get("To"))
	r.Header.Del("To")
	if to.Host != "" {
		httputil.NewSingleHostReverseProxy(to).ServeHTTP(w, r)
	}
`,
        ),
      }),
    );
    assert.equal(built.code, 0, built.output);
    const behind = await startReplica(built.root, 'go', { BANTAM_DEPLOY: 'behind' });
    const front = await startReplica(built.root, 'go', { BANTAM_DEPLOY: 'front' });
    for (const To of ['', behind.url]) {
      const response = await fetch(front.url, { headers: { To } });
      assert.equal(response.status, 200);
      assert.equal(response.headers.get('x-bantam-deploy'), 'front', To);
    }
  });
});
