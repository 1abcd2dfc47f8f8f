import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { extract } from 'tar-stream';
import { findDisagreement } from '../../cli/build/assemble/agreement.ts';
import { followBase } from '../../cli/build/assemble/base-reference.ts';
import { hostPlatform, makeFunctionTree } from '../../cli/build/assemble/function-tree.ts';
import { packLayer } from '../../cli/build/assemble/pack-layer.ts';
import { openChosenBuilder } from '../../cli/build/choose-builder.ts';
import { readDockerfile } from '../../cli/build/dockerfile.ts';
import { withHomeRegistry } from '../../cli/build/home-registry.ts';
import { readDescription } from '../../cli/build/recipe/description.ts';
import { openKeptPackages } from '../../cli/build/recipe/kept-packages.ts';
import { recordBuilt } from '../../cli/build/record-built.ts';
import type { Event } from '../../cli/events.ts';
import { registryNames } from '../../cli/local/own-addresses.ts';
import { sha256Digest } from '../../cli/oci/digest.ts';
import { parsePlatform } from '../../cli/oci/platform.ts';
import type { StackFunction } from '../../cli/stack/stack.ts';
import type { ProgramResult } from '../../cli/tools/exec.ts';
import { templates } from '../templates/build-context.ts';
import { makeSmallContext } from './assembled-function.ts';
import { examplePlan } from './example-plan.ts';

const signal = new AbortController().signal;

