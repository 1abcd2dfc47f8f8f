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
    return await layOutContext(of, join(root, handler), join(root, `scratch ${count}`, 'hello'), { project: root });
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

  it('leaves out the meta.json that faas-cli writes into a template, and no other one', async () => {
    const foreign = template(false);
    const record = (time: string): string => JSON.stringify({ repository: 'https://x/y', written_at: time });
    await write({ ...sample, 'template/meta.json': record('1'), 'template/deep/meta.json': record('1') });
    const first = await layOut('handler', foreign);
    assert.ok((await tree(first.folder)).includes('deep/meta.json'));
    assert.ok(!(await tree(first.folder)).includes('meta.json'));
    await write({ 'template/meta.json': record('2') });
    assert.equal((await layOut('handler', foreign)).digest, first.digest);
    await write({ 'template/meta.json': '{"name":"of the template"}' });
    assert.ok((await tree((await layOut('handler', foreign)).folder)).includes('meta.json'));
  });

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

  describe('with links out of the project', () => {
    let outside = '';
    beforeEach(async () => {
      outside = await mkdtemp(join(tmpdir(), 'bantam-outside-'));
      await writeFile(join(outside, 'id_ed25519'), 'secret');
      await write(sample);
    });
    afterEach(async () => await rm(outside, { recursive: true, force: true }));

    for (const [what, at, to] of [
      ['a folder in a handler', 'handler/lib/keys', ''],
      ['a file in a handler', 'handler/key', 'id_ed25519'],
      ['a folder in a template', 'template/keys', ''],
      ['a file in a template', 'template/key', 'id_ed25519'],
    ] as const)
      it(`refuses ${what}`, async () => {
        await symlink(join(outside, to), join(root, at));
        const error: unknown = await layOut().then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
        assert.ok(refusal('BAN-E003', /leads out of the project/)(error));
        assert.ok(error instanceof UserError);
        assert.ok(error.message.includes(join(root, at)) && error.message.includes(join(outside, to)), error.message);
        assert.match(error.hint ?? '', /copy/);
      });

    it('refuses a link behind another link, and one to a folder whose name begins like the project’s', async () => {
      await symlink(outside, join(root, 'shared'));
      await symlink('../shared/id_ed25519', join(root, 'handler/key'));
      await assert.rejects(layOut(), refusal('BAN-E003', /handler\/key leads out of the project/));
      await rm(join(root, 'handler/key'));
      await mkdir(join(root, 'project'));
      await mkdir(join(root, 'project-2'));
      await symlink('../../project-2', join(root, 'handler/lib/two'));
      await assert.rejects(
        layOutContext(template(), join(root, 'handler'), join(root, 'out'), { project: join(root, 'project') }),
        refusal('BAN-E003', /handler\/lib\/two leads out/),
      );
    });

    it('refuses it without a project, too', async () => {
      await symlink(join(outside, 'id_ed25519'), join(root, 'handler/key'));
      await assert.rejects(
        layOutContext(template(), join(root, 'handler'), join(root, 'out')),
        refusal('BAN-E003', /leads out/),
      );
    });

    it('takes a handler and a template that are links themselves, with links inside of them', async () => {
      await mkdir(join(outside, 'handler'));
      await writeFile(join(outside, 'handler/handler.ts'), 'three');
      await symlink('handler.ts', join(outside, 'handler/alias.ts'));
      await symlink(join(outside, 'handler'), join(root, 'linked'));
      await symlink('template', join(root, 'templates'));
      const linked = { ...template(), folder: join(root, 'templates') };
      assert.deepEqual(await tree((await layOut('linked', linked)).folder), [
        'Dockerfile',
        'function/alias.ts',
        'function/handler.ts',
      ]);
    });
  });

  it('never takes what is secret along, not through a link either', async () => {
    await write({
      ...sample,
      'handler/.bantam/local.json': 'password',
      'handler/lib/.secrets/token': 'password',
      'template/.secrets/token': 'password',
      '.bantam/local.json': 'password',
      '.secrets/token': 'password',
    });
    const { folder } = await layOut();
    assert.deepEqual(await tree(folder), ['Dockerfile', 'function/handler.ts', 'function/lib/größe.ts']);
    for (const target of ['../.bantam', '../.secrets/token', '.bantam/local.json']) {
      await symlink(target, join(root, 'handler/link'));
      await assert.rejects(layOut(), refusal('BAN-E003', /handler\/link leads to what is secret/));
      await rm(join(root, 'handler/link'));
    }
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
      layOutContext(template(), join(root, 'handler'), join(root, 'out'), { signal: AbortSignal.abort() }),
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
