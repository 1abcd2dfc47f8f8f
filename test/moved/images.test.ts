import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmod, cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { bantam, temporaryFolder } from '../e2e/program.ts';
import { needParts, skip } from '../real-parts.ts';
import { templates } from '../templates/build-context.ts';
import { ask } from './answer.ts';
import { calls } from './calls.ts';
import { difference } from './expected.ts';
import { changeLang, folder, readFunctions } from './moved-function.ts';
import { readRecording } from './recording.ts';
import { secrets } from './secrets.ts';

/**
 * Every other one, since moved.test.ts runs all of them from the same tree; BANTAM_SUITE_MOVED=all builds all. Never the one that asks a
 * server on the machine's loopback, which containers do not reach.
 */
const chosen = readFunctions()
  .filter(({ name }) => name !== 'weather')
  .filter((_, index) => index % 2 === 0 || process.env['BANTAM_SUITE_MOVED'] === 'all');
const platform = `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`;

describe('functions written for the official templates, as images', function () {
  this.timeout(300_000);
  let project: Awaited<ReturnType<typeof temporaryFolder>> | undefined;
  const prefix = `bantam.test/moved-${randomBytes(4).toString('hex')}`;
  const containers: string[] = [];
  let built = false;

  before(async function () {
    await needParts(this, 'engine', 'buildx', 'bases');
    project = await temporaryFolder();
    const stack = await readFile(join(folder, 'stack.yml'), 'utf8');
    await cp(folder, join(project.path, 'functions'), { recursive: true });
    await writeFile(join(project.path, 'functions/stack.yml'), changeLang(stack));
    for (const name of ['bantam-ts', 'bantam-go'])
      await cp(join(templates, name), join(project.path, 'functions/template', name), {
        recursive: true,
        filter: (path) => !path.endsWith('node_modules'),
      });
    // As the kubelet mounts them: everybody may read.
    await mkdir(join(project.path, 'secrets'));
    await chmod(project.path, 0o755);
    for (const [name, value] of Object.entries(secrets)) await writeFile(join(project.path, 'secrets', name), value);
  });

  after(async () => {
    if (containers.length > 0) await execa('docker', ['rm', '--force', '--volumes', ...containers]);
    const images = chosen.map(({ name }) => `${prefix}/${name}:latest`);
    if (project !== undefined) await execa('docker', ['image', 'rm', '--force', ...images], { reject: false });
    await project?.[Symbol.asyncDispose]();
  });

  it('are built by bantam with only lang changed', async () => {
    assert.ok(project);
    const { exitCode, stdout, stderr } = await bantam(
      ['fn', 'build', ...chosen.map(({ name }) => name), '--platform', platform, '--load', '--json'],
      {
        folder: join(project.path, 'functions'),
        environment: { HOME: project.path, XDG_CACHE_HOME: undefined, OPENFAAS_PREFIX: prefix },
      },
    );
    assert.equal(exitCode, 0, `${stdout}${stderr}`);
    built = true;
  });

  for (const moved of chosen) {
    it(`${moved.name} answers from a container as it did under ${moved.lang}`, async function () {
      if (!built) skip(this, 'the images were not built');
      assert.ok(project);
      const { stdout: id } = await execa('docker', [
        ...['run', '--detach', '--quiet', '--publish', '127.0.0.1::8080', '--cap-drop', 'ALL'],
        ...['--volume', `${join(project.path, 'secrets')}:/var/openfaas/secrets:ro`],
        ...Object.entries(moved.environment).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
        `${prefix}/${moved.name}:latest`,
      ]);
      containers.push(id);
      const { stdout: address } = await execa('docker', ['port', id, '8080/tcp']);
      const url = `http://${address.split('\n')[0]}`;
      await untilReady(url, id);
      const recording = await readRecording(moved.name);
      const different: string[] = [];
      for (const call of calls[moved.name] ?? []) {
        const line = difference(call, recording, await ask(url, call));
        if (line !== undefined) different.push(line);
      }
      if (different.length > 0) assert.fail(different.join('\n'));
    });
  }
});

/** Until the runtime says it is ready, which runs none of the function; the container's log if that takes too long. */
async function untilReady(url: string, id: string): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (performance.now() < deadline) {
    const status = await fetch(`${url}/_/ready`, { signal: AbortSignal.timeout(2000) }).then(
      (response) => response.status,
      () => 0,
    );
    if (status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const { all } = await execa('docker', ['logs', id], { all: true });
  throw new Error(`not ready after 30 s:\n${all}`);
}
