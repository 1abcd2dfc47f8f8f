import assert from 'node:assert/strict';
import { decodeConfig, type ImageConfig, type Overrides, startedWith } from '../../cli/oci/config.ts';
import { findProgram } from '../../cli/oci/entrypoint.ts';
import { readLayer } from '../../cli/oci/layer.ts';
import { openLayerPool } from '../../cli/oci/layer-pool.ts';
import { elfMachines, inPieces, makeElf, packLayer, type TestEntry } from './image-parts.ts';

const elf = makeElf(elfMachines.arm64);
const base: TestEntry[] = [
  { name: 'bin', type: 'symlink', linkname: 'usr/bin' },
  { name: 'usr/bin/dash', content: elf },
  { name: 'usr/bin/sh', type: 'symlink', linkname: 'dash' },
  { name: 'usr/bin/env', content: elf },
  { name: 'usr/local/bin/node', content: elf },
  { name: 'usr/sbin/tini', content: elf },
  { name: 'usr/bin/node', content: elf },
];
const app: TestEntry[] = [
  { name: 'app/index.js', content: '#!/usr/bin/env node\n' },
  { name: 'app/split.js', content: '#!/usr/bin/env -S NODE_ENV=x node --flag\n' },
  { name: 'app/start.sh', content: '#! /bin/sh -e\nexec "$@"\n' },
  { name: 'app/envsh', content: '#!/usr/bin/env sh\nset -e # stop\n\nexec "$@"\n' },
  { name: 'app/bin/bash', type: 'symlink', linkname: '/bin/sh' },
  { name: 'app/loop.sh', content: '#!/bin/sh\nwhile true; do node x; done\n' },
  { name: 'app/here.sh', content: '#!/bin/sh\ncat <<EOF\nnode\n' },
  { name: 'app/long.sh', content: `#!/bin/sh\n${'# long\n'.repeat(10_000)}exec node\n` },
  { name: 'app/busybox', content: elf },
  { name: 'app/bb/env', type: 'symlink', linkname: '../busybox' },
  { name: 'app/bbsplit.js', content: '#!/app/bb/env -S node --flag\n' },
  { name: 'app/two.js', content: '#!/usr/bin/env node --flag\n' },
  { name: 'app/windows.sh', content: '#!/bin/sh\r\nexit\r\n' },
  { name: 'app/self', content: '#!/app/self\n' },
  { name: 'app/plain', content: 'echo hello\n' },
  { name: 'app/empty', content: '' },
  { name: 'app/locked', mode: 0o644, content: elf },
  { name: 'app/noline', content: `#!${'x'.repeat(400)}` },
  { name: 'app/nothing', content: '#! \n' },
  { name: 'app/lost', content: '#!/opt/ruby\n' },
  { name: 'usr/bin/fwatchdog', content: elf },
  { name: 'app/usr/local/bin/node', mode: 0o644, content: 'not this one' },
];

async function find(overrides: Partial<ImageConfig['config']>) {
  const config: ImageConfig = {
    platform: { os: 'linux', architecture: 'arm64' },
    config: { Entrypoint: [], Cmd: [], Env: [], Labels: {}, User: '', WorkingDir: '', ExposedPorts: [], ...overrides },
    history: [],
    diffIds: [],
  };
  const layers = [await packLayer(base), await packLayer(app)];
  const descriptors = layers.map((_, index) => ({ digest: String(index), mediaType: '', size: 0, annotations: {} }));
  const pool = openLayerPool(
    { open: ({ digest }) => readLayer(inPieces(layers[Number(digest)] ?? Buffer.alloc(0)), 'layer') },
    descriptors,
  );
  const program = await findProgram(config, ['0', '1'], pool);
  await pool.close();
  return { ...program, programs: program.programs.map(({ path }) => path) };
}

