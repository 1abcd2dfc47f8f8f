import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Bed, needs, openBed } from './bed.ts';
import { cacheFolder } from './cache.ts';
import { withoutEmulation } from './emulation.ts';
import { findStrays } from './processes.ts';
import { run } from './program.ts';
import { busyboxReference } from './stand-ins.ts';
import { runFolder } from './state.ts';

// Opens the bed, uses every part once, closes it and looks for what remains: `npx tsx test/bed/selftest.ts`.

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** What a bed may change on the machine, as lines to compare. */
async function photographHost(): Promise<string[]> {
  const mounts = (await readFile('/proc/self/mounts', 'utf8')).split('\n').map((line) => line.split(' ')[1] ?? '');
  const watched = mounts.filter((mount) => mount.startsWith(cacheFolder()) || mount.endsWith('/binfmt_misc'));
  const links = (await readFile('/proc/net/dev', 'utf8'))
    .split('\n')
    .slice(2)
    .map((line) => line.split(':')[0]?.trim() ?? '');
  const handlers = await readdir('/proc/sys/fs/binfmt_misc').catch(() => []);
  const states = await Promise.all(
    handlers
      .filter((name) => name.startsWith('qemu-'))
      .map(
        async (name) => `${name} ${(await readFile(join('/proc/sys/fs/binfmt_misc', name), 'utf8')).split('\n')[0]}`,
      ),
  );
  const forwarding = await readFile('/proc/sys/net/ipv4/ip_forward', 'utf8');
  return [
    ...watched.map((mount) => `mount ${mount}`),
    ...links.map((link) => `link ${link}`),
    ...states.map((state) => `handler ${state}`),
    ...['/run/containerd', '/run/docker', '/etc/docker']
      .filter((path) => existsSync(path))
      .map((path) => `folder ${path}`),
    `forwarding ${forwarding.trim()}`,
  ].sort();
}

async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await work();
  say(`${what}: ${((performance.now() - start) / 1000).toFixed(1)} s`);
  return result;
}

function contextArguments(bed: Bed): string[] {
  return (bed.environment['BANTAM_BUILD_CONTEXTS'] ?? '')
    .split(/\s+/)
    .filter((pair) => pair !== '')
    .flatMap((pair) => ['--build-context', pair]);
}

/** Builds and pushes an image for three platforms and runs the two foreign ones. */
async function buildAndRun(bed: Bed, folder: string): Promise<void> {
  const image = `${bed.registry}/selftest:1`;
  const options = { environment: bed.environment, timeout: 300_000 };
  await writeFile(
    join(folder, 'Dockerfile'),
    `FROM ${busyboxReference}\nCOPY --link Dockerfile /Dockerfile\nCMD ["uname", "-m"]\n`,
  );
  const argv = [
    'buildx',
    'build',
    '--platform',
    'linux/amd64,linux/arm64,linux/arm/v7',
    ...contextArguments(bed),
    '--push',
    '--tag',
    image,
    folder,
  ];
  const reason = needs(bed, 'emulation-arm64', 'emulation-arm');
  if (reason === undefined) {
    await timed('three platforms built and pushed with the handlers off', () =>
      withoutEmulation(async () => {
        const states = await photographHost();
        assert.deepEqual(
          states.filter((state) => /^handler .* enabled$/.test(state)),
          [],
        );
        await run('docker', argv, options);
      }),
    );
  } else {
    say(`SKIPPED, handlers stay as they are: ${reason}`);
    await run('docker', argv, options);
  }
  const index = await run('crane', ['manifest', image], options);
  for (const platform of ['"amd64"', '"arm64"', '"v7"'])
    assert.ok(index.includes(platform), `${platform} is in ${index}`);
  if (reason !== undefined) return;
  for (const [platform, machine] of [
    ['linux/arm64', 'aarch64'],
    ['linux/arm/v7', 'armv7l'],
  ] as const) {
    const answer = await timed(`${platform} container`, () =>
      run('docker', ['run', '--rm', '--init', '--platform', platform, image], options),
    );
    assert.equal(answer, machine);
  }
  const id = await startStray(bed, image);
  if (exclusive(bed)) return;
  await run('docker', ['rm', '--force', id], options);
  await run('docker', ['network', 'rm', 'selftest'], options);
}

