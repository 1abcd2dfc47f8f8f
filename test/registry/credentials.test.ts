import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Event } from '../../cli/events.ts';
import { type Credential, openDockerCredentials } from '../../cli/registry/credentials.ts';
import { runProgram } from '../../cli/tools/exec.ts';

const auth = (text: string) => Buffer.from(text).toString('base64');

/** A credential helper as docker/docker-credential-helpers describes them; it writes down what it was asked. */
const helper = (answer: string) => `#!/bin/sh
read server
echo "$1 $server" >> "$(dirname "$0")/asked"
${answer}
`;

describe("Docker's credentials", () => {
  let home: string;
  let path: string | undefined;
  const warnings: Event[] = [];
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'bantam credentials '));
    await mkdir(join(home, '.docker'));
    warnings.length = 0;
    path = process.env['PATH'];
  });
  afterEach(async () => {
    process.env['PATH'] = path;
    await rm(home, { recursive: true });
    assert.ok(!JSON.stringify(warnings).includes('s3cret'));
  });

  const find = (registry: string, environment: Record<string, string> = {}) =>
    openDockerCredentials({
      environment,
      homeFolder: home,
      runProgram,
      report: (event) => void warnings.push(event),
    }).find(registry);
  const config = (json: unknown, folder = join(home, '.docker')) =>
    writeFile(join(folder, 'config.json'), typeof json === 'string' ? json : JSON.stringify(json));
  const install = async (name: string, answer: string) => {
    await writeFile(join(home, `docker-credential-${name}`), helper(answer));
    await chmod(join(home, `docker-credential-${name}`), 0o755);
    process.env['PATH'] = `${home}${delimiter}${path}`;
  };
  const texts = () => warnings.map((event) => (event.type === 'warning' ? event.text : event.type));

  it('are none where there is no file', async () => {
    assert.equal(await find('ghcr.io'), undefined);
    assert.deepEqual(warnings, []);
  });

  const alice: Credential = { kind: 'basic', username: 'alice', password: 's3cret:x' };
  for (const [key, registry] of [
    ['ghcr.io', 'ghcr.io'],
    ['https://ghcr.io/v2/', 'ghcr.io'],
    ['registry.lan:5000', 'registry.lan:5000'],
    ['https://index.docker.io/v1/', 'docker.io'],
    ['docker.io', 'docker.io'],
  ] as const) {
    it(`of ${registry} are found under ${key}`, async () => {
      await config({
        auths: { 'other.example.org': { auth: auth('bob:s3cret') }, [key]: { auth: auth('alice:s3cret:x') } },
      });
      assert.deepEqual(await find(registry), alice);
      assert.equal(await find('example.org'), undefined);
    });
  }

  it('may be tokens, and lie where DOCKER_CONFIG says', async () => {
    const elsewhere = join(home, 'elsewhere');
    await mkdir(elsewhere);
    await config(
      { auths: { a: { auth: '', identitytoken: 's3cret' }, b: { registrytoken: 's3cret' }, c: {} } },
      elsewhere,
    );
    const environment = { DOCKER_CONFIG: elsewhere };
    assert.deepEqual(await find('a', environment), { kind: 'identity', token: 's3cret' });
    assert.deepEqual(await find('b', environment), { kind: 'bearer', token: 's3cret' });
    assert.equal(await find('c', environment), undefined);
    assert.equal(await find('a'), undefined);
  });

  it("come from a helper: the registry's own before the store, the store before the file", async () => {
    await install('own', `echo '{"ServerURL":"x","Username":"<token>","Secret":"s3cret"}'`);
    await install('store', `echo '{"ServerURL":"x","Username":"alice","Secret":"s3cret:x"}'`);
    await config({
      credHelpers: { 'ghcr.io': 'own' },
      credsStore: 'store',
      auths: { 'docker.io': { auth: auth('bob:s3cret') } },
    });
    assert.deepEqual(await find('ghcr.io'), { kind: 'identity', token: 's3cret' });
    assert.deepEqual(await find('docker.io'), alice);
    assert.equal(await readFile(join(home, 'asked'), 'utf8'), 'get ghcr.io\nget https://index.docker.io/v1/\n');
    assert.deepEqual(warnings, []);
  });

  it('come from the file when the helper knows none', async () => {
    await install('store', 'echo "credentials not found in native keychain"; exit 1');
    await config({ credsStore: 'store', auths: { 'ghcr.io': { auth: auth('alice:s3cret:x') } } });
    assert.deepEqual(await find('ghcr.io'), alice);
    assert.deepEqual(warnings, []);
  });

  for (const [what, answer, text] of [
    ['fails', 'echo "the key ring s3cret is locked"; exit 1', /docker-credential-store failed with exit code 1/],
    ['talks nonsense', 'echo "{s3cret"', /docker-credential-store answered something unexpected/],
  ] as const) {
    it(`go missing with a warning when the helper ${what}`, async () => {
      await install('store', answer);
      await config({ credsStore: 'store' });
      assert.equal(await find('ghcr.io'), undefined);
      assert.equal(texts().length, 1);
      assert.match(texts()[0] ?? '', text);
    });
  }

  for (const [what, json, text] of [
    [
      'a helper that is not installed',
      { credsStore: 'bantam-no-such-helper' },
      /docker-credential-bantam-no-such-helper is not installed/,
    ],
    ['a helper that is a path', { credsStore: '../../bin/sh' }, /is no program name/],
    ['a file that is no JSON', '{"auths": s3cret', /config\.json is no JSON/],
    ['a file of another shape', { auths: { 'ghcr.io': 's3cret' } }, /unexpected shape at auths\.ghcr\.io/],
    [
      'an entry that cannot be decoded',
      { auths: { 'ghcr.io': { auth: '!!!' } } },
      /entry of ghcr\.io .* cannot be decoded/,
    ],
  ] as const) {
    it(`warn of ${what}`, async () => {
      await config(json);
      assert.equal(await find('ghcr.io'), undefined);
      assert.equal(texts().length, 1);
      assert.match(texts()[0] ?? '', text);
    });
  }
});
