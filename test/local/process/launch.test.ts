import assert from 'node:assert/strict';
import { join } from 'node:path';
import { planLaunch } from '../../../cli/local/process/launch.ts';
import { hasBantamRuntime, ownLayers } from '../../../cli/local/process/own-layers.ts';
import { planNamespaceLaunch } from '../../../cli/local/process/user-namespace.ts';
import type { ImageConfig } from '../../../cli/oci/config.ts';

const configOf = (config: Partial<ImageConfig['config']>): ImageConfig => ({
  platform: { os: 'linux', architecture: 'amd64' },
  config: { Entrypoint: [], Cmd: [], Env: [], Labels: {}, User: '', WorkingDir: '', ExposedPorts: [], ...config },
  history: [],
  diffIds: [],
});

const surroundings = {
  root: '/state/root',
  has: (path: string) => ['/app/function.mjs', '/function', '/opt/bin', '/opt/bin/tool', '/'].includes(join('/', path)),
  node: '/usr/lib/node/bin/node',
  instance: 'abcd1234',
  replica: 'hello-1',
  port: 20_001,
  metricsPort: 20_002,
  home: '/state/home',
  temporary: '/state/tmp',
  secrets: '/state/secrets',
};

const own = {
  BANTAM_HOST: '127.0.0.1',
  BANTAM_LOCAL: 'abcd1234',
  BANTAM_REPLICA: 'hello-1',
  metrics_port: '20002',
  port: '20001',
};

