import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { needParts } from '../real-parts.ts';
import { makeProject, outcomesOf, type Project } from './build-project.ts';

/** A step that gives something else each time it runs, and reads a secret. `mark` is in every step, by which the test makes the builder forget them. */
const dockerfile = (mark: string): string => `FROM --platform=$BUILDPLATFORM docker.io/library/busybox:1.36 AS build
ARG ADDITIONAL_PACKAGE=default
ARG GREETING
RUN --mount=type=secret,id=token \\
    echo ${mark} > /made && head -c 16 /dev/urandom | od >> /made && wc -c < /run/secrets/token >> /made && \\
    echo "packages=$ADDITIONAL_PACKAGE greeting=$GREETING" >> /made
FROM docker.io/library/busybox:1.36
COPY --from=build /made /${mark}
COPY function/ /${mark}-function/
ENTRYPOINT ["/bin/busybox", "sh"]
`;

describe('build caches and secrets with a real builder', function () {
  this.timeout(240_000);
  let registry = '';
  before(async function () {
    const bed = await needParts(this, 'engine', 'buildx', 'registry', 'bases');
    registry = bed.registry ?? '';
  });

  /** Takes the steps of this test out of the builder's own cache; those of others stay. */
  const forget = async (mark: string): Promise<void> =>
    void (await execa('docker', ['buildx', 'prune', '--all', '--force', '--filter', `description~=${mark}`]));
  const digestOf = async (project: Project, ...argv: readonly string[]): Promise<string | undefined> => {
    const run = await project.run([
      'fn',
      'build',
      'hello',
      '--json',
      '--push',
      '--platform',
      'linux/amd64,linux/arm64',
      ...argv,
    ]);
    assert.equal(run.exitCode, 0, run.stdout + run.stderr);
    return outcomesOf(run)[0]?.digest;
  };

  it('a local and a registry cache bring steps back that the builder has forgotten; the secret is in none of them', async () => {
    const mark = `mark${randomBytes(6).toString('hex')}`;
    const canary = `canary${randomBytes(12).toString('hex')}`;
    await using project = await makeProject(registry, ['hello'], dockerfile(mark));
    const stack = await readFile(join(project.folder, 'stack.yml'), 'utf8');
    await project.write({
      'my token': canary,
      'stack.yml': stack.replace(
        '    image:',
        '    build_secrets:\n      token: my token\n    build_options: [dev]\n    image:',
      ),
      'template/mine/template.yml':
        'language: mine\nfprocess: sh\nbuild_options:\n  - name: dev\n    packages: [make, gcc]\n',
    });
    const caches = ['--build-cache', 'local', '--build-cache', `registry=${project.prefix}/caches`];
    const options = ['-b', 'GREETING', '--build-label', 'title=my ü function'];
    process.env['GREETING'] = canary.toUpperCase();
    try {
      const first = await digestOf(project, ...caches, ...options);
      const local = join(project.folder, '.bantam/build-cache');
      assert.deepEqual(await readdir(local), ['hello-linux-amd64-linux-arm64'], 'nothing is left beside it');
      await forget(mark);
      assert.notEqual(await digestOf(project, ...options), first, 'the builder has forgotten');
      await forget(mark);
      assert.equal(await digestOf(project, '--build-cache', 'local', ...options), first, 'from the folder');
      await forget(mark);
      assert.equal(await digestOf(project, caches[2] ?? '', caches[3] ?? '', ...options), first, 'from the registry');
      const made = await project.run([
        'fn',
        'build',
        'hello',
        '--output',
        'out',
        '--platform',
        'linux/amd64',
        ...options,
        '-v',
      ]);
      assert.equal(made.exitCode, 0, made.stderr);
      const trees = await Promise.all([project.folder, project.scratch].map(filesBelow));
      const holding = trees
        .flat()
        .filter(({ bytes }) => bytes.includes(canary))
        .map(({ path }) => path);
      assert.deepEqual(holding, [join(project.folder, 'my token')], 'the secret');
      for (const text of [made.stdout, made.stderr])
        assert.ok(!text.includes(canary) && !text.includes(canary.toUpperCase()), text);
      const printed = await project.run(['fn', 'build', '--print', '--build-cache', 'local', ...options]);
      assert.match(printed.stdout, /--secret 'id=token,"src=.*my token"' .*--cache-from .*--cache-to type=local/);
      assert.ok(!printed.stdout.includes(canary) && !printed.stdout.includes(canary.toUpperCase()));
      assert.deepEqual(await project.leftovers(), []);
    } finally {
      delete process.env['GREETING'];
      await forget(mark);
    }
  });

  it('a cache that cannot be written is a warning with --build-cache, and an error with --cache-to', async () => {
    await using project = await makeProject(registry, ['hello']);
    const warned = await project.run(['fn', 'build', '--push', '--build-cache', 'registry=127.0.0.1:1/cache']);
    assert.equal(warned.exitCode, 0, warned.stderr);
    assert.match(warned.stderr, /warning.*the cache was not written.*connection refused/s);
    const failed = await project.run([
      'fn',
      'build',
      '--json',
      '--cache-to',
      'type=registry,ref=127.0.0.1:1/cache:{name}',
    ]);
    assert.equal(outcomesOf(failed)[0]?.failure?.code, 'BAN-E214', failed.stdout);
  });

  it('a builder and a build option that are not there are errors with a code', async () => {
    await using project = await makeProject(registry, ['hello']);
    const builder = await project.run(['fn', 'build', '--json', '--builder', 'nobody-has-this']);
    assert.equal(outcomesOf(builder)[0]?.failure?.code, 'BAN-E219', builder.stdout);
    const option = await project.run(['fn', 'build', '--json', '-o', 'dev']);
    assert.equal(outcomesOf(option)[0]?.failure?.code, 'BAN-E213', option.stdout);
    assert.equal(option.exitCode, 2);
  });
});

async function filesBelow(folder: string): Promise<readonly { readonly path: string; readonly bytes: Buffer }[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return await Promise.all(files.map(async (path) => ({ path, bytes: await readFile(path) })));
}
