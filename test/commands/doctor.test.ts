import assert from 'node:assert/strict';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { type GatewayInMemory, startGatewayInMemory } from './gateway-in-memory.ts';
import { makeProject } from './project.ts';

const answerSchema = v.object({
  ok: v.boolean(),
  checks: v.array(
    v.object({
      name: v.string(),
      state: v.picklist(['ok', 'warning', 'error', 'unknown']),
      text: v.string(),
      hint: v.optional(v.string()),
    }),
  ),
});

/** What a `docker` of some situation says: shell commands by its first two words; the sentences are the real one's. */
type Docker = Readonly<Record<'version' | 'buildx version' | 'buildx inspect' | 'info', string>>;

const well: Docker = {
  version: 'echo 28.5.2 28.5.2 linux/arm64',
  'buildx version': 'echo github.com/docker/buildx 0.29.1',
  'buildx inspect': 'printf "Name: default\\nDriver: docker\\n"',
  info: `echo '[["driver-type","io.containerd.snapshotter.v1"]]'`,
};
const says = (text: string, exit = 1): string => `echo "${text}" >&2; exit ${exit}`;
const down = says('Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?');
const denied = says('permission denied while trying to connect to the Docker daemon socket');
const noBuildx = says("docker: 'buildx' is not a docker command.", 125);

const situations: readonly (readonly [
  string,
  Docker | undefined,
  Readonly<Record<string, readonly [string, RegExp, RegExp?]>>,
])[] = [
  [
    'all is well',
    well,
    {
      docker: ['ok', /^client 28\.5\.2, engine 28\.5\.2 on linux\/arm64$/],
      buildx: ['ok', /0\.29\.1/],
      platforms: ['ok', /containerd image store/],
    },
  ],
  [
    'there is no docker',
    undefined,
    {
      docker: ['warning', /not installed/, /apt install/],
      buildx: ['unknown', /missing/],
      platforms: ['unknown', /no builder/],
    },
  ],
  [
    'the engine is not running',
    { ...well, version: down, 'buildx inspect': down, info: down },
    {
      docker: ['warning', /does not answer/, /systemctl start docker/],
      buildx: ['ok', /0\.29/],
      platforms: ['unknown', /./],
    },
  ],
  [
    'the user may not talk to the engine',
    { ...well, version: denied, 'buildx inspect': denied, info: denied },
    { docker: ['warning', /may not/, /usermod -aG docker/], platforms: ['unknown', /./] },
  ],
  [
    'buildx is missing',
    { ...well, 'buildx version': noBuildx, 'buildx inspect': noBuildx },
    { docker: ['ok', /./], buildx: ['warning', /no buildx/, /docker-buildx/], platforms: ['unknown', /./] },
  ],
  [
    'the image store is the classic one',
    { ...well, info: `echo '[["Backing Filesystem","extfs"]]'` },
    { platforms: ['warning', /one platform at a time/, /--own-builder/] },
  ],
  [
    'the current builder is one of its own',
    { ...well, 'buildx inspect': 'printf "Name: mine\\nDriver: docker-container\\n"' },
    { platforms: ['ok', /docker-container/] },
  ],
];

describe('bantam doctor', function () {
  this.timeout(60_000);
  let gateway: GatewayInMemory;
  before(async () => {
    gateway = await startGatewayInMemory();
  });
  after(async () => await gateway?.[Symbol.asyncDispose]());

  for (const [situation, docker, expected] of situations) {
    it(`tells when ${situation}`, async () => {
      await using project = await makeProject();
      const bin = join(project.path, 'bin');
      await mkdir(bin);
      if (docker !== undefined) await writeProgram(join(bin, 'docker'), docker);
      const { exitCode, stdout, stderr } = await project.run(['doctor', '--json', '--gateway', gateway.loggedIn], {
        environment: { PATH: bin },
      });
      const { ok, checks } = v.parse(answerSchema, JSON.parse(stdout));
      const bad = Object.values(expected).some(([state]) => state === 'error');
      assert.deepEqual([exitCode, ok], bad ? [1, false] : [0, true], `${stdout}${stderr}`);
      for (const [name, [state, text, hint]] of Object.entries(expected)) {
        const found = checks.find((check) => check.name === name);
        assert.equal(found?.state, state, `${name}: ${found?.text}`);
        assert.match(found.text, text);
        if (hint !== undefined) assert.match(found.hint ?? '', hint);
      }
      assert.equal(checks.find(({ name }) => name === 'gateway')?.state, 'ok');
      assert.equal(checks.find(({ name }) => name === 'stack')?.state, 'ok');
    });
  }

  it('finds no fault with a template that the first build brings', async () => {
    await using project = await makeProject();
    await writeFile(
      join(project.path, 'stack.yml'),
      'version: 1.0\nprovider:\n  name: openfaas\nfunctions:\n  hello:\n    lang: node22\n    handler: ./hello\n    image: a/b\nconfiguration:\n  templates:\n    - name: node22\n      source: https://github.com/openfaas/templates\n',
    );
    const { stdout } = await project.run(['doctor', '--gateway', gateway.loggedIn]);
    assert.match(
      stdout,
      /^✓ stack +.*: 1 function; the first build brings the template node22\n +next: bantam template pull/m,
    );
  });

  it('tells of a gateway that is down and of a template that is missing, and goes on with the rest', async () => {
    await using project = await makeProject();
    await writeFile(
      join(project.path, 'stack.yml'),
      'version: 1.0\nprovider:\n  name: openfaas\nfunctions:\n  hello:\n    lang: node22\n    handler: ./hello\n    image: a/b\n',
    );
    const { exitCode, stdout } = await project.run(['doctor', '--gateway', 'http://127.0.0.1:1']);
    assert.equal(exitCode, 1);
    assert.match(stdout, /^✓ node +v/m);
    assert.match(stdout, /^✗ stack +.*node22.*\(BAN-E111\)$/m);
    assert.match(stdout, /^✗ gateway +.*\(BAN-E401\)\n +next: /m);
  });
});

async function writeProgram(file: string, docker: Docker): Promise<void> {
  const cases = Object.entries(docker).map(([words, script]) => `"${words}"*) ${script} ;;`);
  await writeFile(
    file,
    `#!/bin/sh\ncase "$*" in\n${cases.join('\n')}\n*) echo "unexpected: $*" >&2; exit 99 ;;\nesac\n`,
  );
  await chmod(file, 0o755);
}