describe('what is built without Docker', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bantam-parts-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  describe('the Dockerfiles of the templates', () => {
    const read = async (template: string): Promise<string> =>
      await readFile(join(templates, template, 'Dockerfile'), 'utf8');

    for (const template of ['bantam-ts', 'bantam-go'])
      it(`${template}: says what build.json says; every other word is found`, async () => {
        const description = await readDescription(join(templates, template));
        const dockerfile = await read(template);
        assert.equal(findDisagreement(readDockerfile(dockerfile), description), undefined);
        for (const [from, to, found] of [
          ['USER 1000:1000', 'USER 1000:1000\nRUN id', 'RUN id'],
          ['LABEL bantam.runtime="1"', 'LABEL bantam.runtime="1" more=yes', 'LABEL bantam.runtime="1" more=yes'],
          ['EXPOSE 8080', 'EXPOSE 8080 9090', 'EXPOSE 8080 9090'],
          ['EXPOSE 8080\n', '', 'it has no EXPOSE 8080/tcp'],
          ['WORKDIR /home/app', 'WORKDIR /srv', 'WORKDIR /srv'],
          ['CMD []', 'CMD ["more"]', 'CMD ["more"]'],
          ['CMD []', 'HEALTHCHECK CMD true', 'HEALTHCHECK CMD true'],
          [
            'COPY --link --from=build /out/root/ /\n',
            'COPY --link --from=build /out/root/ /\nCOPY x /x\n',
            'COPY x /x',
          ],
          ['WORKDIR /build', 'WORKDIR /build\nRUN apt-get install -y curl', 'RUN apt-get install -y curl'],
          // More than the template's own step, in the same line.
          ['WORKDIR /build', 'WORKDIR /build\nRUN npm ci && cp x /out/root', 'RUN npm ci && cp x /out/root'],
          ['WORKDIR /build', 'WORKDIR /build\nRUN go build -o x; id', 'RUN go build -o x; id'],
          ['WORKDIR /build', 'WORKDIR /build\nRUN node build.mjs $(id)', 'RUN node build.mjs $(id)'],
          ['WORKDIR /build', 'WORKDIR /build\nADD x.tar /out/root/', 'ADD x.tar /out/root/'],
        ] as const) {
          const changed = dockerfile.replace(from, to);
          assert.notEqual(changed, dockerfile, from);
          assert.equal(findDisagreement(readDockerfile(changed), description)?.text, found);
        }
      });

    it('lead to a base for each platform, with build arguments in the place of what they pin', async () => {
      const facts = readDockerfile(await read('bantam-ts'), { NODE_ARM: 'mirror.lan/node:22' });
      const follow = (platform: string) => followBase(facts, parsePlatform(platform))?.names;
      assert.match(
        follow('linux/arm64')?.join(' ') ?? '',
        /^base-arm64 gcr\.io\/distroless\/nodejs24-debian13:nonroot@sha256:/,
      );
      assert.deepEqual(follow('linux/arm/v7'), ['base-arm', 'mirror.lan/node:22']);
      assert.deepEqual(followBase(readDockerfile(await read('bantam-go')), parsePlatform('linux/arm/v6'))?.names, [
        'scratch',
      ]);
      const own = 'FROM debian AS base\nRUN id\nFROM base\n';
      assert.equal(followBase(readDockerfile(own), parsePlatform('amd64')), undefined);
    });
  });

  it('knows the local registry by all its names, those that --listen adds included', () => {
    assert.deepEqual(registryNames('127.0.0.1:8585', undefined), ['127.0.0.1:8585', 'localhost:8585']);
    assert.ok(registryNames('127.0.0.1:8585', '192.0.2.7').includes('192.0.2.7:8585'));
    assert.ok(registryNames('127.0.0.1:8585', '2001:db8::1').includes('[2001:db8::1]:8585'));
  });

  describe('a layer', () => {
    it('is the same whoever owns the files and whenever; sorted, root’s, with the modes of the tree', async () => {
      const make = async (name: string, seconds: number) => {
        const tree = join(folder, name);
        const long = 'ü'.repeat(120);
        await mkdir(join(tree, 'b', long), { recursive: true });
        await mkdir(join(tree, 'tmp'));
        await chmod(join(tree, 'tmp'), 0o1777);
        await writeFile(join(tree, 'b', long, 'file'), 'content');
        await writeFile(join(tree, 'a'), Buffer.alloc(300_000, 'a'));
        await chmod(join(tree, 'a'), 0o755);
        await utimes(join(tree, 'a'), seconds, seconds);
        const file = join(folder, `${name}.tar.gz`);
        return { ...(await packLayer(tree, file, signal)), bytes: await readFile(file) };
      };
      const one = await make('one', 1);
      const two = await make('two', 2_000_000_000);
      assert.deepEqual(one.bytes, two.bytes);
      assert.equal(one.digest, sha256Digest(one.bytes));
      assert.equal(one.size, one.bytes.length);
      assert.equal(one.diffId, sha256Digest(gunzipSync(one.bytes)));
      const entries: unknown[] = [];
      const reader = extract();
      reader.end(gunzipSync(one.bytes));
      for await (const entry of reader) {
        const { name, mode, uid, gid, mtime, type } = entry.header;
        entries.push([name, mode, uid, gid, mtime?.getTime(), type]);
        entry.resume();
      }
      const long = 'ü'.repeat(120);
      assert.deepEqual(entries, [
        ['a', 0o755, 0, 0, 0, 'file'],
        ['b/', 0o755, 0, 0, 0, 'directory'],
        [`b/${long}/`, 0o755, 0, 0, 0, 'directory'],
        [`b/${long}/file`, 0o644, 0, 0, 0, 'file'],
        ['tmp/', 0o1777, 0, 0, 0, 'directory'],
      ]);
    });
  });

  describe('a tree for this machine', () => {
    const ports = { run: async (): Promise<ProgramResult> => assert.fail('nothing is to be run'), signal };

    it('is started by the Node that runs this, from paths in the tree', async () => {
      const context = await makeSmallContext(folder);
      const root = join(folder, 'tree');
      const tree = await makeFunctionTree({ name: 'hello', context, sources: undefined }, hostPlatform(), root, ports);
      assert.deepEqual(tree, {
        entrypoint: [
          process.execPath,
          '--max-semi-space-size=4',
          '--enable-source-maps',
          join(root, 'app/function.mjs'),
        ],
        workingDirectory: join(root, 'home/app'),
        environment: { NODE_ENV: 'production' },
        warnings: [],
      });
    });

    it('is only made for templates that say how', async () => {
      await assert.rejects(
        makeFunctionTree(
          { name: 'hello', context: folder, sources: undefined },
          hostPlatform(),
          join(folder, 'tree'),
          ports,
        ),
        /BAN-E220|only the templates of bantam/,
      );
    });
  });

  it('packages are kept for the next build by what was asked for, links and all, but none of the project itself', async () => {
    const context = join(folder, 'context');
    await mkdir(join(context, 'node_modules/.bin'), { recursive: true });
    await mkdir(join(context, 'function/node_modules/two'), { recursive: true });
    await writeFile(join(context, 'package.json'), '{}');
    await writeFile(join(context, 'node_modules/one.js'), '1');
    await symlink('../one.js', join(context, 'node_modules/.bin/one'));
    await writeFile(join(context, 'function/package.json'), '{"dependencies":{"two":"^2.0.0"}}');
    await writeFile(join(context, 'function/node_modules/two/index.js'), '2');
    const packages = openKeptPackages(join(folder, 'kept'), { whole: true });
    const bring = async (name: string, own: string): Promise<string> => {
      const other = join(folder, name);
      await mkdir(join(other, 'function'), { recursive: true });
      await writeFile(join(other, 'package.json'), '{}');
      await writeFile(join(other, 'function/package.json'), own);
      await packages.bring({ context: other, inContext: 'function' });
      return other;
    };
    await packages.keep({ context, inContext: 'function' });
    const same = await bring('same', '{"dependencies":{"two":"^2.0.0"}}');
    assert.equal(await readFile(join(same, 'node_modules/.bin/one'), 'utf8'), '1');
    assert.equal(await readFile(join(same, 'function/node_modules/two/index.js'), 'utf8'), '2');
    const other = await bring('other', '{"dependencies":{"two":"^3.0.0"}}');
    assert.deepEqual(await readdir(join(other, 'function')), ['package.json']);
    await writeFile(join(context, 'function/package.json'), '{"dependencies":{"two":"file:../two"}}');
    await packages.keep({ context, inContext: 'function' });
    const linked = await bring('linked', '{"dependencies":{"two":"file:../two"}}');
    assert.deepEqual(await readdir(join(linked, 'function')), ['package.json']);
  });

  describe('who builds', () => {
    const none: ProgramResult = { exitCode: undefined, stdout: '', stderr: '', missing: true, timedOut: false };
    const good: ProgramResult = { ...none, exitCode: 0, missing: false };
    const bad: ProgramResult = { ...good, exitCode: 1 };
    const slow: ProgramResult = { ...bad, timedOut: true };

    const choose = async (kind: 'auto' | 'buildx' | 'assemble', answers: Record<string, ProgramResult>, plan = {}) => {
      const events: Event[] = [];
      const asked: string[] = [];
      const built: string[] = [];
      const builder = (name: string) => async () => ({
        build: async () => {
          built.push(name);
          return { name: 'hello', image: 'hello', digest: undefined, sizes: [], seconds: 0 };
        },
      });
      const chosen = openChosenBuilder(kind, {
        buildx: builder('buildx'),
        assemble: builder('assemble'),
        run: async (_file, [word = '']) => {
          asked.push(word);
          return answers[word] ?? none;
        },
      });
      const ports = { report: (event: Event) => void events.push(event), signal };
      await Promise.all([chosen.build(examplePlan(plan), ports), chosen.build(examplePlan(plan), ports)]);
      return { built, asked, notes: events.flatMap((event) => (event.type === 'note' ? [event.text] : [])) };
    };

    it('docker buildx where it answers, else bantam itself: asked once, and said once why', async () => {
      const there = await choose('auto', { buildx: good, version: good });
      assert.deepEqual(there, { built: ['buildx', 'buildx'], asked: ['buildx', 'version'], notes: [] });
      for (const [answers, why] of [
        [{}, 'docker is not installed'],
        [{ buildx: bad, version: good }, 'docker has no buildx'],
        [{ buildx: good, version: bad }, 'the Docker engine does not answer'],
        [{ buildx: good, version: slow }, 'docker does not answer within 10 s'],
      ] as const) {
        const absent = await choose('auto', answers);
        assert.deepEqual(absent.built, ['assemble', 'assemble']);
        assert.deepEqual(absent.notes, [`bantam builds by itself, without Docker: ${why}`]);
      }
    });

    it('who is named builds; what only docker can do goes there without a question', async () => {
      assert.deepEqual(await choose('assemble', {}), { built: ['assemble', 'assemble'], asked: [], notes: [] });
      assert.deepEqual(await choose('buildx', {}), { built: ['buildx', 'buildx'], asked: [], notes: [] });
      for (const plan of [{ described: false }, { output: { kind: 'load' } }])
        assert.deepEqual((await choose('auto', {}, plan)).built, ['buildx', 'buildx']);
    });

    it('remembers what was built, index and images, and nothing of what failed', async () => {
      const added: string[][] = [];
      const images = {
        has: async () => false,
        add: async (digests: readonly string[]) => void added.push([...digests]),
      };
      const size = { platform: parsePlatform('amd64'), digest: 'sha256:2', total: 1, own: 1, program: '' };
      const outcome = { name: 'a', image: 'a', digest: 'sha256:1', sizes: [size], seconds: 0 };
      const failure = { code: 'BAN-E206', message: 'no' } as const;
      for (const each of [outcome, { name: 'a', image: 'a', failure }, { ...outcome, digest: undefined }])
        await recordBuilt({ build: async () => each }, images).build(examplePlan(), {
          report: () => undefined,
          signal,
        });
      assert.deepEqual(added, [['sha256:1', 'sha256:2']]);
    });
  });

  it('images without a registry of their own go to the local one, unless nobody builds them', async () => {
    const position = { line: 1, column: 1 };
    const declared = (image: string, skipBuild = false) =>
      ({ name: 'hello', image, skipBuild, position }) as unknown as StackFunction;
    const tag = withHomeRegistry((each) => Promise.resolve(each), '127.0.0.1:8585');
    for (const [written, expected] of [
      ['hello:latest', '127.0.0.1:8585/hello:latest'],
      ['hello', '127.0.0.1:8585/hello'],
      ['docker.io/library/hello:1', '127.0.0.1:8585/hello:1'],
      ['pi/hello:1', 'pi/hello:1'],
      ['registry.lan:5000/hello:1', 'registry.lan:5000/hello:1'],
    ] as const)
      assert.equal((await tag(declared(written))).image, expected);
    assert.equal((await tag(declared('nginx:1', true))).image, 'nginx:1');
    const none = withHomeRegistry((each) => Promise.resolve(each), undefined);
    assert.equal((await none(declared('hello'))).image, 'hello');
  });
});
