import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { homedir, hostname } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { parseReference } from '../../cli/oci/reference.ts';
import { openRegistry } from '../../cli/registry/client.ts';
import { switchReason, withoutEmulation } from '../bed/emulation.ts';
import { needParts, skip } from '../real-parts.ts';
import { startProxy } from '../registry/push-proxy.ts';
import { makeProject, outcomesOf } from './build-project.ts';

const runs = `FROM docker.io/library/busybox:1.36
COPY function/ /function/
RUN cat /function/data.txt > /copy
ENTRYPOINT ["/bin/busybox", "sh"]
`;

/** Every platform gets this machine's program. */
const wrong = `FROM --platform=$BUILDPLATFORM docker.io/library/busybox:1.36 AS build
FROM scratch
COPY --from=build / /
COPY function/ /function/
ENTRYPOINT ["/bin/busybox", "sh"]
`;

describe('a build', function () {
  this.timeout(240_000);
  let registry = '';
  const client = openRegistry({ credentials: { find: () => Promise.resolve(undefined) }, report: () => undefined });
  const tagOf = async (image: string): Promise<string | undefined> => await client.digestOf(parseReference(image));

  before(async function () {
    const bed = await needParts(this, 'engine', 'buildx', 'registry', 'bases');
    registry = bed.registry ?? '';
  });

  it('shows the words of the compilers with file and line in the user’s folder', async () => {
    await using project = await makeProject(registry, ['other']);
    for (const [name, language] of [
      ['hello', 'ts'],
      ['ping', 'go'],
    ] as const)
      assert.equal(
        (await project.run(['fn', 'new', name, '--lang', language, '--prefix', project.prefix])).exitCode,
        0,
      );
    await project.write({
      'hello/handler.ts': "export default async () => {\n  const x: number = 'no' +;\n  return new Response('');\n};\n",
      'ping/handler.go':
        'package function\n\nimport "net/http"\n\nfunc Handle(w http.ResponseWriter, r *http.Request) {\n\tw.Write(nothing)\n}\n',
    });
    const run = await project.run(['fn', 'build', 'hello', 'ping', '--json']);
    assert.equal(run.exitCode, 1);
    const [hello, ping] = outcomesOf(run);
    assert.deepEqual([hello?.failure?.code, ping?.failure?.code], ['BAN-E207', 'BAN-E207'], run.stdout);
    const place = (file: string, position: string): string => `${join(project.folder, file)}:${position}: `;
    assert.ok(
      hello?.failure?.details?.some((line) => line.startsWith(place('hello/handler.ts', '2:27'))),
      run.stdout,
    );
    assert.ok(
      ping?.failure?.details?.some((line) => line.startsWith(place('ping/handler.go', '6:10'))),
      run.stdout,
    );
  });

  it('of a template that RUNs on the target works with emulation, and names the line without it', async function () {
    await needParts(this, 'emulation-arm64', 'emulation-arm');
    await using project = await makeProject(registry, ['hello'], runs);
    const run = await project.run(['fn', 'build', '--push', '--json']);
    assert.equal(run.exitCode, 0, run.stdout);
    const reason = switchReason();
    if (reason !== undefined) skip(this, reason);
    await project.write({ 'hello/data.txt': 'new content, so that nothing comes from the cache' });
    const failed = await withoutEmulation(async () => await project.run(['fn', 'build', '--json']));
    assert.equal(failed.exitCode, 1);
    const [outcome] = outcomesOf(failed);
    assert.equal(outcome?.failure?.code, 'BAN-E205', failed.stdout);
    assert.deepEqual(outcome?.failure?.details, ['Dockerfile:3  RUN cat /function/data.txt > /copy']);
  });

  it('of three functions leaves the two good ones built and pushed', async () => {
    await using project = await makeProject(registry, ['one', 'broken', 'three']);
    await project.write({
      'template/bad/template.yml': 'language: bad\nfprocess: sh\n',
      'template/bad/Dockerfile': 'FROM docker.io/library/busybox:1.36\nCOPY missing /\n',
    });
    const stack = await readFile(join(project.folder, 'stack.yml'), 'utf8');
    await project.write({ 'stack.yml': stack.replace('broken:\n    lang: mine', 'broken:\n    lang: bad') });
    const run = await project.run(['fn', 'build', '--push', '--json']);
    assert.equal(run.exitCode, 1);
    const outcomes = outcomesOf(run);
    assert.deepEqual(
      outcomes.map(({ name, failure }) => [name, failure?.code]),
      [
        ['one', undefined],
        ['broken', 'BAN-E206'],
        ['three', undefined],
      ],
    );
    for (const { name, digest } of outcomes) assert.equal(await tagOf(`${project.prefix}/${name}:1`), digest);
  });

  it('with a program of another machine is refused, and the old tag stays', async () => {
    await using project = await makeProject(registry, ['hello']);
    const [good] = outcomesOf(await project.run(['fn', 'build', '--push', '--json']));
    await project.write({ 'template/mine/Dockerfile': wrong });
    const run = await project.run(['fn', 'build', '--push', '--json']);
    assert.equal(run.exitCode, 1);
    const [outcome] = outcomesOf(run);
    assert.equal(outcome?.failure?.code, 'BAN-E307', run.stdout);
    assert.match(`${outcome?.failure?.message}${outcome?.failure?.details}`, /linux\/arm64[\s\S]*linux\/arm\/v7/);
    assert.ok(good?.digest !== undefined);
    assert.equal(await tagOf(`${project.prefix}/hello:1`), good.digest);
  });

  it('says that the registry is down, or wants a login, and takes one', async () => {
    await using down = await makeProject('127.0.0.1:1', ['hello']);
    const refused = await down.run(['fn', 'build', '--push', '--json']);
    assert.deepEqual([refused.exitCode, outcomesOf(refused)[0]?.failure?.code], [1, 'BAN-E301'], refused.stdout);

    await using proxy = await startProxy(registry);
    const header = `Basic ${Buffer.from('me:secret').toString('base64')}`;
    proxy.interfere = (_method, _path, request) =>
      request.headers.authorization === header
        ? undefined
        : { status: 401, headers: { 'www-authenticate': 'Basic realm="registry"' } };
    await using project = await makeProject(proxy.host, ['hello']);
    const push = async (auth?: string) => {
      const DOCKER_CONFIG = join(project.temporary, '../docker');
      await mkdir(DOCKER_CONFIG, { recursive: true });
      const auths = auth === undefined ? {} : { [proxy.host]: { auth: Buffer.from(auth).toString('base64') } };
      // buildx stays where it is.
      const cliPluginsExtraDirs = [join(process.env['DOCKER_CONFIG'] ?? join(homedir(), '.docker'), 'cli-plugins')];
      await writeFile(join(DOCKER_CONFIG, 'config.json'), JSON.stringify({ auths, cliPluginsExtraDirs }));
      const run = await project.run(['fn', 'build', '--push', '--json'], {
        environment: { DOCKER_CONFIG, DOCKER_HOST: process.env['DOCKER_HOST'] },
      });
      return { ...run, failure: outcomesOf(run)[0]?.failure };
    };
    const none = await push();
    assert.deepEqual([none.exitCode, none.failure?.code], [4, 'BAN-E302'], none.stdout);
    const bad = await push('me:wrong');
    assert.deepEqual([bad.exitCode, bad.failure?.code], [4, 'BAN-E302'], bad.stdout);
    const good = await push('me:secret');
    assert.equal(good.exitCode, 0, `${good.stdout}${good.stderr}`);
    for (const { stdout, stderr } of [none, bad, good]) assert.doesNotMatch(`${stdout}${stderr}`, /secret|c2VjcmV0/);
  });

  it('is loaded for all platforms with the same digest again, and touches no builder', async () => {
    // A template of ours: the engine's store cannot rewrite times, so the template must not leave any of the build's.
    await using project = await makeProject(registry, ['other']);
    assert.equal((await project.run(['fn', 'new', 'hello', '--lang', 'ts', '--prefix', project.prefix])).exitCode, 0);
    const builders = async (): Promise<string> => (await execa('docker', ['buildx', 'ls'])).stdout;
    const before = await builders();
    const load = async () => outcomesOf(await project.run(['fn', 'build', 'hello', '--load', '--json']))[0]?.digest;
    const first = await load();
    assert.match(first ?? '', /^sha256:/);
    // The results; what npm keeps for itself stays.
    await execa('docker', ['buildx', 'prune', '--all', '--force', '--filter', 'type=regular']);
    try {
      assert.equal(await load(), first);
      for (const platform of ['linux/amd64', 'linux/arm64', 'linux/arm/v7'])
        await execa('docker', ['image', 'inspect', '--platform', platform, `${project.prefix}/hello:latest`]);
    } finally {
      await execa('docker', ['image', 'rm', '--force', `${project.prefix}/hello:latest`]);
    }
    assert.equal(await builders(), before);
  });

  it('--print says what it would do and starts no docker', async () => {
    await using project = await makeProject(registry, ['hello']);
    const bin = join(project.temporary, '../bin');
    await mkdir(bin);
    await writeFile(join(bin, 'docker'), `#!/bin/sh\necho "$@" >> '${bin}/calls'\n`);
    await chmod(join(bin, 'docker'), 0o755);
    const { exitCode, stdout } = await project.run(['fn', 'build', '--push', '--print'], {
      environment: { PATH: `${bin}:/usr/bin:/bin` },
    });
    assert.equal(exitCode, 0);
    assert.match(stdout, /^docker buildx build --platform linux\/amd64,linux\/arm64,linux\/arm\/v7 .*type=oci/m);
    assert.deepEqual(await readdir(bin), ['docker']);
    assert.deepEqual(await project.leftovers(), []);
  });

  it('takes the place of an older layout, and of nothing else', async () => {
    await using project = await makeProject(registry, ['hello']);
    for (let time = 0; time < 2; time += 1) {
      const run = await project.run(['fn', 'build', '--output', 'images "ü"', '--json']);
      assert.equal(run.exitCode, 0, run.stdout);
    }
    assert.deepEqual((await readdir(join(project.folder, 'images "ü"', 'hello'))).sort(), [
      'blobs',
      'index.json',
      'oci-layout',
    ]);
    assert.deepEqual(await readdir(join(project.folder, 'images "ü"')), ['hello']);
    // The layout of `hello` would take the place of the handler folder.
    const run = await project.run(['fn', 'build', '--output', '.', '--json']);
    assert.deepEqual([run.exitCode, outcomesOf(run)[0]?.failure?.code], [1, 'BAN-E003']);
    assert.deepEqual(await readdir(join(project.folder, 'hello')), ['data.txt']);
  });

  it('works without a cache folder', async () => {
    await using project = await makeProject(registry, ['hello']);
    await writeFile(join(project.temporary, 'file'), '');
    const run = await project.run(['fn', 'build', '--push', '--json'], {
      environment: { XDG_CACHE_HOME: join(project.temporary, 'file', 'cache') },
    });
    assert.equal(run.exitCode, 0, run.stdout);
    assert.deepEqual(await project.leftovers(), ['file']);
  });

  it('reaches a registry on the network by name over plain http when it is named', async function () {
    const { lookup } = await import('node:dns/promises');
    // This machine's own name is what a registry's name in a local network looks like.
    const names = [hostname(), 'localhost.localdomain', 'ip6-localhost'];
    const found = await Promise.all(
      names.map(async (name) => ({ name, at: await lookup(name).catch(() => undefined) })),
    );
    const local = found.find(({ at }) => at?.address === '127.0.0.1' || at?.address === '::1');
    if (local?.at === undefined) skip(this, `none of ${names.join(', ')} resolves to loopback here`);
    await using proxy = await startProxy(registry, { listenAt: local.at.address });
    const host = `${local.name}:${proxy.host.split(':').at(-1)}`;
    await using project = await makeProject(host, ['hello']);
    const run = await project.run(['fn', 'build', '--push', '--json'], {
      environment: { BANTAM_INSECURE_REGISTRIES: host },
    });
    assert.equal(run.exitCode, 0, run.stdout);
  });
});