/** Whether closing stops the engine: it is the bed's own and nobody else uses it. */
function exclusive(bed: Bed): boolean {
  return !joined && bed.environment['DOCKER_HOST'] !== undefined;
}

/** A container in a network of its own, which closing the bed has to end. */
async function startStray(bed: Bed, image: string): Promise<string> {
  const options = { environment: bed.environment };
  await run('docker', ['network', 'create', 'selftest'], options);
  const argv = ['run', '--detach', '--network', 'selftest', '--publish', '127.0.0.1::8080', image, 'sleep', '600'];
  return run('docker', argv, options);
}

/** A stand-in of each template's bases does its work: node and npm, Go, and node of every platform. */
async function tryBases(bed: Bed, folder: string): Promise<void> {
  const pairs = (bed.environment['BANTAM_BUILD_CONTEXTS'] ?? '').split(/\s+/);
  const pinned = pairs
    .map((pair) => pair.slice(0, pair.lastIndexOf('=')))
    .filter((name) => name.includes('@') && /^(docker\.io|gcr\.io)\//.test(name));
  const checks: Readonly<Record<string, string>> = {
    node: 'RUN node --version && npm --version && mkdir /work && cd /work && npm init --yes >/dev/null && npm install is-number@7.0.0',
    golang: 'RUN mkdir /work && cd /work && go mod init work && go get github.com/google/uuid@v1.6.0',
  };
  for (const [index, reference] of pinned.entries()) {
    const name = /\/([a-z]+)\d*[^/]*$/.exec(reference)?.[1] ?? '';
    const check = checks[name];
    if (check === undefined) continue;
    const file = join(folder, `Dockerfile.${index}`);
    await writeFile(file, `FROM ${reference}\n${check}\n`);
    await timed(`${reference.split('@')[0]} works`, () =>
      run(
        'docker',
        [
          'buildx',
          'build',
          '--no-cache',
          ...contextArguments(bed),
          '--file',
          file,
          '--output',
          'type=cacheonly',
          folder,
        ],
        { environment: bed.environment, timeout: 300_000 },
      ),
    );
  }
  for (const pair of pairs.filter((candidate) => candidate.startsWith('gcr.io/distroless/nodejs'))) {
    const image = pair.slice(pair.indexOf('=docker-image://') + '=docker-image://'.length);
    for (const platform of ['linux/amd64', 'linux/arm64', 'linux/arm/v7']) {
      if (platform === 'linux/arm/v7' && image.includes('nodejs24')) continue;
      const version = await run(
        'docker',
        [
          'run',
          '--rm',
          '--platform',
          platform,
          '--read-only',
          '--user',
          '65532',
          image,
          '--print',
          'process.version + " " + process.arch',
        ],
        { environment: bed.environment, timeout: 120_000 },
      );
      say(`${pair.split('@')[0]} ${platform}: ${version}`);
    }
  }
}

const joined = existsSync(runFolder());
const before = await photographHost();
const folder = await mkdtemp(join(tmpdir(), 'bed-selftest-'));
const bed = await timed('open', () => openBed({ report: say }));
try {
  for (const part of bed.parts)
    say(`  ${part.name}: ${part.available ? part.version : `not available: ${part.reason}`}`);
  const reason = needs(bed, 'buildx', 'registry', 'bases', 'crane');
  if (reason !== undefined) say(`SKIPPED: ${reason}`);
  else if (bed.environment['BANTAM_BUILD_CONTEXTS'] === undefined) say('SKIPPED: the public images are used');
  else {
    await buildAndRun(bed, folder);
    await tryBases(bed, folder);
  }
} finally {
  await timed('close', async () => bed[Symbol.asyncDispose]());
  await rm(folder, { recursive: true, force: true });
}
if (exclusive(bed)) {
  assert.deepEqual(await photographHost(), before);
  assert.ok(!existsSync(runFolder()), `${runFolder()} is gone`);
  assert.deepEqual(await findStrays(cacheFolder(), runFolder()), []);
  say('closed; nothing remains');
} else say('closed; what remains is not the bed of this test alone');
