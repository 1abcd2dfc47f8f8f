import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeAbandoned } from '../../cli/template/abandoned.ts';
import { boundKept, touchKept } from '../../cli/template/kept-commits.ts';

const hour = 3_600_000;

describe('what is kept of template repositories', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bantam-test-kept-'));
  });
  afterEach(async () => await rm(folder, { recursive: true, force: true }));

  async function make(name: string, hours: number, bytes = 10): Promise<void> {
    await mkdir(join(folder, name, 'objects/pack'), { recursive: true });
    await writeFile(join(folder, name, 'objects/pack/p'), Buffer.alloc(bytes));
    const time = new Date(Date.now() - hours * hour);
    await utimes(join(folder, name), time, time);
  }
  const names = async (): Promise<readonly string[]> => (await readdir(folder)).sort();

  it('is bounded in number: what was not used for longest goes', async () => {
    for (const [index, name] of ['a.git', 'b.git', 'c.git', 'd.git', 'other'].entries()) await make(name, 10 - index);
    await touchKept(join(folder, 'a.git'));
    await boundKept(folder, { commits: 2 });
    assert.deepEqual(await names(), ['a.git', 'd.git', 'other']);
  });

  it('is bounded in bytes', async () => {
    for (const [index, name] of ['a.git', 'b.git', 'c.git'].entries()) await make(name, 10 - index, 400);
    await boundKept(folder, { bytes: 900 });
    assert.deepEqual(await names(), ['b.git', 'c.git']);
  });

  it('stays where another program may be using it, and where there is room', async () => {
    for (const name of ['a.git', 'b.git']) await make(name, 0.5);
    await boundKept(folder, { commits: 1, bytes: 1 });
    assert.deepEqual(await names(), ['a.git', 'b.git']);
    await make('a.git', 1000);
    await boundKept(folder);
    assert.deepEqual(await names(), ['a.git', 'b.git']);
    await boundKept(join(folder, 'nowhere'));
  });

  it('has no working folders of killed programs for long', async () => {
    await make('.new-old', 2);
    await make('.new-young', 0.5);
    await make('a.git', 2);
    await removeAbandoned(folder, '.new-', hour);
    assert.deepEqual(await names(), ['.new-young', 'a.git']);
    await removeAbandoned(join(folder, 'nowhere'), '.new-', hour);
  });
});
