import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { appendFile, chmod, mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { switchReason, withoutEmulation } from '../bed/emulation.ts';
import { needParts, skip } from '../real-parts.ts';
import { bantam, copyFolder, startBantam, temporaryFolder } from './program.ts';

interface Built {
  readonly name: string;
  readonly digest: string;
  readonly push?: { readonly sentBytes: number; readonly changed: boolean };
  readonly sizes: readonly {
    readonly platform: { readonly architecture: string };
    readonly program: string;
    readonly total: number;
    readonly own: number;
  }[];
}

interface Deployed {
  readonly name: string;
  readonly verdict: string;
  readonly action: string;
  readonly revision: string;
  readonly deploy: string;
  readonly url: string;
  readonly counts: { readonly answers: number; readonly otherAnswers: number };
}

describe('the main job', function () {
  this.timeout(300_000);
  let registry = '';
  let project: Awaited<ReturnType<typeof temporaryFolder>>;
  let local: Awaited<ReturnType<typeof startBantam>>;
  let gateway = '';
  const home = (): string => join(project.path, 'home');
  const run = (
    argv: readonly string[],
    more: { input?: string; folder?: string; environment?: Record<string, string | undefined> } = {},
  ): ReturnType<typeof bantam> =>
    bantam(argv, {
      folder: more.folder ?? join(project.path, 'my functions ü'),
      environment: { HOME: home(), XDG_CACHE_HOME: undefined, ...more.environment },
      ...(more.input === undefined ? {} : { input: more.input }),
    });
  const build = async (argv: readonly string[], more: Parameters<typeof run>[1] = {}): Promise<readonly Built[]> => {
    const { exitCode, stdout, stderr } = await run(['fn', 'build', '--json', ...argv], more);
    assert.equal(exitCode, 0, `${stdout}${stderr}`);
    return (JSON.parse(stdout) as { functions: readonly Built[] }).functions;
  };
  const deploy = async (argv: readonly string[]): Promise<readonly Deployed[]> => {
    const { exitCode, stdout, stderr } = await run(['fn', 'deploy', '--json', '--gateway', gateway, ...argv]);
    assert.equal(exitCode, 0, `${stdout}${stderr}`);
    return (JSON.parse(stdout) as { functions: readonly Deployed[] }).functions;
  };
  const handler = (name: string): string => join(project.path, 'my functions ü', 'hello', name);

  before(async function () {
    const bed = await needParts(this, 'engine', 'buildx', 'registry', 'bases');
    // A path of its own: others may push to the same registry meanwhile.
    registry = `${bed.registry}/e2e-${randomBytes(4).toString('hex')}`;
    project = await temporaryFolder();
    await mkdir(join(project.path, 'my functions ü'));
    await mkdir(home());
  });

  after(async () => {
    await local?.stop();
    await project?.[Symbol.asyncDispose]();
  });

  it('scaffolds a TypeScript and a Go function into a folder with a space and an umlaut', async () => {
    for (const [name, language] of [
      ['hello', 'ts'],
      ['ping', 'go'],
    ] as const) {
      const { exitCode, stderr } = await run(['fn', 'new', name, '--lang', language, '--prefix', registry]);
      assert.equal(exitCode, 0, stderr);
    }
    const stack = await readFile(join(project.path, 'my functions ü', 'stack.yml'), 'utf8');
    assert.match(stack, /hello:\n {4}lang: bantam-ts/);
    assert.match(stack, /ping:\n {4}lang: bantam-go/);
  });

  it('builds both for three platforms, checks the programs in the images and pushes them', async () => {
    const built = await build(['--push']);
    assert.deepEqual(
      built.map(({ name, sizes }) => [
        name,
        sizes.map(({ platform, program }) => `${platform.architecture} ${program.split(':')[0]}`),
      ]),
      [
        ['hello', ['amd64 runs', 'arm64 runs', 'arm runs']],
        ['ping', ['amd64 runs', 'arm64 runs', 'arm runs']],
      ],
    );
    for (const { sizes } of built) for (const { own, total } of sizes) assert.ok(own > 0 && own <= total);
  });

  it('builds the same digest again: cache pruned, folder renamed, other times, another umask; for --push and --output', async () => {
    const first = await build(['--push']);
    const renamed = join(project.path, 'elsewhere');
    await copyFolder(join(project.path, 'my functions ü'), renamed);
    for (const name of await readdir(join(renamed, 'hello'))) {
      await utimes(join(renamed, 'hello', name), 86_400, 86_400);
      await chmod(join(renamed, 'hello', name), 0o600);
    }
    await prune();
    const second = await build(['--output', 'images'], { folder: renamed });
    assert.deepEqual(
      second.map(({ digest }) => digest),
      first.map(({ digest }) => digest),
    );
    const index = JSON.parse(await readFile(join(renamed, 'images/hello/index.json'), 'utf8')) as {
      manifests: readonly { digest: string }[];
    };
    assert.deepEqual(
      index.manifests.map(({ digest }) => digest),
      [first[0]?.digest],
    );
    const third = await build(['--push'], { folder: renamed });
    assert.deepEqual(
      third.map(({ digest, push }) => [digest, push?.changed, push?.sentBytes]),
      first.map(({ digest }) => [digest, false, 0]),
    );
  });

  it('sees an edit that keeps the size of the file', async () => {
    await writeFile(handler('handler.ts'), "export default async () => new Response('one');\n");
    const [one] = await build(['hello']);
    assert.ok(one);
    const [first] = await build(['hello', '--push']);
    await writeFile(handler('handler.ts'), "export default async () => new Response('two');\n");
    const [second] = await build(['hello', '--push']);
    assert.notEqual(first?.digest, second?.digest);
    assert.equal(second?.push?.changed, true);
  });

  it('builds all platforms with the emulation switched off', async function () {
    await needParts(this, 'emulation-arm64', 'emulation-arm');
    const reason = switchReason();
    if (reason !== undefined) skip(this, reason);
    await appendFile(
      handler('../ping/handler.go'),
      '\n// built without emulation\nvar _ = "new content, so that nothing comes from the cache"\n',
    );
    await appendFile(handler('handler.ts'), '\nconsole.log("built without emulation");\n');
    await withoutEmulation(async () => {
      const built = await build([]);
      assert.deepEqual(
        built.map(({ name }) => name),
        ['hello', 'ping'],
      );
    });
  });

  it('logs in, deploys and proves that the code answers', async () => {
    const password = 'a password of the test';
    await writeFile(join(project.path, 'password'), `${password}\n`);
    await mkdir(join(project.path, 'gateway'));
    local = await startBantam(
      ['local', 'up', '--port', '0', '--provider', 'docker', '--password-file', join(project.path, 'password')],
      {
        folder: join(project.path, 'gateway'),
        environment: { HOME: home() },
        ready: /Ctrl-C stops it/,
      },
    );
    gateway = /at (http:\/\/\S+),/.exec(local.output())?.[1] ?? '';
    const wrong = await run(['login', '--gateway', gateway, '--username', 'admin', '--password-stdin'], {
      input: 'not it',
    });
    assert.equal(wrong.exitCode, 4, wrong.stderr);
    const right = await run(['login', '--gateway', gateway, '--username', 'admin', '--password-stdin'], {
      input: `${password}\n`,
    });
    assert.equal(right.exitCode, 0, right.stderr);
    const { exitCode, stdout, stderr } = await run(['fn', 'deploy', '--gateway', gateway]);
    assert.equal(exitCode, 0, `${stdout}${stderr}`);
    assert.ok(stderr.includes(`→ local (faas-netes dialect) at ${gateway}, 2 functions of stack.yml`), stderr);
    for (const name of ['hello', 'ping']) {
      assert.match(
        stdout,
        new RegExp(
          `^${name}\tdeployed\trevision [0-9a-f]{8}\t1/1 replicas\tanswers after \\d+\\.\\d s\t${gateway}/function/${name}$`,
          'm',
        ),
      );
    }
  });

  it('invokes, lists, describes, shows logs', async () => {
    const invoked = await run(['fn', 'invoke', 'hello', '--gateway', gateway], { input: '{"name":"Pi"}' });
    assert.deepEqual([invoked.exitCode, invoked.stdout], [0, 'two'], invoked.stderr);
    const listed = await run(['list', '--gateway', gateway]);
    assert.match(listed.stdout, /^hello\tdeployed\t[0-9a-f]{8}\t1\t/m);
    const described = await run(['fn', 'describe', 'ping', '--gateway', gateway]);
    assert.match(described.stdout, /^annotation bantam\.deploy\t[0-9a-f]{16}$/m);
    const logs = await run(['logs', 'ping', '--gateway', gateway]);
    assert.match(logs.stdout, /listening on port 8080/);
  });

  it('sends nothing when nothing changed', async () => {
    const before = (await describeHello()).createdAt;
    const outcomes = await deploy([]);
    assert.deepEqual(
      outcomes.map(({ name, action, verdict }) => [name, action, verdict]),
      [
        ['hello', 'unchanged', 'ready'],
        ['ping', 'unchanged', 'ready'],
      ],
    );
    assert.equal((await describeHello()).createdAt, before);
  });

  it('reports an update ready only when the new code, and nothing else, answers', async () => {
    // Three replicas, and a start that takes its time: the old code answers meanwhile.
    await run(['fn', 'scale', 'hello', '3', '--gateway', gateway]);
    await writeFile(
      handler('handler.ts'),
      "await new Promise((resolve) => setTimeout(resolve, 1500));\nexport default async () => new Response('three');\n",
    );
    const [outcome] = await deploy(['hello']);
    assert.deepEqual([outcome?.action, outcome?.verdict], ['updated', 'ready']);
    const answers = await Promise.all(
      Array.from({ length: 40 }, async () => await (await fetch(`${gateway}/function/hello`)).text()),
    );
    assert.deepEqual([...new Set(answers)], ['three']);
  });

  it('says why a function that never starts is not ready, with its log, and exits 8', async () => {
    await writeFile(
      handler('handler.ts'),
      "throw new Error('no database today');\nexport default async () => new Response('never');\n",
    );
    const { exitCode, stdout } = await run(['fn', 'deploy', 'hello', '--gateway', gateway, '--timeout', '8']);
    assert.equal(exitCode, 8, stdout);
    assert.match(stdout, /^✗ hello .*\(BAN-E502\)/m);
    assert.match(stdout, /no database today/);
    const answer = await fetch(`${gateway}/function/hello`);
    assert.equal(await answer.text(), 'three', 'the old code goes on answering');
  });

  it('runs the arm64 and arm/v7 images under emulation and calls them', async function () {
    await needParts(this, 'emulation-arm64', 'emulation-arm');
    await writeFile(handler('handler.ts'), 'export default async () => new Response(process.arch);\n');
    await build(['--push']);
    const { exitCode, stdout, stderr } = await run([
      'fn',
      'test',
      '--image',
      '--platform',
      'linux/arm64,linux/arm/v7',
      '--json',
    ]);
    assert.equal(exitCode, 0, `${stdout}${stderr}`);
    const { tests } = JSON.parse(stdout) as {
      tests: readonly { name: string; platform: string; ready: boolean; call: { status: number; body: string } }[];
    };
    assert.deepEqual(
      tests.map(({ name, platform, ready, call }) => [
        name,
        platform,
        ready,
        call.status,
        name === 'hello' ? call.body : '',
      ]),
      [
        ['hello', 'linux/arm64', true, 200, 'arm64'],
        ['hello', 'linux/arm/v7', true, 200, 'arm'],
        ['ping', 'linux/arm64', true, 200, ''],
        ['ping', 'linux/arm/v7', true, 200, ''],
      ],
    );
  });

  it('removes functions, and logs out', async () => {
    const removed = await run(['fn', 'remove', 'ping', '--gateway', gateway]);
    assert.equal(removed.exitCode, 0, removed.stderr);
    const again = await run(['fn', 'describe', 'ping', '--gateway', gateway, '--json']);
    assert.equal(again.exitCode, 1);
    assert.equal((JSON.parse(again.stdout) as { error: { code: string } }).error.code, 'BAN-E404');
    assert.equal((await run(['logout', '--gateway', gateway])).exitCode, 0);
    assert.equal((await run(['fn', 'list', '--gateway', gateway])).exitCode, 4);
  });

  it('stops at Ctrl-C and leaves no container, network or file behind', async () => {
    const record = JSON.parse(await readFile(join(project.path, 'gateway', '.bantam', 'local.json'), 'utf8')) as {
      instance: string;
    };
    assert.equal(await local.stop(), 130);
    const left = await readdir(join(project.path, 'gateway', '.bantam'));
    assert.deepEqual(
      left.filter((name) => name.startsWith('local')),
      [],
    );
    const { stdout } = await docker(['ps', '--all', '--quiet', '--filter', `label=bantam.local=${record.instance}`]);
    assert.equal(stdout, '');
  });

  async function describeHello(): Promise<{ createdAt?: string }> {
    const { stdout } = await run(['fn', 'describe', 'hello', '--gateway', gateway, '--json']);
    return (JSON.parse(stdout) as { function: { createdAt?: string } }).function;
  }
});

async function docker(argv: readonly string[]): Promise<{ stdout: string }> {
  const { execa } = await import('execa');
  return await execa('docker', [...argv]);
}

/** Empties the builder's cache of results: what comes out afterwards was built anew. What npm and Go keep for themselves stays. */
async function prune(): Promise<void> {
  for (const type of ['regular', 'source.local', 'internal', 'frontend'])
    await docker(['buildx', 'prune', '--all', '--force', '--filter', `type=${type}`]);
}
