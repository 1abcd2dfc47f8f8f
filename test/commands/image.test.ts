import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeCheck } from '../../cli/commands/describe-check.ts';
import { describeInspection, readStep } from '../../cli/commands/describe-inspection.ts';
import { nodeOf } from '../../cli/oci/node.ts';
import { parsePlatform } from '../../cli/oci/platform.ts';
import { checkImage } from '../../cli/registry/check.ts';
import { inspectImage } from '../../cli/registry/inspect.ts';
import type { ImageReader } from '../../cli/registry/registry.ts';
import { bantam, temporaryFolder } from '../e2e/program.ts';
import { elfMachines, makeElf, packLayer } from '../oci/image-parts.ts';
import { keepIndex, type Store, serveStore } from '../registry/stored-image.ts';

describe('bantam image', function () {
  this.timeout(60_000);
  let server: Awaited<ReturnType<typeof serveStore>>;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  before(async () => {
    const store: Store = { blobs: new Map() };
    [server, folder] = await Promise.all([serveStore(store), temporaryFolder()]);
    const image = async (platform: string, machine: keyof typeof elfMachines) => ({
      platform: parsePlatform(platform),
      config: {
        Entrypoint: ['/fn', '--port', '80 80'],
        Env: ['PATH=/bin', 'TOKEN=canary-9d1f'],
        Labels: { 'org.example': 'a\u001b[31mlabel' },
      },
      layers: [
        await packLayer([{ name: 'fn', content: makeElf(elfMachines[machine]) }]),
        await packLayer([{ name: 'ballast', mode: 0o644, content: randomBytes(2000) }]),
      ],
    });
    const keep = (tag: string, root: { digest: string }) =>
      store.blobs.set(tag, store.blobs.get(root.digest) ?? assert.fail());
    keep('good', keepIndex(store, [await image('linux/amd64', 'amd64'), await image('linux/arm64', 'arm64')]));
    const torn = { ...(await image('linux/arm64', 'arm64')), configPlatform: parsePlatform('linux/amd64') };
    keep('torn', keepIndex(store, [torn]));
    keep('lies', keepIndex(store, [await image('linux/amd64', 'amd64'), await image('linux/arm64', 'amd64')]));
  });
  after(() => Promise.all([server.close(), folder[Symbol.asyncDispose]()]));

  const run = (...argv: string[]) =>
    bantam(['image', ...argv], {
      folder: folder.path,
      environment: { HOME: folder.path, XDG_CACHE_HOME: undefined, DOCKER_CONFIG: undefined },
    });
  const rowsOf = (text: string) =>
    text
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t'));
  const named = (tag: string) => `${server.host}/lab/fn:${tag}`;

  it('check gives a row per image and node, and 1 if one does not run', async () => {
    const good = await run('check', named('good'), '--node', 'amd64,pi5');
    assert.deepEqual([good.exitCode, good.stderr], [0, '']);
    assert.deepEqual(
      rowsOf(good.stdout).map((row) => row.slice(0, 4)),
      [
        [named('good'), 'amd64', 'runs', 'linux/amd64'],
        [named('good'), 'pi5', 'runs', 'linux/arm64'],
      ],
    );
    const lies = await run('check', named('good'), named('lies'), '--platform', 'linux/arm64');
    assert.equal(lies.exitCode, 1);
    assert.deepEqual(
      rowsOf(lies.stdout).map((row) => row[2]),
      ['runs', 'does not'],
    );
    assert.match(lies.stdout, /\/fn is x86-64/);
  });

  it('check takes a PC, Pis and a Pi 5 for granted, and says no about what an index lacks', async () => {
    const { exitCode, stdout } = await run('check', named('good'));
    assert.equal(exitCode, 1);
    assert.deepEqual(
      rowsOf(stdout).map((row) => row.slice(1, 3)),
      [
        ['amd64', 'runs'],
        ['arm64', 'runs'],
        ['pi5', 'runs'],
        ['armv7', 'does not'],
      ],
    );
  });

  it('check without a name looks at the stack’s images, each for its own platforms', async () => {
    const declare = (name: string, image: string, platform: string, how: string) =>
      `  ${name}:\n    ${how}\n    image: ${image}\n    x-bantam:\n      platforms: [${platform}]\n`;
    const functions = [
      declare('one', named('good'), 'linux/arm64', 'lang: bantam-ts\n    handler: ./one'),
      declare('two', named('lies'), 'linux/amd64', 'lang: bantam-ts\n    handler: ./two'),
      declare('three', named('good'), 'linux/arm64', 'skip_build: true'),
    ];
    await writeFile(
      join(folder.path, 'stack.yml'),
      `version: 1.0\nprovider:\n  name: openfaas\n  gateway: http://127.0.0.1:8080\nfunctions:\n${functions.join('')}`,
    );
    const { stdout, stderr, exitCode } = await run('check');
    assert.equal(exitCode, 0, stderr);
    assert.deepEqual(
      rowsOf(stdout).map((row) => row.slice(0, 3)),
      [
        [named('good'), 'arm64', 'runs'],
        [named('good'), 'pi5', 'runs'],
        [named('lies'), 'amd64', 'runs'],
      ],
    );
    assert.match(stderr, /3 functions of .*stack\.yml/);
  });

  it('check calls what it could not read unknown, exits with 1, and says once what to do', async () => {
    const { exitCode, stdout, stderr } = await run(
      'check',
      named('absent'),
      named('gone'),
      '127.0.0.1:1/x',
      '--node',
      'pi5',
    );
    assert.equal(exitCode, 1);
    assert.deepEqual(
      rowsOf(stdout).map((row) => row[2]),
      ['unknown', 'unknown', 'unknown'],
    );
    assert.match(stdout, /has no manifest of .*absent/);
    assert.equal(stderr.match(/next:/g)?.length, 2, stderr);
  });

  it('check --json counts what was read: the second time the tag alone', async () => {
    await run('check', named('good'));
    const { stdout } = await run('check', named('good'), '--json');
    const document = JSON.parse(stdout) as { images: { digest: string; nodes: object[] }[]; read: object };
    assert.deepEqual(document.read, { requests: 1, bytes: 0 });
    assert.match(document.images[0]?.digest ?? '', /^sha256:/);
    assert.equal(document.images[0]?.nodes.length, 4);
  });

  it('check refuses what it does not know: nodes, platforms, names', async () => {
    for (const [argv, code, words] of [
      [['--node', 'pi6'], 2, /BAN-E001 .*no kind of node called pi6[\s\S]*did you mean pi5/],
      [['--node', 'pi5', '--platform', 'arm64'], 2, /BAN-E001 .*give one of them/],
      [['--platform', 'linux/vax'], 2, /BAN-E209/],
    ] as const) {
      const { exitCode, stderr } = await run('check', named('good'), ...argv);
      assert.equal(exitCode, code, stderr);
      assert.match(stderr, words);
    }
    const { exitCode, stderr } = await run('check', 'No Reference');
    assert.deepEqual([exitCode, /BAN-E305/.test(stderr)], [2, true]);
  });

  it('inspect shows what is in it, names of variables only, and nothing that a terminal obeys', async () => {
    const { exitCode, stdout } = await run('inspect', named('good'));
    assert.equal(exitCode, 0);
    const facts = rowsOf(stdout).filter(([platform]) => platform === 'linux/arm64');
    const of = (name: string) => facts.filter(([, fact]) => fact === name).map(([, , value]) => value);
    assert.match(of('verdict')[0] ?? '', /^runs: \/fn is AArch64/);
    assert.match(of('size')[0] ?? '', / in 2 layers, compressed$/);
    assert.deepEqual(
      of('layer').map((layer) => layer?.replace(/^.*B {2}/, '')),
      ['step 0', 'step 1'],
    );
    assert.deepEqual(of('entrypoint'), ['/fn --port "80 80"']);
    assert.deepEqual(of('environment'), ['PATH, TOKEN']);
    assert.deepEqual(of('label'), ['org.example=a [31mlabel']);
    const json = await run('inspect', named('good'), '--platform', 'arm64', '--json');
    assert.equal(json.exitCode, 0);
    assert.doesNotMatch(stdout + json.stdout, /canary-9d1f/);
  });

  it('inspect exits with 1 for a program of another machine and for a platform that is not there', async () => {
    const lies = await run('inspect', named('lies'), '--platform', 'linux/arm64');
    assert.equal(lies.exitCode, 1);
    assert.match(lies.stdout, /does not: \/fn is x86-64/);
    const absent = await run('inspect', named('good'), '--platform', 'linux/arm/v6');
    assert.equal(absent.exitCode, 1);
    assert.match(absent.stderr, /linux\/arm\/v6 is not in the image\n.*it holds linux\/amd64, linux\/arm64/);
    const none = await run('inspect', named('absent'));
    assert.equal(none.exitCode, 1);
    assert.match(none.stderr, /BAN-E303/);
  });

  it('inspect and check give one verdict on an image whose configuration contradicts its index, and inspect warns', async () => {
    const inspected = await run('inspect', named('torn'));
    assert.equal(inspected.exitCode, 0);
    assert.match(inspected.stdout, /\tverdict\truns: \/fn is AArch64\n/);
    assert.match(inspected.stderr, /linux\/arm64 +its configuration says linux\/amd64.*\n.*last FROM/);
    const checked = await run('check', named('torn'), '--node', 'arm64');
    assert.deepEqual([checked.exitCode, checked.stderr], [0, '']);
    assert.match(checked.stdout, /\truns\tlinux\/arm64\t\/fn is AArch64\n/);
  });

  it('shows nothing of a hostile index that a terminal obeys: names of platforms, user, labels', async () => {
    const evil = { os: 'linux\u001b[31m', architecture: 'x\u202ey\n' };
    const store: Store = { blobs: new Map() };
    const config = { Entrypoint: ['/fn'], User: 'a\u202eb', Labels: { 'a\u001b]0;x\u0007': 'b' } };
    const layer = await packLayer([{ name: 'fn', content: makeElf(elfMachines.amd64) }]);
    const root = keepIndex(store, [{ platform: evil, config, layers: [layer] }]);
    const reader = {
      manifest: async () => ({ digest: root.digest, ...(store.blobs.get(root.digest) ?? assert.fail()) }),
      blob: async () => assert.fail('no blob'),
    };
    const all: ImageReader = {
      manifest: async ({ digest = '' }) => ({ digest, ...(store.blobs.get(digest) ?? assert.fail()) }),
      blob: async (_reference, digest) => ReadableStream.from([store.blobs.get(digest)?.bytes ?? assert.fail()]),
    };
    const reference = { registry: 'r.test', repository: 'x', digest: root.digest };
    const inspected = describeInspection('x', await inspectImage(all, reference));
    const checked = describeCheck([await checkImage(reader, reference, [nodeOf(parsePlatform('arm64'))])], {
      requests: 0,
      bytes: 0,
    });
    for (const blocks of [inspected, checked]) {
      const text = JSON.stringify(blocks);
      assert.match(text, /linux/);
      // JSON itself escapes control characters as \u00xx, printable() as \u{xx}.
      assert.doesNotMatch(text, /\\u00|\u202e|\\n/);
    }
  });

  it('shows a build step without what builders add, and without values that may be secrets', () => {
    for (const [written, shown] of [
      ['/bin/sh -c #(nop) COPY file:abc in /app ', 'COPY file:abc in /app'],
      ['RUN /bin/sh -c npm ci # buildkit', 'RUN /bin/sh -c npm ci'],
      ['RUN |2 TOKEN=s3cret OTHER=a b /bin/sh -c npm ci # buildkit', 'RUN /bin/sh -c npm ci'],
      ['|1 TOKEN=s3cret /bin/sh -c npm ci', '/bin/sh -c npm ci'],
      ['RUN |1 TOKEN=s3cret npm ci', 'RUN …'],
      ['ENV PASSWORD=s3cret', 'ENV PASSWORD=…'],
      ['COPY --link root/ / # buildkit', 'COPY --link root/ /'],
      ['', ''],
    ] as const)
      assert.equal(readStep(written), shown);
  });
});
