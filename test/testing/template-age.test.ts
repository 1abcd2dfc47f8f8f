import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installTemplate } from '../../cli/template/pack.ts';
import { explainTemplate } from '../../cli/testing/template-age.ts';

describe('a promise that is not kept', () => {
  it('is put down to the template where the project has another than this bantam', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'bantam-template-age-'));
    try {
      const project = join(folder, 'project');
      const pack = { folder: join(folder, 'pack'), source: 'bantam', version: '1.0.0' };
      await mkdir(join(pack.folder, 'bantam-ts'), { recursive: true });
      await mkdir(project);
      const file = join(pack.folder, 'bantam-ts/template.yml');
      await writeFile(file, 'language: bantam-ts\n');
      await installTemplate(pack, 'bantam-ts', project);
      const explain = (): Promise<string | undefined> => explainTemplate(pack, project, 'bantam-ts');
      assert.equal(await explain(), undefined);
      await writeFile(file, 'language: bantam-ts\nhandler_folder: function\n');
      assert.match((await explain()) ?? '', /another bantam.*: bantam template pull bantam-ts brings/);
      await writeFile(join(project, 'template/bantam-ts/template.yml'), 'language: mine\n');
      assert.match((await explain()) ?? '', /bantam template pull bantam-ts --overwrite/);
      assert.equal(await explainTemplate(pack, project, 'node22'), undefined);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
