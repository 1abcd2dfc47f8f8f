import assert from 'node:assert/strict';
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { layOutContext } from '../../cli/build/context.ts';
import { Interrupted, UserError } from '../../cli/errors.ts';
import type { Template } from '../../cli/template/template.ts';

describe('a build context', () => {
  let root = '';
  let count = 0;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'bantam-context-'));
  });
  afterEach(async () => await rm(root, { recursive: true, force: true }));

  const template = (bantam = true, handlerFolder = 'function'): Template => ({
    name: 'mine',
    folder: join(root, 'template'),
    handlerFolder,
    process: undefined,
    welcomeMessage: undefined,
    bantam,
  });
  const write = async (files: Readonly<Record<string, string>>): Promise<void> => {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), text);
    }
  };
  const layOut = async (handler = 'handler', of = template()) => {
    count += 1;
    return await layOutContext(of, join(root, handler), join(root, `scratch ${count}`, 'hello'));
  };
  const tree = async (folder: string): Promise<readonly string[]> =>
    (await readdir(folder, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
      .sort();
  const sample = {
    'template/Dockerfile': 'FROM scratch\n',
    'template/function/sample.ts': 'the sample',
    'handler/handler.ts': 'one',
    'handler/lib/größe.ts': 'two',
  };

  it('holds the template with the handler in its place, without the sample of our own templates', async () => {
    await write(sample);
    assert.deepEqual(await tree((await layOut()).folder), [
      'Dockerfile',
      'function/handler.ts',
      'function/lib/größe.ts',
    ]);
    assert.deepEqual(await tree((await layOut('handler', template(false))).folder), [
      'Dockerfile',
      'function/handler.ts',
      'function/lib/größe.ts',
      'function/sample.ts',
    ]);
  });

  it('leaves out what does not belong into an image', async () => {
    await write({
      ...sample,
      'handler/node_modules/a/index.js': '',
      'handler/lib/node_modules/a/index.js': '',
      'handler/.git/config': '',
      'handler/build/old': '',
      'handler/template/bantam-ts/Dockerfile': '',
      'handler/lib/build/kept': '',
      'template/node_modules/x/index.js': '',
    });
    assert.deepEqual(await tree((await layOut()).folder), [
      'Dockerfile',
      'function/handler.ts',
      'function/lib/build/kept',
      'function/lib/größe.ts',
    ]);
  });

  it('is the same from a copy with other times, another umask and another name', async () => {
    await write(sample);
    await chmod(join(root, 'handler/handler.ts'), 0o755);
    const first = await layOut();
    await cp(join(root, 'handler'), join(root, 'kopie ü'), { recursive: true });
    for (const name of ['handler.ts', 'lib/größe.ts', 'lib', '']) {
      const path = join(root, 'kopie ü', name);
      await utimes(path, 1, 1);
      await chmod(path, name === 'lib/größe.ts' ? 0o600 : 0o700);
    }
    const second = await layOut('kopie ü');
    assert.equal(second.digest, first.digest);
    for (const path of ['.', 'Dockerfile', 'function', 'function/handler.ts', 'function/lib/größe.ts']) {
      const [a, b] = [await stat(join(first.folder, path)), await stat(join(second.folder, path))];
      assert.deepEqual([b.mode, b.mtimeMs], [a.mode, a.mtimeMs], path);
    }
    assert.equal((await stat(join(first.folder, 'function/handler.ts'))).mode & 0o777, 0o755);
    assert.equal((await stat(join(first.folder, 'function/lib/größe.ts'))).mode & 0o777, 0o644);
  });

  it('differs with any name, mode, content or empty folder', async () => {
    await write(sample);
    const digests = new Set([(await layOut()).digest]);
    const changes: readonly (() => Promise<void>)[] = [
      async () => await writeFile(join(root, 'handler/handler.ts'), 'eno'),
      async () => await chmod(join(root, 'handler/handler.ts'), 0o755),
      async () => await cp(join(root, 'handler/handler.ts'), join(root, 'handler/other.ts')),
      async () => await rm(join(root, 'handler/lib/größe.ts')),
      async () => await rm(join(root, 'handler/lib'), { recursive: true }),
    ];
    for (const change of changes) {
      await change();
      const { digest } = await layOut();
      assert.ok(!digests.has(digest), String(change));
      digests.add(digest);
    }
  });

  it('gives a file another time when an edit keeps its size', async () => {
    await write(sample);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 50 }), async (bytes) => {
        const times: number[] = [];
        for (const text of [bytes, bytes.map((byte) => byte ^ 1), bytes]) {
          await writeFile(join(root, 'handler/handler.ts'), text);
          const { folder } = await layOut();
          const { mtimeMs } = await stat(join(folder, 'function/handler.ts'));
          assert.ok(mtimeMs >= 1e12 && mtimeMs < 1.5e12);
          times.push(mtimeMs);
        }
        assert.notEqual(times[0], times[1]);
        assert.equal(times[0], times[2]);
      }),
      { numRuns: 10 },
    );
  });

  it('follows links to files and folders', async () => {
    await write({ ...sample, 'shared/a.ts': 'shared' });
    await symlink('../../shared', join(root, 'handler/lib/shared'));
    await symlink('handler.ts', join(root, 'handler/alias.ts'));
    const { folder } = await layOut();
    assert.equal(await readFile(join(folder, 'function/lib/shared/a.ts'), 'utf8'), 'shared');
    assert.equal(await readFile(join(folder, 'function/alias.ts'), 'utf8'), 'one');
  });

  it('refuses links in a circle and links to nowhere', async () => {
    await write(sample);
    await symlink('..', join(root, 'handler/lib/up'));
    await assert.rejects(layOut(), refusal('BAN-E003', /handler\/lib\/up is a link to a folder that holds it/));
    await rm(join(root, 'handler/lib/up'));
    await symlink('nowhere', join(root, 'handler/dangling'));
    await assert.rejects(layOut(), refusal('BAN-E003', /handler\/dangling cannot be read/));
  });

  it('says so where handler and template disagree about file and folder', async () => {
    await write({ ...sample, 'template/function/lib': 'a file' });
    await assert.rejects(layOut('handler', template(false)), refusal('BAN-E003', /handler\/lib cannot be copied/));
    await write({ 'template/function/x/y': 'a folder', 'handler/x': 'a file' });
    await rm(join(root, 'template/function/lib'));
    await assert.rejects(layOut('handler', template(false)), refusal('BAN-E003', /handler\/x cannot be copied/));
  });

  it('does not copy itself when the temporary folder is inside the handler', async () => {
    await write(sample);
    const folder = join(root, 'handler/tmp/bantam/hello');
    await layOutContext(template(), join(root, 'handler'), folder);
    assert.deepEqual(await tree(folder), ['Dockerfile', 'function/handler.ts', 'function/lib/größe.ts']);
  });

  it('stops when it is interrupted', async () => {
    await write(sample);
    await assert.rejects(
      layOutContext(template(), join(root, 'handler'), join(root, 'out'), AbortSignal.abort()),
      Interrupted,
    );
  });
});

function refusal(code: string, words: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof UserError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, words);
    return true;
  };
}
