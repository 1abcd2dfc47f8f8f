import assert from 'node:assert/strict';
import { join } from 'node:path';
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
    for (const args of [
      ['vet', './...', './function/...'],
      ['test', './...', './function/...'],
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
    const expected = /^function\/: error: the handler is missing: package function with func Handle\(/m;
    for (const text of [
      'package function\n\nfunc Other() {}\n',
      'package function\n\nfunc Handle() {}\n',
      'package main\n\nfunc main() {}\n',
    ]) {
      assert.match(await failToCompile({ 'go.mod': goMod, 'handler.go': text }), expected, text);
    }
    assert.match(await failToCompile({ 'go.mod': goMod }), expected);
  });

  it('a go.mod that is missing, broken or of another name', async () => {
    const text = handler('', '');
    assert.match(
      await failToCompile({ 'handler.go': text }),
      /^function\/go\.mod: error: missing: run `go mod init handler\/function`/,
    );
    assert.match(
      await failToCompile({ 'handler.go': text, 'go.mod': 'modul x\n' }),
      /function\/go\.mod:1: unknown directive: modul/,
    );
    assert.match(
      await failToCompile({ 'handler.go': text, 'go.mod': 'module example.com/mine\n\ngo 1.25.0\n' }),
      /^function\/go\.mod:1:1: error: the module is named example\.com\/mine: it has to be handler\/function/,
    );
  });

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
