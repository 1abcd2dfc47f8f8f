import assert from 'node:assert/strict';
import { access, lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { repository, templates } from './build-context.ts';

const readJson = async (...path: string[]): Promise<Record<string, Record<string, string>>> =>
  JSON.parse(await readFile(join(...path), 'utf8'));

describe('the template pack as stock faas-cli reads it', () => {
  it('is found under template/', async () => {
    assert.equal(await readlink(join(repository, 'template')), 'templates');
  });

  for (const template of ['bantam-ts', 'bantam-go']) {
    it(`${template} is a real folder with what faas-cli asks for`, async () => {
      assert.ok((await lstat(join(templates, template))).isDirectory());
      const definition = parse(await readFile(join(templates, template, 'template.yml'), 'utf8'));
      assert.equal(definition.language, template);
      assert.equal(definition.handler_folder, 'function');
      assert.equal(typeof definition.fprocess, 'string');
      assert.equal(typeof definition.welcome_message, 'string');
      const description = await readJson(templates, template, definition['x-bantam'].build);
      assert.equal(definition.fprocess, Object.values(description['image']?.['entrypoint'] ?? {}).join(' '));
      // npm leaves such files out of packages: `fn new` would give other files when bantam is installed.
      const names = await readdir(join(templates, template), { recursive: true });
      assert.deepEqual(
        names.filter((name) => !name.includes('node_modules') && /(^|\/)\.(git|npm)ignore$|\.npmrc$/.test(name)),
        [],
      );
      for (const file of ['Dockerfile', '.dockerignore', 'README.md']) await access(join(templates, template, file));
    });
  }
});

it('bantam-ts and this repository bundle with the same versions, so that both builds of a function give the same bytes', async () => {
  const own = await readJson(repository, 'package.json');
  const template = await readJson(templates, 'bantam-ts', 'package.json');
  const description = await readJson(templates, 'bantam-ts', 'build.json');
  const all = { ...own['devDependencies'], ...own['dependencies'] };
  for (const [name, version] of Object.entries({ ...template['dependencies'], ...template['devDependencies'] })) {
    assert.match(version, /^\d+\.\d+\.\d+$/, `${name} is pinned`);
    assert.equal(all[name], version, name);
  }
  assert.equal(template['devDependencies']?.['esbuild'], description['version']);
});
