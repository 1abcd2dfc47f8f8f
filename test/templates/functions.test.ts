import assert from 'node:assert/strict';
import { cp, readdir, readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { parse } from 'yaml';
import { skip } from '../real-parts.ts';
import { bundle, compile, hasGo, makeContext, removeTemporaryFolders, repository, run } from './build-context.ts';
import { endReplicas, startReplica } from './replica-process.ts';

const functions = join(repository, 'functions');

const nodeInfo = v.object({
  hostName: v.string(),
  revision: v.string(),
  emulated: v.boolean(),
  memory: v.object({ totalBytes: v.number() }),
  cpu: v.object({ count: v.number() }),
});

/** A build context of one of this repository's own functions. */
async function makeFunctionContext(template: string, name: string): Promise<string> {
  const context = await makeContext(template);
  await rm(join(context, 'function'), { recursive: true });
  const filter = (source: string): boolean => !source.endsWith('node_modules');
  await cp(join(functions, name), join(context, 'function'), { recursive: true, filter });
  return context;
}

describe("this repository's own functions", function () {
  this.timeout(240_000);
  afterEach(endReplicas);
  after(removeTemporaryFolders);

  it('are all in stack.yml, with a template of ours', async () => {
    const stack = parse(await readFile(join(repository, 'stack.yml'), 'utf8'));
    assert.deepEqual(Object.keys(stack.functions).sort(), (await readdir(functions)).sort());
    for (const [name, declared] of Object.entries<Record<string, unknown>>(stack.functions)) {
      assert.equal(declared['handler'], `./functions/${name}`);
      assert.match(String(declared['lang']), /^bantam-(ts|go)$/);
    }
  });

  it('arch-check: its types and its own tests', async () => {
    const cwd = join(functions, 'arch-check');
    const compiler = join(repository, 'node_modules/typescript/bin/tsc');
    const types = await run(process.execPath, [compiler, '--pretty', 'false', '-p', '.', '--types', 'node'], { cwd });
    assert.deepEqual(types, { code: 0, output: '' });
    const names = (await readdir(cwd)).filter((file) => file.endsWith('.test.ts'));
    const { code, output } = await run(process.execPath, ['--import', 'tsx', '--test', ...names], { cwd });
    assert.equal(code, 0, output);
  });

  it('arch-check answers as it is built', async () => {
    const built = await bundle(await makeFunctionContext('bantam-ts', 'arch-check'));
    assert.deepEqual([built.code, built.output], [0, '']);
    const replica = await startReplica(built.root, 'ts', { allowed_registries: 'ghcr.io' });
    const response = await fetch(`${replica.url}/?image=127.0.0.1:1/a/b`);
    assert.equal(response.status, 403);
    assert.match(await response.text(), /registry-not-allowed/);
    await replica.waitForLine(/registry-not-allowed: 127\.0\.0\.1:1 is not among/);
  });

  it('node-info: vet, format and its own tests', async function () {
    if (!hasGo) skip(this, 'no Go compiler on PATH');
    const cwd = join(functions, 'node-info');
    for (const verb of ['vet', 'test']) {
      const { code, output } = await run('go', [verb, './...'], { cwd, env: { GOWORK: 'off' } });
      assert.equal(code, 0, output);
    }
    assert.equal((await run('gofmt', ['-l', '.'], { cwd })).output, '');
  });

  it('node-info answers as it is built', async function () {
    if (!hasGo) skip(this, 'no Go compiler on PATH');
    const built = await compile(await makeFunctionContext('bantam-go', 'node-info'));
    assert.equal(built.code, 0, built.output);
    const replica = await startReplica(built.root, 'go', { BANTAM_REVISION: '90bb17aa' });
    const info = v.parse(nodeInfo, await (await fetch(replica.url)).json());
    assert.equal(info.hostName, hostname());
    assert.equal(info.revision, '90bb17aa');
    assert.equal(info.emulated, false);
    assert.ok(info.memory.totalBytes > 0 && info.cpu.count > 0);
    assert.match(await (await fetch(`${replica.url}/?format=text`)).text(), /^host name +\S+$/m);
  });
});