describe('the start of a process', () => {
  const launches: readonly [
    string,
    Partial<ImageConfig['config']>,
    { program: string; words?: readonly string[]; path?: string; folder?: string },
  ][] = [
    ['a program of the image', { Entrypoint: ['/function'] }, { program: '/state/root/function' }],
    [
      'this machine’s Node, with paths of the image',
      { Entrypoint: ['node', '--enable-source-maps', '/app/function.mjs'], Cmd: ['/not/there', 'app/function.mjs'] },
      {
        program: surroundings.node,
        words: ['--enable-source-maps', '/state/root/app/function.mjs', '/not/there', 'app/function.mjs'],
      },
    ],
    [
      'Node wherever a base has it',
      { Entrypoint: ['/nodejs/bin/node', '/app/function.mjs'] },
      { program: surroundings.node, words: ['/state/root/app/function.mjs'] },
    ],
    [
      'nothing above the root',
      { Entrypoint: ['/../../function'], WorkingDir: '../../etc' },
      { program: '/state/root/function', folder: '/state/root/etc' },
    ],
    [
      'a program in a folder of PATH',
      { Entrypoint: ['tool'], Env: ['PATH=/usr/bin:/opt/bin'] },
      { program: '/state/root/opt/bin/tool', path: '/usr/lib/node/bin:/usr/bin:/state/root/opt/bin' },
    ],
  ];
  for (const [what, config, expected] of launches)
    it(`takes ${what}`, () => {
      const launch = planLaunch(configOf(config), { service: 'hello', image: 'hello:1' }, surroundings);
      assert.equal(launch.program, expected.program);
      assert.deepEqual(launch.words, expected.words ?? []);
      if (expected.folder !== undefined) assert.equal(launch.workingDirectory, expected.folder);
      if (expected.path !== undefined) assert.equal(launch.environment['PATH'], expected.path);
    });

  it('lets the deployment have its way with the image’s variables, and nobody with the provider’s', () => {
    const config = configOf({
      Entrypoint: ['/function'],
      Env: ['A=1', 'B=b=b', 'HOME=/root', 'healthcheck_interval=9s'],
      WorkingDir: '/home/app',
    });
    const envVars = { A: '2', port: '1', BANTAM_HOST: '0.0.0.0', secret_mount_path: '/etc' };
    const launch = planLaunch(config, { service: 'hello', image: 'hello:1', envVars, envProcess: 'cat' }, surroundings);
    assert.equal(launch.workingDirectory, '/state/root/home/app');
    const { PATH, ...rest } = launch.environment;
    assert.match(PATH ?? '', /^\/usr\/lib\/node\/bin:/);
    assert.deepEqual(rest, {
      ...own,
      A: '2',
      B: 'b=b',
      HOME: '/state/home',
      TMPDIR: '/state/tmp',
      fprocess: 'cat',
      healthcheck_interval: '9s',
      secret_mount_path: '/state/secrets',
    });
  });

  it('of an image of others hands nothing of the deployment through a shell or an argument', () => {
    const config = configOf({
      Entrypoint: ['fwatchdog'],
      Cmd: ['$(touch x)'],
      Env: ['PATH=/bin', 'LD_PRELOAD=/usr/lib/faster.so', 'A=1'],
      WorkingDir: '/w',
    });
    const envVars = { SECRET: 'x"; rm -rf /' };
    const { program, words, environment } = planNamespaceLaunch(
      config,
      { service: 'hello', image: 'hello:1', envVars },
      surroundings,
    );
    assert.equal(program, 'unshare');
    assert.deepEqual(words.slice(-8), [
      'sh',
      '/state/root',
      '/w',
      '/state/secrets',
      'no',
      '11',
      'fwatchdog',
      '$(touch x)',
    ]);
    assert.ok(!words.some((word) => word.includes('rm -rf')));
    const { PATH, BANTAM_LOCAL, LD_PRELOAD } = environment;
    assert.deepEqual(
      [PATH, BANTAM_LOCAL, LD_PRELOAD],
      ['/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'abcd1234', undefined],
    );
    const inside = Object.entries(environment).flatMap(([name, value]) =>
      name.startsWith('BANTAM_VARIABLE_') ? [value] : [],
    );
    assert.deepEqual(inside.sort(), [
      'A=1',
      'BANTAM_HOST=127.0.0.1',
      'BANTAM_LOCAL=abcd1234',
      'BANTAM_REPLICA=hello-1',
      'HOME=/root',
      'LD_PRELOAD=/usr/lib/faster.so',
      'PATH=/bin',
      'SECRET=x"; rm -rf /',
      'metrics_port=20002',
      'port=20001',
      'secret_mount_path=/var/openfaas/secrets',
    ]);
    assert.throws(() => planNamespaceLaunch(configOf({}), { service: 'hello', image: 'hello:1' }, surroundings), {
      code: 'BAN-E611',
    });
  });
});

describe('the layers of a function’s own', () => {
  const layers = ['1', '2', '3'].map((digest) => ({ mediaType: '', digest, size: 1, annotations: {} }));
  const own = (steps: readonly (readonly [string, boolean?])[]): string =>
    ownLayers({ layers }, { history: steps.map(([createdBy, emptyLayer = false]) => ({ createdBy, emptyLayer })) })
      .map(({ digest }) => digest)
      .join('');
  const tables: readonly [string, string, readonly (readonly [string, boolean?])[]][] = [
    [
      'follow the instruction that adds them, as BuildKit writes it',
      '23',
      [['RUN base'], ['ENV A=b', true], ['COPY /out/root/ / # buildkit'], ['WORKDIR /home/app']],
    ],
    [
      'follow it as it stands in the Dockerfile',
      '3',
      [['one'], ['two'], ['COPY --link --from=build /out/root/ /'], ['USER 1000:1000', true]],
    ],
    ['are all without a base', '123', [['COPY /out/root/ / # buildkit'], ['two'], ['three']]],
    [
      'begin at the last of two such instructions',
      '3',
      [['one'], ['COPY /out/root/ / # buildkit'], ['COPY /out/root/ / # buildkit']],
    ],
    ['are all where another instruction made them', '123', [['one'], ['two'], ['COPY /out/ /app']]],
    ['are all where the history does not tell of each layer', '123', [['one'], ['COPY /out/root/ / # buildkit']]],
    ['are all without a history', '123', []],
  ];
  for (const [what, expected, steps] of tables) it(what, () => assert.equal(own(steps), expected));

  it('are looked for where bantam’s label is', () => {
    assert.equal(hasBantamRuntime(configOf({ Labels: { 'bantam.runtime': '1' } })), true);
    assert.equal(hasBantamRuntime(configOf({ Labels: { 'bantam.runtime': '2' } })), false);
  });
});
