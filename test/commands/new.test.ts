import assert from 'node:assert/strict';
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bantam, type Run, root, temporaryFolder } from '../e2e/program.ts';

const modeline = '# yaml-language-server: $schema=template/stack.schema.json\n';

describe('fn new and the schema for editors', function () {
  this.timeout(60_000);
  let folder: AsyncDisposable & { readonly path: string };
  beforeEach(async () => {
    folder = await temporaryFolder('bantam new ü ');
  });
  afterEach(() => folder[Symbol.asyncDispose]());
  const run = (argv: readonly string[], below = ''): Promise<Run> =>
    bantam(['new', ...argv], { folder: join(folder.path, below), environment: { HOME: folder.path } });
  const schema = (): string => join(folder.path, 'template/stack.schema.json');
  const stack = (): string => join(folder.path, 'stack.yml');

  it('a new stack file names it in its first line, and the project has a copy', async () => {
    const { exitCode, stdout, stderr } = await run(['hello', '--lang', 'ts', '--prefix', 'pi:5000']);
    assert.equal(exitCode, 0, stderr);
    assert.match(stdout, /^wrote template\/stack\.schema\.json$/m);
    assert.ok((await readFile(stack(), 'utf8')).startsWith(modeline));
    assert.equal(await readFile(schema(), 'utf8'), await readFile(join(root, 'docs/stack.schema.json'), 'utf8'));
    assert.equal((await stat(schema())).mode & 0o777, 0o644);
  });

  it('a copy that is the same is left alone, one of another bantam is replaced, a missing one comes back', async () => {
    await run(['one', '--lang', 'ts', '--prefix', 'pi:5000']);
    const again = await run(['two', '--lang', 'ts', '--prefix', 'pi:5000', '--json']);
    assert.doesNotMatch(again.stdout, /stack\.schema/);
    await writeFile(schema(), '{}');
    const newer = await run(['three', '--lang', 'ts', '--prefix', 'pi:5000', '--json']);
    assert.ok((JSON.parse(newer.stdout) as { written: string[] }).written.includes('template/stack.schema.json'));
    assert.notEqual(await readFile(schema(), 'utf8'), '{}');
    await rm(schema());
    assert.match((await run(['four', '--lang', 'ts', '--prefix', 'pi:5000'])).stdout, /stack\.schema/);
  });

  it('a stack file that does not name it gets neither line nor copy', async () => {
    const text = 'provider:\n  name: openfaas\nfunctions:\n';
    await writeFile(stack(), text);
    const { exitCode, stdout } = await run(['hello', '--lang', 'ts', '--prefix', 'pi:5000']);
    assert.equal(exitCode, 0);
    assert.doesNotMatch(stdout, /schema/);
    assert.ok((await readFile(stack(), 'utf8')).startsWith(text));
    await assert.rejects(stat(schema()), { code: 'ENOENT' });
  });

  it('from a folder below, and for a stack file named by its whole path: paths are told from here', async () => {
    await run(['one', '--lang', 'ts', '--prefix', 'pi:5000']);
    await mkdir(join(folder.path, 'below'));
    const { stdout } = await run(['two', '--lang', 'ts', '--prefix', 'pi:5000'], 'below');
    assert.match(stdout, /^wrote \.\.\/two$/m);
    const named = await run(['three', '--lang', 'ts', '--prefix', 'pi:5000', '-f', stack()], 'below');
    assert.equal(named.exitCode, 0, named.stderr);
    assert.match(await readFile(stack(), 'utf8'), /\n {2}three:\n/);
  });

  it('works while BANTAM_TARGET names what the new stack file cannot declare yet', async () => {
    const { exitCode, stderr } = await bantam(['new', 'hello', '--lang', 'ts', '--prefix', 'pi:5000'], {
      folder: folder.path,
      environment: { HOME: folder.path, BANTAM_TARGET: 'pi' },
    });
    assert.equal(exitCode, 0, stderr);
  });

  it('warns of an image that names no registry, unless a target brings one', async () => {
    const heard = async (name: string, ...more: string[]): Promise<boolean> =>
      /names no registry/.test((await run([name, '--lang', 'ts', ...more])).stderr);
    assert.equal(await heard('one'), true);
    const text = await readFile(stack(), 'utf8');
    const targets = 'x-bantam:\n  targets:\n    pi: {registry: "pi-0.lan:5000"}\n    bare: {namespace: x}\n';
    await writeFile(stack(), `${text}${targets}`);
    assert.equal(await heard('two'), false);
    assert.equal(await heard('three', '-t', 'pi'), false);
    assert.equal(await heard('four', '-t', 'bare'), true);
    await writeFile(stack(), `${text}x-bantam:\n  targets:\n    bare: {namespace: x}\n`);
    assert.equal(await heard('five'), true);
  });

  it('a copy that cannot be written is a warning: the function is there', async () => {
    await mkdir(schema(), { recursive: true });
    const { exitCode, stdout, stderr } = await run(['hello', '--lang', 'ts', '--prefix', 'pi:5000']);
    assert.equal(exitCode, 0, stderr);
    assert.match(stderr, /warning {2}the schema for editors could not be written: .*it is a folder/);
    assert.match(stdout, /^wrote hello$/m);
  });
});
