import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bantam, startBantam, temporaryFolder } from '../e2e/program.ts';
import { needParts } from '../real-parts.ts';
import { gatewayUnderTest } from './target.ts';

/** Where the suite deploys to: the gateway of target.ts, else the embedded one. */
interface Target {
  readonly url: string;
  readonly user: string;
  readonly password: string;
  /** As both this machine and the nodes name it. */
  readonly registry: string;
}

interface Deployed {
  readonly provider: string;
  readonly functions: readonly {
    readonly name: string;
    readonly action?: string;
    readonly verdict?: string;
    readonly deploy?: string;
    readonly revision?: string;
    readonly counts?: { readonly answers: number; readonly otherAnswers: number };
    readonly failure?: { readonly code: string; readonly message: string };
    readonly logLines?: readonly { readonly text: string }[];
  }[];
}

const first = 'bantam-suite-ts';
const second = 'bantam-suite-go';
const secret = 'bantam-suite-secret';

describe(`deployments on ${gatewayUnderTest?.url ?? 'the embedded gateway'}`, function () {
  this.timeout(300_000);
  let target: Target;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let local: Awaited<ReturnType<typeof startBantam>> | undefined;

  const run = (argv: readonly string[], input?: string): ReturnType<typeof bantam> =>
    bantam([...argv, '--gateway', target.url], {
      folder: folder.path,
      environment: {
        HOME: join(folder.path, 'home'),
        XDG_CACHE_HOME: undefined,
        BANTAM_GATEWAY_USER: target.user,
        BANTAM_GATEWAY_PASSWORD: target.password,
      },
      ...(input === undefined ? {} : { input }),
    });
  const deploy = async (...argv: readonly string[]): Promise<Deployed & { readonly exitCode: number | null }> => {
    const { exitCode, stdout, stderr } = await run(['fn', 'deploy', '--json', '--timeout', '40', ...argv]);
    assert.match(stdout, /^\{/, stderr);
    return { ...(JSON.parse(stdout) as Deployed), exitCode };
  };
  const call = async (name: string): Promise<string> => {
    const { stdout, stderr, exitCode } = await run(['fn', 'invoke', name]);
    assert.equal(exitCode, 0, `${stdout}${stderr}`);
    return stdout;
  };
  const write = async (text: string): Promise<void> => await writeFile(join(folder.path, first, 'handler.ts'), text);

  before(async function () {
    const bed = await needParts(this, 'engine', 'buildx', 'bases', 'registry');
    folder = await temporaryFolder('bantam-suite-');
    await mkdir(join(folder.path, 'home'));
    if (gatewayUnderTest !== undefined) {
      target = gatewayUnderTest;
    } else {
      const passwordFile = join(folder.path, 'password');
      await writeFile(passwordFile, 'of the suite');
      await mkdir(join(folder.path, 'gateway'));
      local = await startBantam(['local', 'up', '--port', '0', '--password-file', passwordFile], {
        folder: join(folder.path, 'gateway'),
        environment: { HOME: join(folder.path, 'home') },
        ready: /Ctrl-C stops it/,
      });
      const found = /at (http:\/\/\S+),/.exec(local.output())?.[1] ?? '';
      target = {
        url: found,
        user: 'admin',
        password: 'of the suite',
        registry: `${bed.registry}/suite-${randomBytes(4).toString('hex')}`,
      };
    }
    for (const [name, language] of [
      [first, 'ts'],
      [second, 'go'],
    ] as const) {
      const made = await bantam(['fn', 'new', name, '--lang', language, '--prefix', target.registry], {
        folder: folder.path,
        environment: { HOME: join(folder.path, 'home') },
      });
      assert.equal(made.exitCode, 0, made.stderr);
    }
    await run(['fn', 'remove', first, second]);
    await run(['secret', 'remove', secret, '--yes']);
  });

  after(async () => {
    if (folder !== undefined && target !== undefined) {
      await run(['fn', 'remove', first, second]);
      await run(['secret', 'remove', secret, '--yes']);
    }
    await local?.stop();
    await folder?.[Symbol.asyncDispose]();
  });

  it('creates two functions, and their code answers', async () => {
    await write("export default async () => new Response('one');\n");
    const { exitCode, functions } = await deploy();
    assert.deepEqual(
      functions.map(({ name, action, verdict }) => [name, action, verdict]),
      [
        [first, 'created', 'ready'],
        [second, 'created', 'ready'],
      ],
    );
    assert.equal(exitCode, 0);
    assert.equal(await call(first), 'one');
  });

  it('sends nothing when nothing changed, and still makes sure that it answers', async () => {
    const { functions } = await deploy('--no-build');
    assert.deepEqual(
      functions.map(({ action, verdict }) => [action, verdict]),
      [
        ['unchanged', 'ready'],
        ['unchanged', 'ready'],
      ],
    );
  });

  it('updates, and reports ready only when the new code answers', async () => {
    await write("export default async () => new Response('two');\n");
    const { exitCode, functions } = await deploy(first);
    assert.deepEqual([exitCode, functions[0]?.action, functions[0]?.verdict], [0, 'updated', 'ready']);
    const answers = new Set<string>();
    for (let turn = 0; turn < 20; turn += 1) answers.add(await (await fetch(`${target.url}/function/${first}`)).text());
    assert.deepEqual([...answers], ['two']);
  });

  it('sends no image that is not in the registry, and the running function goes on', async () => {
    const stack = join(folder.path, 'stack.yml');
    const text = await readFile(stack, 'utf8');
    await writeFile(stack, text.replace(`${first}:latest`, `${first}:never-pushed`));
    const { exitCode, functions } = await deploy(first, '--no-build');
    await writeFile(stack, text);
    assert.deepEqual([exitCode, functions[0]?.failure?.code], [1, 'BAN-E503']);
    assert.equal(await call(first), 'two');
  });

  it('sends nothing when a secret is missing, and the running function goes on', async () => {
    const stack = join(folder.path, 'stack.yml');
    const text = await readFile(stack, 'utf8');
    await writeFile(
      stack,
      text.replace(
        `image: ${target.registry}/${first}:latest`,
        `image: ${target.registry}/${first}:latest\n    secrets:\n      - nobody-made-this`,
      ),
    );
    const { exitCode, functions } = await deploy(first, '--no-build');
    await writeFile(stack, text);
    assert.deepEqual([exitCode, functions[0]?.failure?.code], [1, 'BAN-E506'], JSON.stringify(functions));
    assert.equal(await call(first), 'two');
  });

  it('hands a secret to the function, and its next value once it starts anew', async () => {
    const stack = join(folder.path, 'stack.yml');
    const text = await readFile(stack, 'utf8');
    await writeFile(
      stack,
      text.replace(
        `image: ${target.registry}/${first}:latest`,
        `image: ${target.registry}/${first}:latest\n    secrets:\n      - ${secret}`,
      ),
    );
    await write(
      `import { readFileSync } from 'node:fs';\nconst folder = process.env['secret_mount_path'] ?? '/var/openfaas/secrets';\nconst value = readFileSync(folder + '/${secret}', 'latin1');\nexport default async () => new Response(JSON.stringify(value));\n`,
    );
    const created = await run(['secret', 'create', secret], 'first value\n');
    assert.equal(created.exitCode, 0, created.stderr);
    const { functions } = await deploy(first);
    assert.deepEqual([functions[0]?.action, functions[0]?.verdict], ['updated', 'ready'], JSON.stringify(functions));
    assert.equal(await call(first), '"first value"');
    assert.equal((await run(['secret', 'remove', secret])).exitCode, 1, 'a function uses it');
    const updated = await run(['secret', 'update', secret, '--no-trim'], 'second\u0001\n');
    assert.match(updated.stdout, new RegExp(`next: bantam fn deploy ${first} --no-build --again`));
    const again = await deploy(first, '--no-build', '--again');
    assert.deepEqual(
      [again.functions[0]?.action, again.functions[0]?.verdict, again.functions[0]?.revision],
      ['updated', 'ready', functions[0]?.revision],
      'the value is in no revision',
    );
    assert.equal(await call(first), JSON.stringify('second\u0001\n'));
    await writeFile(stack, text);
    await write("export default async () => new Response('two');\n");
    assert.equal((await deploy(first)).exitCode, 0);
    const removed = await run(['secret', 'remove', secret]);
    assert.equal(removed.exitCode, 0, removed.stdout + removed.stderr);
  });

  it('does not call a function ready that ends at its start, and shows why', async () => {
    await write("throw new Error('no database today');\nexport default async () => new Response('never');\n");
    const { exitCode, functions, provider } = await deploy(first, '--timeout', '15');
    assert.deepEqual(
      [exitCode, functions[0]?.verdict, functions[0]?.failure?.code],
      [8, 'not-ready', 'BAN-E502'],
      JSON.stringify(functions),
    );
    assert.ok(
      functions[0]?.logLines?.some(({ text }) => text.includes('no database today')),
      JSON.stringify(functions[0]?.logLines),
    );
    // faasd has removed the old container before it starts the new one; the others keep it.
    if (!provider.includes('faasd')) assert.equal(await call(first), 'two');
  });

  it('recovers with the next good version', async () => {
    await write("export default async () => new Response('three');\n");
    const { exitCode, functions } = await deploy(first);
    assert.deepEqual([exitCode, functions[0]?.verdict], [0, 'ready'], JSON.stringify(functions));
    assert.equal(await call(first), 'three');
  });

  it('refuses wrong credentials with exit 4', async () => {
    const { exitCode, stdout } = await bantam(
      ['fn', 'deploy', first, '--no-build', '--json', '--gateway', target.url],
      {
        folder: folder.path,
        environment: {
          HOME: join(folder.path, 'home'),
          BANTAM_GATEWAY_USER: target.user,
          BANTAM_GATEWAY_PASSWORD: `not ${target.password}`,
        },
      },
    );
    assert.equal(exitCode, 4, stdout);
  });

  it('shows logs, and removes what it deployed', async () => {
    const logs = await run(['fn', 'logs', second]);
    assert.match(logs.stdout, /listening on port \d+/);
    const { exitCode, stdout, stderr } = await run(['fn', 'remove', first, second]);
    assert.equal(exitCode, 0, `${stdout}${stderr}`);
    const listed = await run(['fn', 'list', '--json']);
    const { functions } = JSON.parse(listed.stdout) as { functions: readonly { name: string; state: string }[] };
    for (const name of [first, second])
      assert.equal(functions.find((each) => each.name === name)?.state, 'not deployed');
  });
});
