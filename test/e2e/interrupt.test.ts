import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { needParts } from '../real-parts.ts';
import { startProxy } from '../registry/push-proxy.ts';
import { listen } from '../registry/scripted-server.ts';
import { makeProject, outcomesOf, type Project } from './build-project.ts';
import { root } from './program.ts';

/** Longest that bantam may take to end after a Ctrl-C: docker gets 5 s to end by itself. Milliseconds. */
const bound = 15_000;

const slow = `FROM --platform=$BUILDPLATFORM docker.io/library/busybox:1.36 AS build
COPY function/ /function/
RUN echo it has begun; sleep 600
FROM docker.io/library/busybox:1.36
COPY --from=build /function/ /function/
`;

/** Processes of this machine whose arguments hold a text: children of an interrupted run name its folders. */
async function processesWith(text: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const pid of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(pid)) continue;
    const line = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ');
    if (line.includes(text)) found.push(line);
  }
  return found;
}

/** Runs bantam until `when`, sends it a Ctrl-C and waits: exit code and how long it took to end. */
async function interrupt(
  project: Project,
  argv: readonly string[],
  when: RegExp | Promise<unknown>,
  signal: NodeJS.Signals = 'SIGINT',
): Promise<{ exitCode: number | null; milliseconds: number; output: string }> {
  const child = spawn(process.execPath, [join(root, 'dist/main.js'), ...argv], {
    cwd: project.folder,
    env: {
      ...process.env,
      CI: undefined,
      XDG_CACHE_HOME: undefined,
      HOME: join(project.folder, '../home'),
      TMPDIR: project.temporary,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let ended = false;
  const closed = once(child, 'close').then(([code]: unknown[]) => {
    ended = true;
    return typeof code === 'number' ? code : null;
  });
  const shown = new Promise<void>((resolve) => {
    const take = (text: string): void => {
      output += text;
      if (when instanceof RegExp && when.test(output)) resolve();
    };
    child.stdout.setEncoding('utf8').on('data', take);
    child.stderr.setEncoding('utf8').on('data', take);
  });
  await Promise.race([when instanceof RegExp ? shown : when, closed]);
  assert.ok(!ended, `ended before it was interrupted:\n${output}`);
  const began = performance.now();
  child.kill(signal);
  const limit = setTimeout(() => child.kill('SIGKILL'), bound * 2);
  const exitCode = await closed;
  clearTimeout(limit);
  return { exitCode, milliseconds: performance.now() - began, output };
}

/** Waits until something holds; every wait in here is bounded. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 300; tries += 1) {
    if (await holds()) return;
    await sleep(50);
  }
  throw new Error('it never came to be');
}

/** What must hold after each Ctrl-C. */
async function assertClean(project: Project, run: Awaited<ReturnType<typeof interrupt>>): Promise<void> {
  assert.equal(run.exitCode, 130, run.output);
  assert.ok(run.milliseconds < bound, `${run.milliseconds} ms`);
  assert.doesNotMatch(run.output, /BAN-BUG|at \S+ \(/, run.output);
  assert.deepEqual(await project.leftovers(), []);
  assert.deepEqual(await processesWith(join(project.folder, '..')), []);
}

describe('Ctrl-C', function () {
  this.timeout(180_000);
  let registry = '';

  before(async function () {
    const bed = await needParts(this, 'engine', 'buildx', 'registry', 'bases');
    registry = bed.registry ?? '';
  });

  it('while the build context is laid out', async () => {
    await using project = await makeProject(registry, ['hello']);
    await mkdir(join(project.folder, 'hello/many'));
    await Promise.all(
      Array.from(
        { length: 4000 },
        async (_, index) => await writeFile(join(project.folder, `hello/many/${index}`), 'x'),
      ),
    );
    const begun = until(async () => (await readdir(project.temporary)).length > 0);
    await assertClean(project, await interrupt(project, ['fn', 'build', '--push'], begun));
  });

  for (const output of [['--push'], ['--output', 'images'], ['--load'], []] as const)
    it(`while buildx runs (${output.join(' ') || 'check'})`, async () => {
      await using project = await makeProject(registry, ['hello', 'other'], slow);
      const run = await interrupt(project, ['fn', 'build', '-v', ...output], /it has begun/);
      await assertClean(project, run);
      const images = await readdir(join(project.folder, 'images')).catch(() => []);
      assert.deepEqual(images, []);
    });

  it('while the image is pushed: the tag is not written', async () => {
    await using proxy = await startProxy(registry, { bytesPerSecond: 20_000 });
    await using project = await makeProject(proxy.host, ['hello']);
    const run = await interrupt(project, ['fn', 'build', '--push'], /pushing to/);
    await assertClean(project, run);
    assert.ok(!proxy.passed.some(({ method, path }) => method === 'PUT' && path.endsWith('/manifests/1')));
  });

  it('while the image is checked or written, whenever it comes', async () => {
    await using project = await makeProject(registry, ['hello']);
    assert.equal((await project.run(['fn', 'build', '--output', 'images'])).exitCode, 0);
    const before = await readFile(join(project.folder, 'images/hello/index.json'), 'utf8');
    const run = await interrupt(project, ['fn', 'build', '--output', 'images'], /checking the image/).catch(
      () => undefined, // It was quicker than the signal: then there is nothing to look at but the folder.
    );
    if (run !== undefined && run.exitCode !== 0) assert.equal(run.exitCode, 130, run.output);
    assert.equal(await readFile(join(project.folder, 'images/hello/index.json'), 'utf8'), before);
    assert.deepEqual(await readdir(join(project.folder, 'images')), ['hello']);
    assert.deepEqual(await project.leftovers(), []);
  });

  it('while a deployment is sent, and while it is watched', async () => {
    await using project = await makeProject(registry, ['hello']);
    assert.equal((await project.run(['fn', 'build', '--push'])).exitCode, 0);
    for (const hangs of ['send', 'watch']) {
      let asked = (): void => undefined;
      const reached = new Promise<void>((resolve) => {
        asked = resolve;
      });
      const server = createServer(gateway(hangs, asked));
      await listen(server);
      const address = server.address();
      assert.ok(address !== null && typeof address === 'object');
      try {
        const url = `http://127.0.0.1:${address.port}`;
        const run = await interrupt(project, ['fn', 'deploy', '--no-build', '--gateway', url], reached);
        await assertClean(project, run);
      } finally {
        server.closeAllConnections();
        server.close();
      }
    }
  });

  it('while a function hangs that was invoked', async () => {
    await using project = await makeProject(registry, ['hello']);
    let asked = (): void => undefined;
    const reached = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const server = createServer(gateway('invoke', asked));
    await listen(server);
    const address = server.address();
    assert.ok(address !== null && typeof address === 'object');
    try {
      const argv = ['fn', 'invoke', 'hello', '-d', 'x', '--gateway', `http://127.0.0.1:${address.port}`];
      await assertClean(project, await interrupt(project, argv, reached));
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  it('while a function is scaffolded leaves all of it or nothing', async () => {
    for (const delay of [0, 60, 90, 120, 150, 200]) {
      await using project = await makeProject(registry, ['other']);
      const run = await interrupt(project, ['fn', 'new', 'hello', '--lang', 'ts'], sleep(delay)).catch(() => undefined);
      const stack = await readFile(join(project.folder, 'stack.yml'), 'utf8');
      const names = await readdir(project.folder);
      assert.equal(names.includes('hello'), /^ {2}hello:/m.test(stack), `${delay} ms: ${names} ${run?.output}`);
      for (const name of [...names, ...(await readdir(join(project.folder, 'template')))])
        assert.match(name, /^(hello|other|template|mine|bantam-ts|\.bantam\.json|stack\.yml|\.gitignore)$/);
    }
  });

  it('while a local gateway starts leaves nothing that runs, and no record of it', async () => {
    await using project = await makeProject(registry, ['hello']);
    const docker = async (...argv: string[]): Promise<readonly string[]> =>
      (await execa('docker', [...argv, '--filter', 'label=bantam.local'])).stdout.split('\n');
    const ours = async (): Promise<readonly string[]> => [
      ...(await docker('network', 'ls', '--format', 'network {{.Name}}')),
      ...(await docker('ps', '--all', '--format', 'container {{.Names}}')),
    ];
    const before = await ours();
    for (const provider of ['process', 'docker'])
      for (const delay of [120, 250, 400]) {
        const run = await interrupt(project, ['local', 'up', '--port', '0', '--provider', provider], sleep(delay));
        assert.ok(run.exitCode === 130 || run.exitCode === null, `${delay} ms: exit ${run.exitCode}\n${run.output}`);
        // What functions and images are kept in stays; who runs (local.json) and who starts one (local.json.lock) do not.
        const left = await readdir(join(project.folder, '.bantam')).catch(() => []);
        const kept = ['.gitignore', 'password', 'processes', 'registry', 'secrets', 'store'];
        assert.deepEqual(
          left.filter((name) => !kept.includes(name)),
          [],
          `${provider}, ${delay} ms`,
        );
        assert.deepEqual(await processesWith(project.folder), []);
      }
    assert.deepEqual(
      (await ours()).filter((line) => !before.includes(line)),
      [],
    );
  });

  it('a build that was killed is no hindrance to the next one', async () => {
    await using project = await makeProject(registry, ['hello'], slow);
    const killed = await interrupt(project, ['fn', 'build', '-v', '--push'], /it has begun/, 'SIGKILL');
    assert.equal(killed.exitCode, null);
    await until(async () => (await processesWith(join(project.folder, '..'))).length === 0).catch(() => undefined);
    await project.write({ 'template/mine/Dockerfile': slow.replace('sleep 600', 'true') });
    const run = await project.run(['fn', 'build', '--push', '--json']);
    assert.equal(run.exitCode, 0, run.stdout);
    assert.ok(outcomesOf(run)[0]?.push?.changed);
  });
});

/** A gateway with one function that hangs where it is told to. */
function gateway(hangs: string, asked: () => void): RequestListener {
  return (request, response) => {
    const { method, url = '' } = request;
    const json = (status: number, body: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    request.resume();
    if (url.startsWith('/system/info'))
      json(200, { provider: { provider: 'faas-netes', orchestration: 'kubernetes' }, arch: 'amd64' });
    else if (url.startsWith('/function/') || url.startsWith('/async-function/')) asked();
    else if (method === 'POST' || method === 'PUT') {
      if (hangs === 'send') asked();
      else json(202, {});
    } else if (url.startsWith('/system/functions')) json(200, []);
    else {
      json(404, {});
      if (hangs === 'watch') setTimeout(asked, 0);
    }
  };
}