describe('the program an image starts', () => {
  for (const [what, config, programs] of [
    ['a path', { Entrypoint: ['/usr/local/bin/node', 'x.js'] }, ['/usr/local/bin/node']],
    ['the command where there is no entrypoint', { Cmd: ['/bin/sh'] }, ['/usr/bin/dash']],
    ['a name in the usual PATH', { Entrypoint: ['node'] }, ['/usr/local/bin/node']],
    [
      'a name in the PATH of the image',
      { Entrypoint: ['node'], Env: ['PATH=/nowhere:/app/usr/local/bin::/bin'] },
      ['/usr/bin/node'],
    ],
    [
      'a path from the working folder',
      { Entrypoint: ['./node'], WorkingDir: '/usr/local/bin' },
      ['/usr/local/bin/node'],
    ],
    [
      'a script, its interpreter, and what it ends with',
      { Entrypoint: ['/app/start.sh'], Cmd: ['node'] },
      ['/usr/bin/dash', '/usr/local/bin/node'],
    ],
    [
      'a script that is given to a shell',
      { Cmd: ['sh', '-e', '/app/start.sh', 'node', 'x'] },
      ['/usr/bin/dash', '/usr/local/bin/node'],
    ],
    [
      'the last of several commands',
      { Cmd: ['/bin/sh', '-c', 'cd /app && node x'] },
      ['/usr/bin/dash', '/usr/local/bin/node'],
    ],
    ['a shell that waits for input', { Cmd: ['bash'], Env: ['PATH=/app/bin'] }, ['/usr/bin/dash']],
    [
      'a script started by env',
      { Cmd: ['/app/envsh', 'node'] },
      ['/usr/bin/env', '/usr/bin/dash', '/usr/local/bin/node'],
    ],
    ['env in a script', { Entrypoint: ['./index.js'], WorkingDir: '/app' }, ['/usr/bin/env', '/usr/local/bin/node']],
    ['env -S in a script', { Entrypoint: ['/app/split.js'] }, ['/usr/bin/env', '/usr/local/bin/node']],
    [
      'what an init starts',
      { Entrypoint: ['tini', '-g', '-e', '143', '--', 'node', 'x'] },
      ['/usr/sbin/tini', '/usr/local/bin/node'],
    ],
    [
      'what a shell starts',
      { Cmd: ['/bin/sh', '-c', 'PORT=1 exec node index.js'] },
      ['/usr/bin/dash', '/usr/local/bin/node'],
    ],
    [
      'what the watchdog starts',
      { Cmd: ['fwatchdog'], Env: ['fprocess=/app/index.js --x'] },
      ['/usr/bin/fwatchdog', '/usr/bin/env', '/usr/local/bin/node'],
    ],
  ] as const) {
    it(`is found for ${what}`, async () => {
      const program = await find(config);
      assert.equal(program.problem, undefined);
      assert.deepEqual(program.programs, programs);
    });
  }

  it('tells the way it was found', async () => {
    const { via, note } = await find({ Entrypoint: ['/app/start.sh'], Cmd: ['node'] });
    assert.deepEqual(
      [via, note],
      [['/app/start.sh', '/bin/sh', '/usr/bin/dash', 'node (from a command line)', '/usr/local/bin/node'], undefined],
    );
  });

  for (const command of ['exit 3', '$START', 'node x | cat', 'node x; fi', 'node "a\' b']) {
    it(`stays with the shell for ${command}`, async () => {
      const program = await find({ Cmd: ['/bin/sh', '-c', command] });
      assert.deepEqual([program.programs, program.problem], [['/usr/bin/dash'], undefined]);
      assert.ok(program.note !== undefined);
    });
  }

  for (const script of ['/app/loop.sh', '/app/here.sh', '/app/long.sh']) {
    it(`stays with the shell for ${script}`, async () => {
      const { programs, problem, note } = await find({ Entrypoint: [script] });
      assert.deepEqual([programs, problem], [['/usr/bin/dash'], undefined]);
      assert.equal(note, 'what /bin/sh runs was not followed');
    });
  }

  it('may be changed by a deployment', () => {
    const own = { Entrypoint: ['/fn'], Cmd: ['--own'], Env: ['PATH=/bin', 'fprocess=cat'] };
    const image = decodeConfig(Buffer.from(JSON.stringify({ config: own })), 'configuration');
    const changed = (overrides: Overrides) => {
      const { Entrypoint, Cmd, Env } = startedWith(image, overrides).config;
      return [Entrypoint, Cmd, Env];
    };
    assert.deepEqual(changed({}), [['/fn'], ['--own'], own.Env]);
    assert.deepEqual(changed({ command: ['/x'] }), [['/x'], [], own.Env]);
    assert.deepEqual(changed({ args: ['-v'] }), [['/fn'], ['-v'], own.Env]);
    assert.deepEqual(changed({ environment: { fprocess: 'node' } })[2], ['PATH=/bin', 'fprocess=node']);
  });

  for (const [config, problem, fatal = true] of [
    [{}, /names no program/],
    [{ Entrypoint: ['/fn'] }, /^\/fn is not in the image$/],
    [{ Entrypoint: ['ruby'] }, /^ruby, looked for in PATH, is not in the image$/],
    [{ Entrypoint: ['/usr'] }, /is a folder, no program/],
    [{ Entrypoint: ['/app/locked'] }, /not executable/],
    [{ Entrypoint: ['node'], Env: ['PATH=/app/usr/local/bin'] }, /not executable/],
    [{ Entrypoint: ['/app/empty'] }, /is empty/],
    [{ Entrypoint: ['/app/plain'] }, /neither an ELF program nor a script/],
    [{ Entrypoint: ['/app/windows.sh'] }, /ends with CR LF/],
    [{ Entrypoint: ['/app/self'] }, /more than 5 scripts/],
    [{ Entrypoint: ['/app/noline'] }, /names no interpreter/, false],
    [{ Entrypoint: ['/app/bbsplit.js'] }, /^\/app\/bb\/env is busybox, whose env does not know -S$/],
    [{ Entrypoint: ['/app/two.js'] }, /^node --flag, looked for in PATH, is not in the image$/],
    [{ Cmd: ['sh', '/app/none.sh'] }, /^\/app\/none.sh is not in the image$/],
    [{ Cmd: ['tini', '/app/plain'] }, /neither an ELF program nor a script/, false],
    [{ Cmd: ['tini', 'tini', 'tini'].concat(Array(20).fill('tini')) }, /more than 16 programs/, false],
    [{ Entrypoint: ['/usr/bin/env'], WorkingDir: 'app' }, /^its working folder "app" does not begin with a slash$/],
    [{ Entrypoint: ['node'], Env: ['PATH='] }, /^node, looked for in PATH, is not in the image$/],
    [{ Entrypoint: ['/app/nothing'] }, /names no interpreter/],
    [{ Entrypoint: ['/app/lost'] }, /^\/opt\/ruby is not in the image$/],
    [{ Entrypoint: ['/app/plain/x'] }, /no folder/],
    [{ Entrypoint: ['tini', '--', 'ruby'] }, /^ruby, looked for in PATH, is not in the image$/],
  ] as const) {
    it(`is missing for ${JSON.stringify(config)}: ${problem.source}`, async () => {
      const found = await find(config);
      assert.match(found.problem ?? '', problem);
      assert.equal(found.fatal, fatal);
    });
  }
});
