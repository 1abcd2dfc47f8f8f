import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startGatewayInMemory } from './gateway-in-memory.ts';
import { makeProject, type Project } from './project.ts';

/** A project as people have it who come from the official templates: no folder template, `lang` just changed. */
async function makeMovedProject(...languages: readonly string[]): Promise<Project> {
  const project = await makeProject();
  for (const path of ['template', 'hello', '.gitignore']) await rm(join(project.path, path), { recursive: true });
  for (const [index] of languages.entries()) {
    await mkdir(join(project.path, `f${index}`));
    await writeFile(join(project.path, `f${index}/handler.js`), 'module.exports = async () => 1\n');
  }
  const functions = languages.map(
    (lang, index) => `  f${index}: { lang: ${lang}, handler: ./f${index}, image: "127.0.0.1:1/f${index}:1" }\n`,
  );
  await writeFile(
    join(project.path, 'stack.yml'),
    `version: 1.0\nprovider: { name: openfaas }\nfunctions:\n${functions.join('')}`,
  );
  return project;
}

/** No docker there: a build ends after its plan. */
const noDocker = { environment: { PATH: '/nowhere' } };
const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
const line = `template/bantam-ts brought from bantam ${version}`;

/** Mode, content and path of every file below a folder. */
async function listFiles(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return await Promise.all(
    files.sort().map(async (file) => {
      const mode = ((await stat(file)).mode & 0o777).toString(8);
      return `${mode} ${(await readFile(file)).toString('base64')} ${file.slice(folder.length + 1)}`;
    }),
  );
}

describe('a function whose lang was changed to a template of bantam’s', () => {
  it('is built from a copy that the build brings, the same as that of fn new', async () => {
    await using project = await makeMovedProject('bantam-ts', 'bantam-ts');
    await using fresh = await makeProject();
    const first = await project.run(['fn', 'build', '--builder', 'buildx'], noDocker);
    assert.match(first.stdout, /✗ f0\b.*\(BAN-E201\)/, 'planned, then no docker');
    assert.deepEqual(
      first.stderr.split('\n').filter((text) => text.includes('brought')),
      [line],
    );
    // `fn new` writes a schema for editors beside the templates, too.
    for (const schema of ['stack', 'examples'])
      await rm(join(fresh.path, `template/${schema}.schema.json`), { force: true });
    assert.deepEqual(await listFiles(join(project.path, 'template')), await listFiles(join(fresh.path, 'template')));
    const second = await project.run(['fn', 'build', '--builder', 'buildx'], noDocker);
    assert.doesNotMatch(second.stderr, /brought/);
  });

  it('tells it on stderr with --json, too', async () => {
    await using project = await makeMovedProject('bantam-ts');
    const { stdout, stderr } = await project.run(['fn', 'build', '--json', '--builder', 'buildx'], noDocker);
    assert.equal((JSON.parse(stdout) as { functions: { failure: { code: string } }[] }).functions.length, 1);
    assert.equal(stderr, `${line}\n`);
  });

  it('is planned and checked without writing', async () => {
    await using project = await makeMovedProject('bantam-ts');
    const before = await listFiles(project.path);
    const printed = await project.run(['fn', 'build', '--print']);
    assert.equal(printed.exitCode, 0, printed.stderr);
    assert.match(printed.stdout, /^docker buildx build /);
    const { stdout } = await project.run(['doctor', '--gateway', 'http://127.0.0.1:1'], noDocker);
    assert.match(stdout, /^✓ stack +.*1 function$/m);
    assert.deepEqual(await listFiles(project.path), before);
    assert.ok(!(await readdir(project.path)).includes('template'));
  });

  it('is built so by fn deploy, and not without a build', async () => {
    await using project = await makeMovedProject('bantam-ts');
    await using gateway = await startGatewayInMemory();
    const deploy = ['fn', 'deploy', '--builder', 'buildx', '--gateway', gateway.loggedIn];
    assert.doesNotMatch((await project.run([...deploy, '--no-build'], noDocker)).stderr, /brought/);
    assert.ok(!(await readdir(project.path)).includes('template'));
    const { stdout, stderr } = await project.run(deploy, noDocker);
    assert.match(stdout, /BAN-E201/);
    assert.ok(stderr.split('\n').includes(line), stderr);
    assert.deepEqual((await readdir(join(project.path, 'template'))).sort(), ['.bantam.json', 'bantam-ts']);
  });

  it('other templates and short names stay unknown, each function for itself', async () => {
    await using project = await makeMovedProject('node22', 'ts', 'bantam-go');
    const { exitCode, stdout, stderr } = await project.run(['fn', 'build', '--builder', 'buildx'], noDocker);
    assert.equal(exitCode, 2);
    assert.match(
      stdout,
      /✗ f0 .*no template node22.*\(BAN-E111\)\n +next: bantam template pull https:\/\/github.com\/openfaas\/templates node22 brings it/,
    );
    assert.match(stdout, /✗ f1 .*no template ts .*\(BAN-E111\)\n +next: did you mean bantam-ts\?/);
    assert.match(stderr, /template\/bantam-go brought/);
    assert.deepEqual((await readdir(join(project.path, 'template'))).sort(), ['.bantam.json', 'bantam-go']);
  });
});
